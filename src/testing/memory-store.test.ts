import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore } from "./memory-store.ts";
import { storeContract } from "./store-contract.ts";

storeContract("memory", async () => {
  const store = new MemoryStore();
  return {
    store,
    other: store.client(),
    cut: async () => {
      store.isAway = true;
    },
    mend: async () => {
      store.isAway = false;
    },
    spoil: async (key) => store.spoil(key),
    compact: async () => store.compact(),
    rollBack: async (revisions) => store.rollBack(revisions),
    replace: async () => store.replace(),
  };
});

test("a rolled back store has the objects of then", async () => {
  const store = new MemoryStore();
  const key = { kind: "Node", name: "a" };
  const first = await store.write([{ op: "create", key, value: { at: 1 } }]);
  assert.ok(first.ok);
  await store.write([{ op: "put", key, value: { at: 2 } }]);
  await store.write([{ op: "delete", key }]);
  store.rollBack(2);
  assert.deepEqual(await store.get(key), first.stored[0]);
});

test("what is done before a write can win the race against it, or fail it", async () => {
  const store = new MemoryStore();
  const key = { kind: "Node", name: "a" };
  store.beforeWrite = async () => {
    store.beforeWrite = undefined;
    await store.write([{ op: "put", key, value: { by: "rival" } }]);
  };
  assert.deepEqual(await store.write([{ op: "create", key, value: {} }]), { ok: false, reason: "exists", key });
  store.beforeWrite = () => {
    throw new Error("crash");
  };
  await assert.rejects(store.write([{ op: "delete", key }]), /crash/);
  assert.ok(await store.get(key));
});
