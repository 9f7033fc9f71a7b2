import assert from "node:assert/strict";
import { test } from "node:test";
import { SpeakerWorld } from "../testing/speaker-world.ts";

test("two speakers that dial each other share their routes over one session", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  left.originate("192.168.0.0/26", "fd00:1::/64");
  right.originate("192.168.1.0/26");
  await world.until("the routes", () => left.best.size === 1 && right.best.size === 2);
  assert.deepEqual(Object.fromEntries(right.best), { "192.168.0.0/26": "10.0.0.1", "fd00:1::/64": "10.0.0.1" });
  assert.deepEqual(Object.fromEntries(left.best), { "192.168.1.0/26": "10.0.0.2" });
  left.originate("192.168.0.0/26");
  await world.until("the withdrawal", () => right.best.size === 1);
  assert.equal(left.status("10.0.0.2").flaps, 0);
  world.close();
});
