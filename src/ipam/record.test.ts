/** What is stored together with an assignment, and what is read ahead of one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Store, StoreError, type WriteOp } from "../port/store.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { poolObject } from "../testing/objects.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { Ipam } from "./ipam.ts";

const RECORD = { kind: "WorkloadEndpoint", namespace: "default", name: "w" };

async function bed(takesMany = true) {
  const store = new MemoryStore();
  const { key, value } = poolObject("p", "10.1.0.0/24");
  await store.write([{ op: "put", key, value }]);
  const writes: (readonly WriteOp[])[] = [];
  store.beforeWrite = (ops) => {
    if (ops.length > 1 && !takesMany) throw new StoreError("unsupported", "one object at a time", {});
    writes.push(ops);
  };
  const ipam = new Ipam({ store: store as Store, wallClock: new FakeClock().wall, log: new SilentLog() });
  const assign = (handleId: string, name = "w") =>
    ipam.autoAssign({
      family: 4,
      node: "n",
      use: "Workload",
      handleId,
      attributes: {},
      count: 1,
      record: ([address]) => ({ op: "create", key: { ...RECORD, name }, value: { address: String(address?.address) } }),
    });
  return { store, ipam, writes, assign };
}

test("a record is stored in the write that assigns its address", async () => {
  const { assign, writes } = await bed();
  await assign("first", "v");
  writes.length = 0;
  const { addresses, recorded } = await assign("h");
  assert.equal(writes.length, 1);
  assert.deepEqual(recorded?.key, RECORD);
  assert.equal(recorded.value["address"], String(addresses[0]?.address));
});

test("each of many requests gets its own record back", async () => {
  const { assign, store } = await bed();
  const results = await Promise.all(Array.from({ length: 60 }, (_, index) => assign(`h${index}`, `w${index}`)));
  for (const [index, { addresses, recorded }] of results.entries()) {
    assert.equal(recorded?.key.name, `w${index}`);
    assert.equal(recorded.value["address"], String(addresses[0]?.address));
  }
  assert.equal((await store.list({ kind: "WorkloadEndpoint" })).objects.length, 60);
});

test("a record that cannot be stored leaves the assignment as it is, and the record to the caller", async () => {
  const { assign, store } = await bed();
  await store.write([{ op: "create", key: RECORD, value: {} }]);
  const { addresses, recorded } = await assign("h");
  assert.equal(addresses.length, 1);
  assert.equal(recorded, undefined);
  assert.deepEqual((await store.get(RECORD))?.value, {});
});

test("a store that takes one object at a time leaves records to the caller", async () => {
  const { assign, store } = await bed(false);
  const { addresses, recorded } = await assign("h");
  assert.equal(addresses.length, 1);
  assert.equal(recorded, undefined);
  assert.equal(await store.get(RECORD), undefined);
});

test("what was read ahead serves one assignment, and nothing once it is forgotten", async () => {
  const { ipam, store, assign } = await bed();
  const forget = ipam.readAhead({ node: "n", family: 4 });
  forget();
  const used = ipam.readAhead({ node: "n", family: 4 });
  const { key, value } = poolObject("a", "10.0.0.0/24");
  await store.write([{ op: "put", key, value }]);
  assert.match(String((await assign("h")).addresses[0]?.address.toString(16)), /^a01/, "the pools as they were read");
  used();
  const all = await Promise.all([assign("i", "x"), assign("j", "y")]);
  for (const { addresses } of all) assert.match(String(addresses[0]?.address.toString(16)), /^a0/);
});

test("a failure of reads ahead that nobody uses is nobody's failure", async () => {
  const { ipam, store } = await bed();
  store.isAway = true;
  ipam.readAhead({ node: "n", family: 4 })();
  await new Promise((resolve) => setImmediate(resolve));
});
