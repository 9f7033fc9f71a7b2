import assert from "node:assert/strict";
import { test } from "node:test";
import { SpeakerWorld } from "../testing/speaker-world.ts";

test("a peer that answers is asked in no time, one that has vanished is named long before its hold time", async () => {
  const world = new SpeakerWorld();
  const hub = world.host("10.0.0.1");
  const [there, gone] = [world.host("10.0.0.2"), world.host("10.0.0.3")];
  for (const peer of [there, gone]) {
    hub.peer(peer, { holdTimeSeconds: 240 });
    peer.peer(hub, { holdTimeSeconds: 240 });
  }
  await world.until("both sessions", () => hub.isUp("10.0.0.2") && hub.isUp("10.0.0.3"));
  const before = world.clock.now();
  assert.deepEqual(await hub.speaker.unanswered(), []);
  assert.equal(world.clock.now(), before);
  world.network.silence(hub.routerId, gone.routerId);
  const asked = hub.speaker.unanswered();
  await world.clock.advance(2_000);
  assert.deepEqual(await asked, ["10.0.0.3"]);
  assert.ok(hub.isUp("10.0.0.3"), "it is still up, as far as BGP knows");
  world.close();
});

test("a session that ends while it is asked answers nobody, and one that is down is not asked", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  world.network.silence(left.routerId, right.routerId);
  const asked = left.speaker.unanswered();
  await world.clock.advance(100);
  world.network.reset(left.routerId, right.routerId);
  await world.clock.advance(2_000);
  assert.deepEqual(await asked, []);
  assert.deepEqual(await left.speaker.unanswered(), []);
  world.close();
});
