import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TakenDevices } from "../kernel/taken-devices.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryDriver } from "../testing/memory-driver.ts";
import { runs } from "../testing/runs.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { Reconciler } from "./reconciler.ts";
import { describeRepair, type Repair } from "./repair.ts";

/** Things from here on hang on the device `tunnel`. */
const ON_TUNNEL = 100;

function make() {
  const driver = new MemoryDriver<number>("things");
  const desired = new Map<string, number>();
  const clock = new FakeClock();
  const log = new SilentLog();
  const repairs: Repair[] = [];
  const taken = new TakenDevices(clock);
  const reconciler = new Reconciler({
    driver,
    desired,
    describe: String,
    devicesOf: (value) => (value >= ON_TUNNEL ? ["tunnel"] : []),
    taken,
    clock,
    log,
    wake: () => undefined,
    turn: (_name, work) => work(),
    progress: () => undefined,
    failed: () => undefined,
    repaired: (repair) => void repairs.push(repair),
  });
  reconciler.start();
  const pass = async () => {
    await reconciler.refresh();
    await reconciler.addsPass();
    await reconciler.removalsPass();
  };
  const want = (key: string, value: number | undefined) => {
    if (value === undefined) desired.delete(key);
    else desired.set(key, value);
    reconciler.mark(key);
  };
  const wantUrgently = (key: string, value: number | undefined) => {
    want(key, value);
    reconciler.markUrgent(key);
  };
  const urgentPass = async () => {
    if (reconciler.isStale) return;
    await reconciler.addsPass({ urgentOnly: true });
    await reconciler.removalsPass({ urgentOnly: true });
  };
  return { wantUrgently, urgentPass, driver, desired, clock, log, repairs, reconciler, pass, want, taken };
}

test("what was there before and is not wanted goes, what is wanted comes, what fits stays untouched", async () => {
  const { driver, pass, want } = make();
  driver.kernel.set("stale", 1);
  driver.kernel.set("fits", 2);
  driver.kernel.set("differs", 3);
  want("fits", 2);
  want("differs", 4);
  want("new", 5);
  await pass();
  assert.deepEqual(Object.fromEntries(driver.kernel), { fits: 2, differs: 4, new: 5 });
  assert.deepEqual(
    driver.applied.flat().map(({ op, key }) => `${op} ${key}`),
    ["replace differs", "add new", "remove stale"],
  );
  await pass();
  assert.equal(driver.applied.length, 2, "a second pass has nothing to do");
});

test("a foreign hand is put right and named; our own changes are not", async () => {
  const { driver, pass, want, repairs } = make();
  want("a", 1);
  want("b", 1);
  await pass();
  assert.deepEqual(repairs, []);
  driver.hand("a", undefined);
  driver.hand("b", 7);
  driver.hand("c", 9);
  want("d", 1);
  await pass();
  driver.hand("d", undefined, "8 of others");
  await pass();
  assert.deepEqual(Object.fromEntries(driver.kernel), { a: 1, b: 1, d: 1 });
  assert.deepEqual(repairs, [
    { kind: "things", key: "a", found: "gone", now: "1" },
    { kind: "things", key: "b", found: "changed", was: "7", now: "1" },
    { kind: "things", key: "c", found: "foreign", was: "9" },
    { kind: "things", key: "d", found: "foreign", was: "8 of others", now: "1" },
  ]);
  assert.deepEqual(repairs.map(describeRepair), [
    "things: 1 was gone and is put back",
    "things: 7 was found, 1 is put back",
    "things: 9 was found where nothing shall be, and is removed",
    "things: 8 of others stood in the place of 1, which is put back",
  ]);
});

test("what was yet to be made when everything is read again is no foreign hand's", async () => {
  const { driver, pass, want, repairs, reconciler } = make();
  await pass();
  driver.refused.add("refused");
  want("refused", 1);
  await pass();
  driver.refused.clear();
  want("new", 1);
  reconciler.resync("its device changed");
  await pass();
  assert.deepEqual(Object.fromEntries(driver.kernel), { refused: 1, new: 1 });
  assert.deepEqual(repairs, []);
  driver.silentHand("new", undefined);
  reconciler.resync("somebody was there");
  await pass();
  assert.deepEqual(repairs, [{ kind: "things", key: "new", found: "gone", now: "1" }]);
});

test("what goes with a device that we take away is put back, and is no foreign hand's", async () => {
  const { driver, pass, want, repairs, taken, clock, log } = make();
  want("a", ON_TUNNEL);
  want("b", ON_TUNNEL + 1);
  want("elsewhere", 1);
  await pass();
  await taken.taking("tunnel", async () => {
    driver.hand("a", undefined);
    driver.hand("elsewhere", undefined);
  });
  driver.hand("b", undefined);
  // It waits for its device longer than the loss is known to be ours.
  driver.errno = "ENODEV";
  driver.refused.add("b");
  await pass();
  await clock.advance(5_000);
  driver.refused.clear();
  await pass();
  assert.deepEqual(Object.fromEntries(driver.kernel), { a: ON_TUNNEL, b: ON_TUNNEL + 1, elsewhere: 1 });
  assert.deepEqual(repairs, [{ kind: "things", key: "elsewhere", found: "gone", now: "1" }]);
  const told = log.lines.flatMap(({ message, fields }) => (/taken away here/.test(message) ? [fields?.["key"]] : []));
  assert.deepEqual(told, ["a", "b"]);
  driver.hand("a", undefined);
  await pass();
  assert.deepEqual(repairs.slice(1), [{ kind: "things", key: "a", found: "gone", now: String(ON_TUNNEL) }]);
});

test("what others did to a device before we took it away, or put in the place of what hung on it, stays theirs", async () => {
  const { driver, pass, want, repairs, taken } = make();
  want("before", ON_TUNNEL);
  want("in place", ON_TUNNEL + 1);
  want("changed", ON_TUNNEL + 2);
  await pass();
  driver.hand("before", undefined);
  await taken.taking("tunnel", async () => {
    driver.hand("before", undefined);
    driver.hand("in place", undefined, "8 of others");
    driver.hand("changed", ON_TUNNEL + 7);
  });
  await pass();
  assert.deepEqual(
    repairs.map(({ key, found }) => `${key}: ${found}`),
    ["before: gone", "in place: foreign", "changed: changed"],
  );
});

test("what is missed when all is read again long after we took a device away is no foreign hand's, and only then", async () => {
  const { driver, pass, want, repairs, reconciler, taken, clock } = make();
  want("a", ON_TUNNEL);
  want("b", ON_TUNNEL);
  await pass();
  await taken.taking("tunnel", async () => driver.silentHand("a", undefined));
  await clock.advance(60_000);
  driver.hand("b", undefined);
  await pass();
  assert.equal(driver.kernel.size, 2);
  assert.deepEqual(repairs, [{ kind: "things", key: "b", found: "gone", now: String(ON_TUNNEL) }]);
  driver.silentHand("a", undefined);
  reconciler.resync("another reason");
  await pass();
  assert.deepEqual(repairs.slice(1), [{ kind: "things", key: "a", found: "gone", now: String(ON_TUNNEL) }]);
});

test("a key that fails is tried again after its back-off and holds up nothing else", async () => {
  const { driver, pass, want, clock, reconciler } = make();
  driver.refused.add("bad");
  want("bad", 1);
  want("good", 1);
  await pass();
  assert.deepEqual([...driver.kernel.keys()], ["good"]);
  assert.equal(reconciler.isDirty, false, "a key that waits for its time is no work");
  assert.match(reconciler.status().failed[0]?.error.message ?? "", /EINVAL/);
  driver.refused.clear();
  await clock.advance(99);
  assert.equal(reconciler.isDirty, false);
  await clock.advance(1);
  await pass();
  assert.equal(driver.kernel.get("bad"), 1);
  assert.deepEqual(reconciler.status().failed, []);
});

test("a device that is missing or down is waited for in silence, a refusal is told once", async () => {
  const { driver, pass, want, clock, log } = make();
  const told = () => log.lines.map(({ level, message }) => `${level} ${message}`);
  driver.refused.add("bad");
  driver.errno = "ENETDOWN";
  want("bad", 1);
  await pass();
  driver.errno = "ENODEV";
  await clock.advance(100);
  await pass();
  assert.deepEqual(told(), Array(2).fill("debug a kernel object waits for its device"));
  driver.errno = "EINVAL";
  for (const delayMs of [200, 400]) {
    await clock.advance(delayMs);
    await pass();
  }
  assert.deepEqual(told().slice(2), ["warn a kernel object cannot be set, will be tried again"]);
});

test("a notification about a key that failed ends its wait", async () => {
  const { driver, pass, want, reconciler } = make();
  driver.refused.add("bad");
  want("bad", 1);
  await pass();
  driver.refused.clear();
  driver.hand("bad", undefined);
  assert.equal(reconciler.isDirty, true);
  await pass();
  assert.equal(driver.kernel.get("bad"), 1);
});

test("what is urgent goes alone, and between the batches of a pass", async () => {
  const { driver, pass, want, wantUrgently, urgentPass, reconciler } = make();
  await pass();
  for (let index = 0; index < 5_000; index++) want(`slow ${index}`, index);
  wantUrgently("first", 1);
  await urgentPass();
  assert.deepEqual([...driver.kernel.keys()], ["first"]);
  let breaths = 0;
  await reconciler.addsPass({
    between: async () => {
      if (++breaths > 1) return;
      assert.ok(driver.kernel.size < 5_000);
      wantUrgently("second", 2);
      wantUrgently("slow 4999", 7);
      await urgentPass();
      assert.deepEqual([driver.kernel.get("second"), driver.kernel.get("slow 4999")], [2, 7]);
    },
  });
  assert.equal(driver.kernel.size, 5_002);
  assert.ok(breaths > 1);
  assert.equal(driver.applied.flat().length, 5_002, "nothing was done twice");
});

const step = fc.oneof(
  fc.record({
    type: fc.constant("want" as const),
    key: fc.constantFrom("a", "b", "c"),
    value: fc.option(fc.nat(2), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("wantUrgently" as const),
    key: fc.constantFrom("a", "b", "c"),
    value: fc.option(fc.nat(2), { nil: undefined }),
  }),
  fc.record({ type: fc.constant("urgentPass" as const), key: fc.constant(""), value: fc.constant(undefined) }),
  fc.record({
    type: fc.constant("hand" as const),
    key: fc.constantFrom("a", "b", "c"),
    value: fc.option(fc.nat(2), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("silent" as const),
    key: fc.constantFrom("a", "b", "c"),
    value: fc.option(fc.nat(2), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("refuse" as const),
    key: fc.constantFrom("a", "b", "c"),
    value: fc.constant(undefined),
  }),
  fc.record({ type: fc.constant("pass" as const), key: fc.constant(""), value: fc.constant(undefined) }),
);

test("whatever happens, the kernel ends as desired, and failures only delay", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (history) => {
      const { driver, desired, pass, want, wantUrgently, urgentPass, clock } = make();
      for (const { type, key, value } of history) {
        if (type === "want") want(key, value);
        else if (type === "wantUrgently") wantUrgently(key, value);
        else if (type === "urgentPass") await urgentPass();
        else if (type === "hand") driver.hand(key, value);
        else if (type === "silent") driver.silentHand(key, value);
        else if (type === "refuse") driver.refused.add(key);
        else await pass();
      }
      driver.refused.clear();
      await pass();
      await clock.advance(10_000);
      await pass();
      assert.deepEqual(Object.fromEntries(driver.kernel), Object.fromEntries(desired));
    }),
    { numRuns: runs(100) },
  );
});
