import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/fake-clock.ts";
import { HEARD_WITHIN_MS, TakenDevices } from "./taken-devices.ts";

test("a device is known as taken away by us while that is done, however long, and a while after it", async () => {
  const clock = new FakeClock();
  const taken = new TakenDevices(clock);
  let done = (): void => undefined;
  const work = taken.taking("tunl0", () => new Promise<void>((resolve) => (done = resolve)));
  await clock.advance(10 * HEARD_WITHIN_MS);
  assert.deepEqual([taken.has("tunl0"), taken.has("vxlan.calico"), [...taken.names()]], [true, false, ["tunl0"]]);
  done();
  await work;
  await clock.advance(HEARD_WITHIN_MS - 1);
  assert.ok(taken.has("tunl0"));
  await clock.advance(1);
  assert.deepEqual([taken.has("tunl0"), [...taken.names()]], [false, []]);
  assert.equal(clock.pending, 0, "no timer runs");
});

test("what fails may have taken it away all the same, and is handed on", async () => {
  const clock = new FakeClock();
  const taken = new TakenDevices(clock);
  await assert.rejects(
    taken.taking("tunl0", () => Promise.reject(new Error("refused"))),
    /refused/,
  );
  assert.ok(taken.has("tunl0"));
  await clock.advance(HEARD_WITHIN_MS);
  assert.equal(taken.has("tunl0"), false);
});
