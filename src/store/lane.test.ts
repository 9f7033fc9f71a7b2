import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../port/clock.ts";
import { Lane } from "./lane.ts";

/** A clock that work moves, and that knows how much was done in the longest turn. */
function workClock() {
  let now = 0;
  let turnBegan = 0;
  let longest = 0;
  const clock: Clock = {
    now: () => now,
    after: () => ({ cancel: () => {} }),
    cpuMicros: () => 0,
    yield: async () => {
      await setImmediate();
      longest = Math.max(longest, now - turnBegan);
      turnBegan = now;
    },
  };
  const work = (ms: number): void => {
    now += ms;
  };
  return { clock, work, longest: () => longest };
}

test("many long loops together take one slice of a turn, and a short one does not wait for them", async () => {
  const { clock, work, longest } = workClock();
  const lane = new Lane(clock);
  const ended: string[] = [];
  const loop = async (name: string, steps: number): Promise<void> => {
    await lane.each(Array.from({ length: steps }), () => work(1));
    ended.push(name);
  };
  const long = Array.from({ length: 20 }, (_, at) => loop(`long ${at}`, 60));
  for (let turn = 0; turn < 40; turn++) await setImmediate();
  await loop("short", 4);
  assert.equal(ended.length, 1, "the short one came when the long ones were half done");
  await Promise.all(long);
  assert.equal(ended.length, 21);
  // Each loop begins with a step of its own, so the turn in which they all begin is longer by those.
  assert.ok(longest() <= 5 + 20, `the longest turn took ${longest()}`);
});

test("every item is seen once, in order", async () => {
  const { clock, work } = workClock();
  const lane = new Lane(clock);
  const seen: number[] = [];
  const items = Array.from({ length: 100 }, (_, at) => at);
  await lane.each(items, (item) => {
    work(2);
    seen.push(item);
  });
  assert.deepEqual(seen, items);
});
