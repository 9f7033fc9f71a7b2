import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/fake-clock.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { Health } from "./health.ts";

function health() {
  const clock = new FakeClock();
  const log = new SilentLog();
  return { clock, log, health: new Health(clock, log) };
}
const state = (some: Health): readonly boolean[] => {
  const { isLive, isReady } = some.summary();
  return [isLive, isReady];
};

test("without reporters all is well and there is nothing to tell", () => {
  assert.deepEqual(health().health.summary(), { isLive: true, isReady: true, detail: "" });
});

test("a new reporter is live and not ready; qualities that it does not report count as good", () => {
  const { health: some } = health();
  some.register("a", { reportsLive: true });
  assert.deepEqual(state(some), [true, true]);
  const report = some.register("b", { reportsReady: true });
  assert.deepEqual(state(some), [true, false]);
  report({ isReady: true });
  assert.deepEqual(state(some), [true, true]);
  report({ isReady: false, isLive: false });
  assert.deepEqual(state(some), [true, false]);
});

test("a report runs out after its timeout, and an override has the last word", async () => {
  const { health: some, clock } = health();
  const report = some.register("loop", { reportsLive: true, reportsReady: true, timeoutMs: 90_000 });
  report({ isLive: true, isReady: true });
  await clock.advance(90_000);
  assert.deepEqual(state(some), [true, true]);
  await clock.advance(1);
  assert.deepEqual(state(some), [false, false]);
  some.overrideTimeouts({ loop: 120_000 });
  assert.deepEqual(state(some), [true, true]);
  some.overrideTimeouts({ loop: 0 });
  await clock.advance(1e9);
  assert.deepEqual(state(some), [true, true]);
});

test("the detail is Felix's table", () => {
  const { health: some } = health();
  some.overrideTimeouts({ FelixStartup: 5_000 });
  some.register("InternalDataplaneMainLoop", { reportsLive: true, reportsReady: true, timeoutMs: 90_000 })({
    isLive: true,
    isReady: true,
  });
  some.register("FelixStartup", { reportsReady: true })({ isReady: false, detail: "waiting for the store" });
  assert.equal(
    some.summary().detail,
    [
      "+---------------------------+---------------+----------------+---------------------+-----------------------+",
      "|         COMPONENT         |    TIMEOUT    |    LIVENESS    |      READINESS      |        DETAIL         |",
      "+---------------------------+---------------+----------------+---------------------+-----------------------+",
      "| FelixStartup              | 5s (override) | -              | reporting non-ready | waiting for the store |",
      "| InternalDataplaneMainLoop | 1m30s         | reporting live | reporting ready     |                       |",
      "+---------------------------+---------------+----------------+---------------------+-----------------------+",
    ].join("\n"),
  );
});

test("a change of the whole is logged once", () => {
  const { health: some, log } = health();
  const report = some.register("a", { reportsReady: true });
  some.summary();
  some.summary();
  report({ isReady: true });
  some.summary();
  assert.deepEqual(
    log.lines.map(({ fields }) => fields["ready"]),
    [false, true],
  );
});
