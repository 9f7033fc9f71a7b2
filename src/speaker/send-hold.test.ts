import assert from "node:assert/strict";
import { test } from "node:test";
import type { BgpStream } from "../port/bgp-transport.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { SendHold, sendHoldMs } from "./send-hold.ts";

/** A stream of which so many octets wait. */
const waiting = (pendingOctets: number): BgpStream & { pendingOctets: number } =>
  ({ pendingOctets }) as BgpStream & { pendingOctets: number };

test("RFC 9687: eight minutes, or twice a longer hold time", () => {
  assert.deepEqual([sendHoldMs(90), sendHoldMs(0), sendHoldMs(300)], [480_000, 480_000, 600_000]);
});

test("a peer that takes nothing is given up, one that takes a little is not", async () => {
  const clock = new FakeClock();
  const expired: number[] = [];
  const hold = new SendHold(clock, (slot) => expired.push(slot));
  const [stuck, slow] = [waiting(100), waiting(100)];
  hold.wrote(0, stuck, 100, 90);
  hold.wrote(1, slow, 100, 90);
  for (let round = 0; round < 5; round++) {
    await clock.advance(240_000);
    slow.pendingOctets -= 10;
  }
  assert.deepEqual(expired, [0]);
});

test("nothing runs while nothing waits", async () => {
  const clock = new FakeClock();
  const hold = new SendHold(clock, () => assert.fail("nothing waits"));
  hold.wrote(0, waiting(0), 100, 90);
  assert.equal(clock.pending, 0);
  const stream = waiting(10);
  hold.wrote(0, stream, 10, 90);
  hold.cancel(0);
  assert.equal(clock.pending, 0);
});
