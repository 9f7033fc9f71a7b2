import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/fake-clock.ts";
import { until } from "./wait.ts";

test("a condition is asked less and less often, and what it gives is the answer", async () => {
  const clock = new FakeClock();
  const asked: number[] = [];
  const answer = until(clock, "it", 60_000, () => {
    asked.push(clock.now());
    return clock.now() >= 2_000 ? "done" : undefined;
  });
  await clock.advance(3_000);
  assert.equal(await answer, "done");
  const pauses = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
  assert.ok(
    pauses.every((pause, index) => pause > (pauses[index - 1] ?? 0) - 0.001),
    String(pauses),
  );
  assert.ok(Math.max(...pauses) < 150.001);
});

test("a wait ends with its deadline, naming what it waited for, or with what the condition throws", async () => {
  const clock = new FakeClock();
  const late = assert.rejects(
    until(clock, "the store to be ready", 1_000, () => undefined),
    { code: "tooLate", message: "the store to be ready: not within 1 s" },
  );
  await clock.advance(2_000);
  await late;
  await assert.rejects(
    until(clock, "it", 1_000, () => {
      throw new TypeError("boom");
    }),
    TypeError,
  );
});
