import assert from "node:assert/strict";
import { test } from "node:test";
import { PrometheusMetrics } from "../../adapter/metrics.ts";
import { SpeakerWorld } from "../../testing/speaker-world.ts";
import { watchBgpMetrics } from "./bgp-metrics.ts";

test("a scrape sums over sessions, and counters outlive the session that counted", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  right.originate("192.168.1.0/26", "192.168.2.0/26");
  left.originate("192.168.0.0/26");
  await world.until("the routes", () => left.best.size === 2 && right.best.size === 1);
  const metrics = new PrometheusMetrics();
  watchBgpMetrics(metrics, () => left.speaker.status());
  const told = async (name: string): Promise<number> => {
    const text = await metrics.text();
    const line = text.split("\n").find((each) => each.startsWith(`ocicat_bgp_${name} `));
    return Number(line?.slice(line.lastIndexOf(" ")));
  };
  assert.equal(await told('sessions{state="established"}'), 1);
  assert.equal(await told('sessions{state="active"}'), 0);
  assert.equal(await told('prefixes{kind="received"}'), 2);
  assert.equal((await told('prefixes{kind="told"}')) >= 1, true);
  assert.equal((await told('updates{direction="received"}')) >= 2, true);
  world.network.reset(left.routerId, right.routerId);
  await world.until("the loss", () => left.status("10.0.0.2").flaps === 1);
  assert.equal(await told("flaps"), 1);
  const received = await told('messages{direction="received"}');
  left.configure({ sessions: new Map() });
  assert.equal(await told('sessions{state="established"}'), 0);
  assert.equal(await told("flaps"), 1);
  assert.equal((await told('messages{direction="received"}')) >= received, true);
  world.close();
});
