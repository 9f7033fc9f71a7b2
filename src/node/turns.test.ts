import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../port/clock.ts";
import type { Metrics } from "../port/metrics.ts";
import { TurnMeter } from "./turns.ts";

function meter() {
  const observed: (readonly [string, number])[] = [];
  let micros = 0;
  let now = 0;
  const clock: Clock = {
    now: () => now++,
    cpuMicros: () => micros,
    after: () => ({ cancel: () => {} }),
    yield: async () => {},
  };
  const metrics: Metrics = {
    count: () => {},
    set: () => {},
    observe: (_key, value, ...labels) => observed.push([(labels[0] as { turn: string }).turn, value]),
    onCollect: () => {},
  };
  const spend = (ms: number): void => {
    micros += ms * 1_000;
  };
  const turns = new TurnMeter(clock, metrics);
  return {
    turns,
    observed,
    work: (name: string, ms: number) => turns.measure(name, () => spend(ms)),
  };
}

test("a turn is measured in CPU time, whatever its outcome", () => {
  const { turns, observed, work } = meter();
  work("compile", 3);
  assert.throws(() =>
    turns.measure("inbox", () => {
      throw new Error("boom");
    }),
  );
  assert.deepEqual(observed, [
    ["compile", 0.003],
    ["inbox", 0],
  ]);
  assert.equal(
    turns.measure("x", () => 7),
    7,
  );
});

test("a measured piece inside another counts once, as the outer one", () => {
  const { turns, observed, work } = meter();
  turns.measure("outer", () => work("inner", 5));
  assert.deepEqual(observed, [["outer", 0.005]]);
});

test("the longest turns are kept by name, longest first, and those over the budget are counted", () => {
  const { turns, work } = meter();
  for (let ms = 1; ms <= 15; ms++) work(`turn ${ms}`, ms);
  work("turn 3", 25);
  work("turn 15", 2);
  assert.deepEqual(
    turns.worst.map(({ name, cpuMs }) => [name, cpuMs]),
    [["turn 3", 25], ...[15, 14, 13, 12, 11, 10, 9, 8, 7].map((ms) => [`turn ${ms}`, ms])],
  );
  assert.equal(turns.overBudget, 1);
});
