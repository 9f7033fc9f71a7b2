import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { SystemClock } from "../../adapter/clock.ts";
import { accept, drop } from "../../netlink/nftables/action.ts";
import { Batch } from "../../netlink/nftables/batch.ts";
import { addChange } from "../../netlink/nftables/change-codec.ts";
import { is, isIn } from "../../netlink/nftables/match.ts";
import type { TableChange } from "../../netlink/nftables/plan.ts";
import { rule } from "../../netlink/nftables/rule.ts";
import { ip, tcp } from "../../netlink/nftables/selector.ts";
import type { NftTable } from "../../netlink/nftables/tree.ts";
import { KernelError } from "../../port/netlink.ts";
import { MemoryNftables } from "../../testing/memory-nftables.ts";
import { nftTableContract } from "../../testing/memory-nftables-contract.ts";
import { normalised, tables } from "../../testing/memory-nftables-trees.ts";
import { runs } from "../../testing/runs.ts";
import { SilentLog } from "../../testing/silent-log.ts";
import { NftTableDriver } from "./table-driver.ts";

nftTableContract({ on: "the double", skip: false, kernel: () => new MemoryNftables(), runs: runs(100) });

const key = { family: "ip", name: "calico" } as const;
const table: NftTable = {
  ...key,
  sets: [{ name: "blocked", key: ["ipv4_addr"], elements: ["192.0.2.1"] }],
  chains: [
    {
      name: "input",
      base: { type: "filter", hook: "input", priority: 0, policy: "accept" },
      rules: [rule("ip", [isIn(ip.saddr, "blocked"), drop]), rule("ip", [is(tcp.dport, 80), accept])],
    },
  ],
};

function setUp(t: TestContext): { readonly kernel: MemoryNftables; readonly driver: NftTableDriver } {
  const kernel = new MemoryNftables();
  const driver = new NftTableDriver(kernel, { log: new SilentLog(), clock: new SystemClock() });
  t.after(() => driver.close());
  return { kernel, driver };
}

const other: NftTable = { ...table, sets: [{ name: "blocked", key: ["ipv4_addr"], elements: ["192.0.2.2"] }] };

test("a generation that moves on under a change makes it try again", async (t) => {
  const { kernel, driver } = setUp(t);
  kernel.faults.restarts = 3;
  assert.equal((await driver.apply(table, key)).transactions, 1);
  assert.deepEqual(normalised(await driver.read(key)), normalised(table));
});

test("every call to the kernel is told of, refused ones as such", async (t) => {
  const kernel = new MemoryNftables();
  const calls: string[] = [];
  const called = (call: string, isGood: boolean) => void calls.push(`${call} ${isGood}`);
  const driver = new NftTableDriver(kernel, { log: new SilentLog(), clock: new SystemClock(), called });
  t.after(() => driver.close());
  await driver.apply(table, key);
  assert.deepEqual([...new Set(calls)], ["list true", "commit true"]);
  calls.length = 0;
  kernel.faults.restarts = 1;
  await driver.apply(other, key);
  assert.deepEqual(
    calls.filter((call) => call.startsWith("commit")),
    ["commit false", "commit true"],
  );
});

/** One change by somebody else, whatever the generation. */
function foreignHand(kernel: MemoryNftables, change: TableChange): void {
  const batch = new Batch({ firstSequence: 1, generation: 0 });
  addChange(batch, table, change);
  const socket = kernel.open({ protocol: "netfilter" });
  socket.send(batch.finish().octets);
  socket.close();
}
const stray: TableChange = { change: "addElements", shape: table.sets![0]!, entries: [["198.51.100.7"]] };

test("a change that was planned before a foreign one in the same table is planned anew", async (t) => {
  const { kernel, driver } = setUp(t);
  await driver.apply(table, key);
  const wanted: NftTable = { ...table, chains: [{ ...table.chains[0]!, rules: [] }] };
  kernel.hand.before = () => foreignHand(kernel, stray);
  const { repairs } = await driver.apply(wanted, key);
  assert.deepEqual(repairs, ["set blocked has 1 element too many"]);
  assert.deepEqual(normalised(await driver.read(key)), normalised(wanted));
});

test("a foreign change right behind our own is found by the next apply", async (t) => {
  const { kernel, driver } = setUp(t);
  await driver.apply(table, key);
  kernel.hand.after = () => foreignHand(kernel, stray);
  await driver.apply(other, key);
  assert.deepEqual((await driver.apply(other, key)).repairs, ["set blocked has 1 element too many"]);
});

test("a generation that never holds still is an error, and nothing is changed", async (t) => {
  const { kernel, driver } = setUp(t);
  kernel.faults.restarts = 1000;
  await assert.rejects(
    driver.apply(table, key),
    (failure) => failure instanceof KernelError && failure.errno === "ERESTART",
  );
  assert.equal(kernel.commits, 0);
});

test("a change whose answer gets lost is looked at before it is repeated", async (t) => {
  const { kernel, driver } = setUp(t);
  for (const fault of ["lostAnswers", "overruns", "cutDatagrams"] as const) {
    await driver.apply(table, key);
    const before = kernel.commits;
    kernel.faults[fault] = 1;
    await driver.apply(other, key);
    assert.equal(kernel.commits, before + 1);
    assert.deepEqual(normalised(await driver.read(key)), normalised(other));
  }
});

test("no answer is not taken for a good one", async (t) => {
  const { kernel, driver } = setUp(t);
  await driver.apply(table, key);
  kernel.faults.refusals = { count: 1, errno: 12 };
  kernel.faults.lostAnswers = 1;
  await driver.apply(other, key);
  assert.deepEqual(normalised(await driver.read(key)), normalised(other));
});

test("a list that is interrupted or cut is begun again", async (t) => {
  const { kernel, driver } = setUp(t);
  await driver.apply(table, key);
  for (const fault of ["interruptedLists", "cutDatagrams"] as const) {
    kernel.faults[fault] = 2;
    assert.deepEqual(normalised(await driver.read(key)), normalised(table));
    assert.equal(kernel.faults[fault], 0);
  }
});

test("a list that never ends whole is an error that says what was listed", async (t) => {
  const { kernel, driver } = setUp(t);
  kernel.faults.interruptedLists = 1000;
  await assert.rejects(driver.read(key), (failure) => {
    assert.ok(failure instanceof KernelError);
    assert.equal(failure.errno, "EINTR");
    assert.match(failure.message, /list of tables/);
    return true;
  });
});

test("lost notifications of others mean that every table may have changed", async (t) => {
  const { kernel, driver } = setUp(t);
  const hand = new NftTableDriver(kernel, { log: new SilentLog(), clock: new SystemClock() });
  t.after(() => hand.close());
  await driver.apply(table, key);
  let heard = 0;
  driver.onChange((which) => {
    assert.equal(which, undefined);
    heard++;
  });
  kernel.faults.lostNotifications = 1;
  await hand.apply(undefined, key);
  const clock = new SystemClock();
  for (let turn = 0; turn < 1000 && heard === 0; turn++) await clock.yield();
  assert.equal(heard, 1);
  const { repairs } = await driver.apply(table, key);
  assert.deepEqual(repairs, ["the table is missing"]);
});

test("lost notifications of our own change mean nothing", async (t) => {
  const { kernel, driver } = setUp(t);
  await driver.apply(table, key);
  driver.onChange(() => assert.fail("nobody else changed anything"));
  kernel.faults.lostNotifications = 1;
  await driver.apply(other, key);
  const clock = new SystemClock();
  for (let turn = 0; turn < 20; turn++) await clock.yield();
  assert.equal((await driver.apply(other, key)).transactions, 0);
});

test("a refusal is tried again where our view may have been old, and told where it was not", async (t) => {
  const { kernel, driver } = setUp(t);
  await driver.apply(table, key);
  kernel.faults.refusals = { count: 1, errno: 2 };
  assert.equal((await driver.apply(other, key)).transactions, 1);
  kernel.faults.refusals = { count: 2, errno: 12 };
  await assert.rejects(driver.apply(table, key), (failure) => {
    assert.ok(failure instanceof KernelError);
    assert.match(failure.message, /commit of elements of set blocked: ENOMEM/);
    return true;
  });
  assert.deepEqual(normalised(await driver.read(key)), normalised(other));
});

test("a closed driver refuses with words", async (t) => {
  const { driver } = setUp(t);
  driver.close();
  driver.close();
  await assert.rejects(driver.apply(table, key), /a closed/);
});

test("whatever goes wrong on the way, the tables converge or the error is ours", async () => {
  const faults = fc.record({
    restarts: fc.nat(2),
    lostAnswers: fc.nat(1),
    overruns: fc.nat(1),
    lostNotifications: fc.nat(2),
    interruptedLists: fc.nat(2),
    cutDatagrams: fc.nat(2),
  });
  const steps = fc.array(fc.tuple(faults, fc.option(tables("calico"), { nil: undefined })), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const kernel = new MemoryNftables();
      const driver = new NftTableDriver(kernel, { log: new SilentLog(), clock: new SystemClock() });
      try {
        for (const [step, wanted] of list) {
          Object.assign(kernel.faults, step);
          await driver.apply(wanted, key);
          Object.assign(kernel.faults, { cutDatagrams: 0, interruptedLists: 0 });
          assert.deepEqual(normalised(await driver.read(key)), normalised(wanted));
        }
      } finally {
        driver.close();
      }
    }),
    { numRuns: runs(150) },
  );
});
