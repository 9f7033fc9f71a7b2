import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../adapter/clock.ts";
import { AsyncWorkName } from "../adapter/work-name.ts";
import type { Clock } from "../port/clock.ts";
import type { Metrics } from "../port/metrics.ts";
import { MeteredClock } from "./metered-clock.ts";
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
  const turns = new TurnMeter(clock, { metrics, work: new AsyncWorkName() });
  return {
    turns,
    observed,
    spend,
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

/** A meter on the real loop; only what `spend` says counts as CPU time. */
function onTheLoop() {
  const { turns, observed, spend } = meter();
  const clock = new MeteredClock(new SystemClock(), turns);
  return { turns, observed, clock, spend };
}

test("work that goes on after a yield is a turn of its own, under the name that it was given", async () => {
  const { turns, observed, clock, spend } = onTheLoop();
  await turns.measure("apply routes", async () => {
    spend(1);
    await clock.yield();
    spend(30);
    await Promise.resolve();
    spend(5);
    await clock.yield();
    spend(2);
  });
  await clock.yield();
  assert.deepEqual(observed.slice(0, 3), [
    ["apply routes", 0.001],
    ["apply routes", 0.035],
    ["apply routes", 0.002],
  ]);
  assert.equal(turns.overBudget, 1);
});

test("two that yield at the same time have a turn each", async () => {
  const { turns, observed, clock, spend } = onTheLoop();
  const work = (name: string, ms: number) =>
    turns.measure(name, async () => {
      await clock.yield();
      spend(ms);
    });
  await Promise.all([work("a", 15), work("b", 12)]);
  await clock.yield();
  assert.deepEqual(
    observed.filter(([, seconds]) => seconds > 0),
    [
      ["a", 0.015],
      ["b", 0.012],
    ],
  );
  assert.equal(turns.overBudget, 0);
});

test("a timer's callback is a turn with all that it settles, called by what took most of it", async () => {
  const { turns, observed, clock, spend } = onTheLoop();
  await new Promise<void>((resolve) => {
    turns.measure("publish", () =>
      clock.after(1, () => {
        spend(3);
        turns.measure("change", () => spend(9));
        resolve();
      }),
    );
  }).then(() => spend(4));
  await clock.yield();
  assert.deepEqual(
    observed.filter(([, seconds]) => seconds > 0),
    [["change", 0.016]],
  );
});
