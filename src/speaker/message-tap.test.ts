import assert from "node:assert/strict";
import { test } from "node:test";
import { describeMessage } from "../bgp/message/message-text.ts";
import { SpeakerWorld } from "../testing/speaker-world.ts";
import { MessageTap, type TappedMessage } from "./message-tap.ts";

const wordsOf = ({ session, direction, decoded }: TappedMessage): string =>
  `${session} ${direction} ${decoded.ok ? describeMessage(decoded.message) : decoded.error.message}`;

test("who listens hears both directions of a session, from the OPEN on", async () => {
  const world = new SpeakerWorld();
  const [left, right] = [world.host("10.0.0.1"), world.host("10.0.0.2")];
  const heard: string[] = [];
  left.speaker.messages.listen((tapped) => heard.push(wordsOf(tapped)));
  left.peer(right);
  right.peer(left, { passive: true });
  left.originate("192.168.0.0/26", "fd00:1::/64");
  right.originate("192.168.1.0/26");
  await world.until("the routes", () => left.best.size === 1 && right.best.size === 2);
  assert.match(heard[0] ?? "", /^10\.0\.0\.2 sent OPEN version 4, AS 64512/);
  const told = heard.filter((line) => line.includes("announces"));
  assert.deepEqual(told.map((line) => line.replace(/ \(.*/, "")).sort(), [
    "10.0.0.2 received UPDATE announces 1: 192.168.1.0/26",
    "10.0.0.2 sent UPDATE announces 1: 192.168.0.0/26",
    "10.0.0.2 sent UPDATE announces 1: fd00:1::/64",
  ]);
  assert.equal(heard.filter((line) => line.endsWith("sent KEEPALIVE")).length > 0, true);
  world.close();
});

test("it is off until somebody listens, and when the last has left", () => {
  const tap = new MessageTap();
  const heard: TappedMessage[] = [];
  const listener = (tapped: TappedMessage): void => void heard.push(tapped);
  assert.equal(tap.isOn, false);
  const [first, second] = [tap.listen(listener), tap.listen(listener)];
  tap.received("peer", { ok: true, message: { type: "keepalive" } });
  assert.equal(heard.length, 2);
  first();
  assert.equal(tap.isOn, true);
  second();
  assert.equal(tap.isOn, false);
});
