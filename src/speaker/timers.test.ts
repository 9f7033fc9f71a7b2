import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/fake-clock.ts";
import { Timers } from "./timers.ts";

function timers(): { clock: FakeClock; timers: Timers<"a" | "b">; fired: string[] } {
  const clock = new FakeClock();
  const fired: string[] = [];
  return { clock, fired, timers: new Timers(clock, (name) => fired.push(`${name} ${clock.now()}`)) };
}

test("a timer that is set again and again fires once, when the last says", async () => {
  const { clock, timers: all, fired } = timers();
  for (let round = 0; round < 10; round++) {
    all.set("a", 1000);
    await clock.advance(100);
  }
  assert.equal(clock.pending, 1);
  await clock.advance(5000);
  assert.deepEqual(fired, ["a 1900"]);
});

test("a timer that is set to an earlier time fires then", async () => {
  const { clock, timers: all, fired } = timers();
  all.set("a", 5000);
  all.set("b", 300);
  all.set("a", 200);
  await clock.advance(10_000);
  assert.deepEqual(fired, ["a 200", "b 300"]);
});

test("a cancelled timer does not fire", async () => {
  const { clock, timers: all, fired } = timers();
  all.set("a", 100);
  all.set("b", 100);
  all.cancel("a");
  assert.ok(all.left("a") === undefined && all.left("b") !== undefined);
  all.cancelAll();
  await clock.advance(1000);
  assert.deepEqual(fired, []);
  assert.equal(clock.pending, 0);
});

test("a timer says how late it is, after time in which nothing ran", async () => {
  const clock = new FakeClock();
  const late: number[] = [];
  const all = new Timers<"a">(clock, (_name, lateMs) => late.push(lateMs));
  all.set("a", 100);
  await clock.advance(50);
  all.set("a", 100);
  clock.stall(1000);
  await clock.advance(0);
  all.set("a", 100);
  await clock.advance(100);
  assert.deepEqual(late, [900, 0]);
});
