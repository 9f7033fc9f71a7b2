import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../port/clock.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { CallGate } from "./call-gate.ts";

test("a connection has so many calls at once, the next begins when one is over, others do not wait", async () => {
  const gate = new CallGate(new FakeClock());
  const [greedy, modest] = [{}, {}];
  const begun: number[] = [];
  for (let call = 0; call < 300; call++) gate.enter(greedy, () => begun.push(call));
  assert.equal(begun.length, 128);
  let isServed = false;
  gate.enter(modest, () => {
    isServed = true;
  });
  assert.ok(isServed);
  for (let call = 0; call < 300; call++) gate.leave(greedy);
  assert.deepEqual(
    begun,
    Array.from({ length: 300 }, (_, call) => call),
  );
  for (let call = 0; call < 128; call++) gate.enter(greedy, () => begun.push(call));
  assert.equal(begun.length, 428);
});

test("a turn begins calls for its share of time, the rest begins in the next turns, in order", async () => {
  let now = 0;
  const fake = new FakeClock();
  const clock: Clock = {
    now: () => now,
    yield: () => fake.yield(),
    after: (delay, fire) => fake.after(delay, fire),
    cpuMicros: () => 0,
  };
  const gate = new CallGate(clock);
  const begun: number[] = [];
  for (let call = 0; call < 20; call++) {
    gate.enter({}, () => {
      begun.push(call);
      now += 3;
    });
  }
  const perTurn = [begun.length];
  while (begun.length < 20) {
    await fake.yield();
    perTurn.push(begun.length);
  }
  assert.ok(
    perTurn.every((count, turn) => count - (perTurn[turn - 1] ?? 0) <= 3),
    String(perTurn),
  );
  assert.deepEqual(
    begun,
    Array.from({ length: 20 }, (_, call) => call),
  );
});
