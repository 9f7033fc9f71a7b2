/**
 * What every adapter of the store port must do, as tests. An adapter's test file calls `storeContract` with a way to
 * open the store empty and to make its server fail; what is then registered is the same for memory, `ocicat store`
 * and etcd.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../base/json.ts";
import { keyText, type ObjectKey, type Store, type Stored, StoreError, type WriteOp } from "../port/store.ts";
import { RecordingSink } from "./recording-sink.ts";
import { runs } from "./runs.ts";

export interface StoreUnderTest {
  /** Empty, and of nobody else. */
  readonly store: Store;
  /** Another client of the same data. */
  readonly other: Store;
  /** Takes the server away from `store`; `other` may lose it too. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  /** Somebody writes, by no client of ours, what is no JSON under the object's key. */
  spoil(key: ObjectKey): Promise<void>;
  /** Forgets history up to now. */
  compact(): Promise<void>;
  /** The server comes back as it was before its last `revisions` writes, or before all of them. */
  rollBack(revisions: number): Promise<void>;
  /** The server comes back as another, empty one. */
  replace(): Promise<void>;
}

/** Registers the contract's tests. `open` defers its own teardown on the test's context; what it skips, is skipped. */
export function storeContract(name: string, open: (t: TestContext) => Promise<StoreUnderTest>): void {
  const contract = (claim: string, body: (under: StoreUnderTest, t: TestContext) => Promise<void>): void => {
    test(`${name}: ${claim}`, { timeout: 60_000 }, async (t) => body(await open(t), t));
  };
  for (const [claim, body] of Object.entries(writes)) contract(claim, ({ store }) => body(store));
  for (const [claim, body] of Object.entries(lists)) contract(claim, ({ store }) => body(store));
  for (const [claim, body] of Object.entries(watches)) contract(claim, body);
  for (const [claim, body] of Object.entries(damages)) contract(claim, body);
  for (const [claim, body] of Object.entries(faults)) contract(claim, body);
}

const pool = (name: string): ObjectKey => ({ kind: "IPPool", name });
const endpoint = (namespace: string, name: string): ObjectKey => ({ kind: "WorkloadEndpoint", namespace, name });
const value = (cidr: string): JsonObject => ({ kind: "IPPool", spec: { cidr } });

/** Writes one object and gives what was stored; fails the test on a refusal. */
async function must(store: Store, op: WriteOp): Promise<Stored> {
  const result = await store.write([op]);
  assert.ok(result.ok, `${op.op} of ${keyText(op.key)}: ${result.ok ? "" : result.reason}`);
  return result.stored[0]!;
}

const create = (store: Store, key: ObjectKey, of: JsonObject = value("10.0.0.0/16")) =>
  must(store, { op: "create", key, value: of });

const writes: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  "what was created is read as it was, and is not created twice": async (store) => {
    assert.equal(await store.get(pool("a")), undefined);
    const created = await create(store, pool("a"));
    assert.deepEqual(created, { key: pool("a"), value: value("10.0.0.0/16"), revision: created.revision });
    assert.deepEqual(await store.get(pool("a")), created);
    const again = await store.write([{ op: "create", key: pool("a"), value: value("10.1.0.0/16") }]);
    assert.deepEqual(again, { ok: false, reason: "exists", key: pool("a") });
    assert.deepEqual(await store.get(pool("a")), created);
  },
  "an update needs the revision that it read": async (store) => {
    const { revision } = await create(store, pool("a"));
    const update = (of: string, at: string): WriteOp => ({
      op: "update",
      key: pool("a"),
      value: value(of),
      revision: at,
    });
    const updated = await must(store, update("10.1.0.0/16", revision));
    assert.notEqual(updated.revision, revision);
    assert.deepEqual(await store.write([update("10.2.0.0/16", revision)]), {
      ok: false,
      reason: "conflict",
      key: pool("a"),
    });
    assert.deepEqual(await store.get(pool("a")), updated);
    const absent: WriteOp = { op: "update", key: pool("b"), value: value("10.3.0.0/16"), revision };
    assert.deepEqual(await store.write([absent]), { ok: false, reason: "notFound", key: pool("b") });
    assert.equal(await store.get(pool("b")), undefined);
  },
  "a put asks nothing": async (store) => {
    const first = await must(store, { op: "put", key: pool("a"), value: value("10.0.0.0/16") });
    const second = await must(store, { op: "put", key: pool("a"), value: value("10.1.0.0/16") });
    assert.notEqual(first.revision, second.revision);
    assert.deepEqual(await store.get(pool("a")), second);
  },
  "a deletion gives what was deleted, and compares a revision when it has one": async (store) => {
    const created = await create(store, pool("a"));
    const stale: WriteOp = { op: "delete", key: pool("a"), revision: created.revision };
    const updated = await must(store, { op: "put", key: pool("a"), value: value("10.1.0.0/16") });
    assert.deepEqual(await store.write([stale]), { ok: false, reason: "conflict", key: pool("a") });
    assert.deepEqual(await must(store, { ...stale, revision: updated.revision }), updated);
    assert.equal(await store.get(pool("a")), undefined);
    for (const gone of [stale, { op: "delete", key: pool("a") } as const]) {
      assert.deepEqual(await store.write([gone]), { ok: false, reason: "notFound", key: pool("a") });
    }
    await create(store, pool("a"));
    await must(store, { op: "delete", key: pool("a") });
    assert.equal(await store.get(pool("a")), undefined);
  },
  "several objects are written together or not at all": async (store) => {
    const a = await create(store, pool("a"));
    const ops: readonly WriteOp[] = [
      { op: "create", key: pool("b"), value: value("10.1.0.0/16") },
      { op: "update", key: pool("a"), value: value("10.2.0.0/16"), revision: a.revision },
      { op: "put", key: endpoint("default", "w"), value: { spec: { pod: "w" } } },
    ];
    const done = await store.write(ops);
    assert.ok(done.ok);
    assert.deepEqual(
      done.stored.map(({ key }) => key),
      ops.map(({ key }) => key),
    );
    assert.equal(new Set(done.stored.map(({ revision }) => revision)).size, 1, "one change, one revision");
    const refused = await store.write([
      { op: "delete", key: pool("b") },
      { op: "create", key: pool("a"), value: value("10.9.0.0/16") },
      { op: "delete", key: pool("absent") },
    ]);
    assert.deepEqual(refused, { ok: false, reason: "exists", key: pool("a") }, "the first that fails is named");
    for (const stored of done.stored) assert.deepEqual(await store.get(stored.key), stored);
    assert.deepEqual(await store.write([]), { ok: true, stored: [] });
  },
  "one object cannot be written twice at once": async (store) => {
    const twice = store.write([
      { op: "put", key: pool("a"), value: value("10.0.0.0/16") },
      { op: "delete", key: pool("a") },
    ]);
    await assert.rejects(twice, { code: "unsupported" });
    assert.equal(await store.get(pool("a")), undefined);
  },
  "unknown fields, their order, long integers and any text survive": async (store) => {
    const of: JsonObject = {
      z: 1,
      sequenceNumber: 1_760_000_000_000_000_001n,
      a: { nested: [null, true, 1.5, -9_007_199_254_740_993n], "x-unknown": "ünï – 網 🐱\u0000\n" },
    };
    const { key } = await create(store, pool("a"), of);
    const read = (await store.get(key))?.value;
    assert.deepEqual(read, of);
    assert.deepEqual(Object.keys(read ?? {}), ["z", "sequenceNumber", "a"]);
  },
  "of writers that read the same revision, exactly one wins": async (store) => {
    const { revision } = await create(store, pool("a"));
    const results = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        store.write([{ op: "update", key: pool("a"), value: { index }, revision }]),
      ),
    );
    const winners = results.flatMap((result) => (result.ok ? result.stored : []));
    assert.equal(winners.length, 1);
    assert.deepEqual(await store.get(pool("a")), winners[0]);
  },
  "random writes leave what the same writes leave in a map": async (store) => {
    const op = fc.record({
      op: fc.constantFrom("create", "update", "put", "delete", "deleteAt") as fc.Arbitrary<string>,
      name: fc.constantFrom("a", "b", "c"),
      number: fc.nat(1000),
      isStale: fc.boolean(),
    });
    const model = new Map<string, Stored>();
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 12 }), async (steps) => {
        for (const { op, name, number, isStale } of steps) {
          const key = pool(name);
          const there = model.get(name);
          const revision = isStale || !there ? "1" : there.revision;
          const of = { number };
          const write: WriteOp =
            op === "update"
              ? { op, key, value: of, revision }
              : op === "deleteAt"
                ? { op: "delete", key, revision }
                : op === "delete"
                  ? { op, key }
                  : { op: op as "create" | "put", key, value: of };
          const reason =
            op === "put" || (op === "create" && !there) || (op === "delete" && there)
              ? undefined
              : op === "create"
                ? "exists"
                : !there
                  ? "notFound"
                  : isStale
                    ? "conflict"
                    : undefined;
          const result = await store.write([write]);
          if (reason !== undefined || !result.ok) {
            assert.deepEqual(result, { ok: false, reason, key });
          } else if (write.op === "delete") {
            assert.deepEqual(result.stored, [there]);
            model.delete(name);
          } else {
            assert.deepEqual(result.stored[0]?.value, of);
            model.set(name, result.stored[0]!);
          }
        }
        const { objects } = await store.list({ kind: "IPPool" });
        assert.deepEqual(
          objects,
          [...model.values()].sort((a, b) => (a.key.name < b.key.name ? -1 : 1)),
        );
      }),
      { numRuns: runs(25) },
    );
  },
};

const names = (objects: readonly Stored[]): string[] => objects.map(({ key }) => key.name);

const lists: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  "a list has the objects of one kind, of one namespace, of one name prefix, in order": async (store) => {
    assert.deepEqual((await store.list({ kind: "IPPool" })).objects, []);
    await create(store, pool("pool-b"));
    const a = await create(store, pool("pool-a"));
    await create(store, pool("other"));
    for (const namespace of ["red", "redder", "blue"]) {
      for (const name of ["w-2", "w-1", "x"]) await create(store, endpoint(namespace, name));
    }
    const { objects } = await store.list({ kind: "IPPool" });
    assert.deepEqual(names(objects), ["other", "pool-a", "pool-b"]);
    assert.deepEqual(objects[1], a);
    assert.deepEqual(names((await store.list({ kind: "IPPool", namePrefix: "pool-" })).objects), ["pool-a", "pool-b"]);
    assert.deepEqual(
      (await store.list({ kind: "WorkloadEndpoint" })).objects.map(({ key }) => `${key.namespace}/${key.name}`),
      ["blue", "red", "redder"].flatMap((namespace) => ["w-1", "w-2", "x"].map((name) => `${namespace}/${name}`)),
    );
    const red = await store.list({ kind: "WorkloadEndpoint", namespace: "red", namePrefix: "w" });
    assert.deepEqual(
      red.objects.map(({ key }) => key),
      [endpoint("red", "w-1"), endpoint("red", "w-2")],
    );
  },
  "IPAM records are kinds as others": async (store) => {
    const keys: readonly ObjectKey[] = [
      { kind: "IPAMBlock", name: "10.0.0.0/26" },
      { kind: "IPAMBlock", name: "fd00::/122" },
      { kind: "BlockAffinity", name: "host/worker-1/10.0.0.0/26" },
      { kind: "BlockAffinity", name: "host/worker-1/fd00::/122" },
      { kind: "BlockAffinity", name: "host/worker-10/10.0.0.64/26" },
      { kind: "BlockAffinity", name: "virtual/load-balancer/10.0.1.0/26" },
      { kind: "IPAMHandle", name: "k8s-pod-network.abc" },
      { kind: "IPAMConfig", name: "default" },
    ];
    for (const key of keys) await create(store, key, { name: key.name });
    for (const kind of new Set(keys.map((key) => key.kind))) {
      assert.deepEqual(
        names((await store.list({ kind })).objects),
        keys.filter((key) => key.kind === kind).map((key) => key.name),
      );
    }
    const mine = await store.list({ kind: "BlockAffinity", namePrefix: "host/worker-1/" });
    assert.deepEqual(names(mine.objects), ["host/worker-1/10.0.0.0/26", "host/worker-1/fd00::/122"]);
  },
  "a long list shows one moment, whatever is written meanwhile": async (store) => {
    const count = 1_500;
    const all = Array.from({ length: count }, (_, index) => `n-${String(index).padStart(5, "0")}`);
    for (let at = 0; at < count; at += 100) {
      const ops = all.slice(at, at + 100).map((name): WriteOp => ({ op: "put", key: pool(name), value: { at: 0 } }));
      assert.ok((await store.write(ops)).ok);
    }
    let isListed = false;
    const writing = (async () => {
      for (let at = 1; !isListed; at++) {
        const both = [pool(all[0]!), pool(all.at(-1)!)];
        await store.write(both.map((key): WriteOp => ({ op: "put", key, value: { at } })));
      }
    })();
    for (let round = 0; round < 3; round++) {
      const { objects } = await store.list({ kind: "IPPool" });
      assert.deepEqual(names(objects), all);
      assert.deepEqual(objects[0]?.value, objects.at(-1)?.value);
    }
    isListed = true;
    await writing;
  },
};

const watches: Readonly<Record<string, (under: StoreUnderTest) => Promise<void>>> = {
  "a watch tells every change after its cursor, in order, of its kinds alone": async ({ store, other }) => {
    const before = await create(store, pool("before"));
    const { cursor } = await store.list({ kind: "IPPool" });
    const early = await create(other, pool("early"));
    const sink = new RecordingSink();
    const watch = store.watch(["IPPool", "WorkloadEndpoint"], cursor, sink);
    const late = await create(other, endpoint("default", "late"));
    await create(other, { kind: "Node", name: "unseen" });
    await must(other, { op: "delete", key: before.key });
    await sink.until(() => sink.seen.length >= 3);
    assert.deepEqual(sink.seen, [
      { type: "changed", object: early },
      { type: "changed", object: late },
      { type: "removed", key: before.key, was: before },
    ]);
    watch.close();
    await create(other, pool("after"));
    const rest = new RecordingSink();
    store.watch(["IPPool"], sink.cursor!, rest);
    await rest.until(() => rest.seen.length >= 1);
    assert.deepEqual(
      rest.seen.map((event) => (event.type === "changed" ? event.object.key.name : "")),
      ["after"],
    );
    assert.equal(sink.seen.length, 3, "a closed watch is silent");
  },
  "changes that were written together are told together": async ({ store, other }) => {
    const sink = new RecordingSink();
    store.watch(["IPPool", "Node"], (await store.list({ kind: "IPPool" })).cursor, sink);
    const keys = [pool("a"), { kind: "Node", name: "b" }, pool("c")];
    for (let round = 0; round < 20; round++) {
      await other.write(keys.map((key): WriteOp => ({ op: "put", key, value: { round } })));
    }
    await sink.until(() => sink.seen.length >= 60);
    for (const batch of sink.batches) assert.equal(batch.length % 3, 0);
  },
  "a watch that starts at each cursor in turn sees each change once": async ({ store, other }) => {
    let { cursor } = await store.list({ kind: "IPPool" });
    const seen: unknown[] = [];
    const writing = (async () => {
      for (let at = 0; at < 60; at++) await must(other, { op: "put", key: pool("a"), value: { at } });
    })();
    while (seen.length < 60) {
      const sink = new RecordingSink();
      const watch = store.watch(["IPPool"], cursor, sink);
      await sink.until(() => sink.seen.length > 0);
      watch.close();
      for (const event of sink.seen) seen.push(event.type === "changed" && event.object.value["at"]);
      cursor = sink.cursor!;
    }
    await writing;
    assert.deepEqual(
      seen,
      Array.from({ length: 60 }, (_, at) => at),
    );
  },
  "cursors are text that relates lists to one another": async ({ store }) => {
    const first = await store.list({ kind: "IPPool" });
    await create(store, pool("a"));
    const second = await store.list({ kind: "Node" });
    assert.equal(store.continuity(first.cursor, second.cursor), "continues");
    assert.equal(store.continuity(second.cursor, second.cursor), "continues");
    assert.equal(store.continuity(second.cursor, first.cursor), "rolledBack");
    assert.equal(store.continuity("written by something else", second.cursor), "unknown");
    for (const [a, b] of [[first, second] as const, [second, first] as const]) {
      assert.equal(store.older(a.cursor, b.cursor), first.cursor);
    }
  },
};

const damages: Readonly<Record<string, (under: StoreUnderTest) => Promise<void>>> = {
  "a list has what can be read, and names what cannot": async (under) => {
    const { store } = under;
    const [a, broken, c] = [
      await create(store, pool("a")),
      await create(store, pool("broken")),
      await create(store, pool("c")),
    ];
    await create(store, { kind: "Node", name: "n" });
    await under.spoil(broken.key);
    await under.spoil(pool("new"));
    const { objects, unreadable } = await store.list({ kind: "IPPool" });
    assert.deepEqual(objects, [a, c]);
    assert.deepEqual(
      unreadable.map(({ key }) => key),
      [pool("broken"), pool("new")],
    );
    for (const { key, revision, why } of unreadable) {
      assert.match(why, new RegExp(`^[^\\n]*${key.name}[^\\n]*cannot be read[^\\n]*$`));
      assert.notEqual(revision, broken.revision);
    }
    assert.deepEqual((await store.list({ kind: "Node" })).unreadable, []);
    assert.deepEqual((await store.list({ kind: "IPPool", namePrefix: "a" })).unreadable, []);
    await assert.rejects(store.get(broken.key), { code: "malformed" });
  },
  "what cannot be read is there: it is not created again, and it is mended or deleted as any other": async (under) => {
    const { store } = under;
    for (const name of ["a", "b", "c"]) await under.spoil(pool(name));
    const again = await store.write([{ op: "create", key: pool("a"), value: {} }]);
    assert.deepEqual(again, { ok: false, reason: "exists", key: pool("a") });
    const mended = await must(store, { op: "put", key: pool("a"), value: value("10.0.0.0/16") });
    assert.deepEqual(await store.get(pool("a")), mended);
    const revision = (await store.list({ kind: "IPPool" })).unreadable.find(({ key }) => key.name === "b")!.revision;
    await must(store, { op: "update", key: pool("b"), value: value("10.1.0.0/16"), revision });
    await must(store, { op: "delete", key: pool("c") });
    assert.equal(await store.get(pool("c")), undefined);
    const { objects, unreadable } = await store.list({ kind: "IPPool" });
    assert.deepEqual([names(objects), unreadable], [["a", "b"], []]);
  },
  "a watch tells of what cannot be read in its place, and goes on": async (under) => {
    const { store, other } = under;
    const sink = new RecordingSink();
    const b = await create(other, pool("b"));
    const { cursor } = await store.list({ kind: "IPPool" });
    store.watch(["IPPool"], cursor, sink);
    await create(other, pool("a"));
    await under.spoil(b.key);
    const c = await create(other, pool("c"));
    await must(other, { op: "delete", key: b.key });
    await sink.until(() => sink.seen.length >= 4);
    const [, spoiled, ...rest] = sink.seen;
    assert.deepEqual(spoiled?.type === "unreadable" && spoiled.key, b.key);
    assert.deepEqual(rest, [
      { type: "changed", object: c },
      { type: "removed", key: b.key },
    ]);
    assert.deepEqual([sink.interruptions, sink.resumptions, sink.expiries], [[], 0, []]);
  },
};

const faults: Readonly<Record<string, (under: StoreUnderTest) => Promise<void>>> = {
  "while the store is away calls fail, and a watch then goes on without a gap": async (under) => {
    const { store, other } = under;
    const sink = new RecordingSink();
    store.watch(["IPPool"], (await store.list({ kind: "IPPool" })).cursor, sink);
    await create(other, pool("a"));
    await sink.until(() => sink.seen.length === 1);
    await under.cut();
    await sink.until(() => sink.interruptions.length > 0);
    assert.equal(sink.interruptions[0]?.code, "unavailable");
    await assert.rejects(store.get(pool("a")), { code: "unavailable" });
    await assert.rejects(store.list({ kind: "IPPool" }), (thrown) => thrown instanceof StoreError);
    await assert.rejects(store.write([{ op: "put", key: pool("b"), value: {} }]), { code: "unavailable" });
    await under.mend();
    await sink.until(() => sink.resumptions > 0);
    await create(other, pool("c"));
    await create(store, pool("d"));
    await sink.until(() => sink.names().includes("d"));
    assert.deepEqual(sink.names(), ["a", "c", "d"]);
    assert.deepEqual(sink.expiries, []);
  },
  "a watch from before the compaction expires": async (under) => {
    const { store, other } = under;
    const { cursor } = await store.list({ kind: "IPPool" });
    for (const name of ["a", "b", "c"]) await create(other, pool(name));
    await under.compact();
    const sink = new RecordingSink();
    store.watch(["IPPool", "Node"], cursor, sink);
    await sink.until(() => sink.expiries.length > 0);
    assert.deepEqual(sink.expiries, ["compacted"]);
    assert.deepEqual(sink.seen, []);
    const again = new RecordingSink();
    store.watch(["IPPool"], (await store.list({ kind: "IPPool" })).cursor, again);
    await create(other, pool("d"));
    await again.until(() => again.seen.length === 1);
  },
  "a store that went back says so": async (under) => {
    const { store } = under;
    for (const name of ["a", "b", "c"]) await create(store, pool(name));
    const { cursor } = await store.list({ kind: "IPPool" });
    const sink = new RecordingSink();
    store.watch(["IPPool"], cursor, sink);
    await under.rollBack(2);
    await sink.until(() => sink.expiries.length > 0);
    assert.deepEqual(sink.expiries, ["rolledBack"]);
    const listed = await store.list({ kind: "IPPool" });
    assert.equal(store.continuity(cursor, listed.cursor), "rolledBack");
    const late = new RecordingSink();
    store.watch(["IPPool"], cursor, late);
    await late.until(() => late.expiries.length > 0);
    assert.deepEqual(late.expiries, ["rolledBack"]);
  },
  "another store in its place is not taken for it": async (under) => {
    const { store } = under;
    await create(store, pool("a"));
    const { cursor } = await store.list({ kind: "IPPool" });
    const sink = new RecordingSink();
    store.watch(["IPPool"], cursor, sink);
    await under.replace();
    await sink.until(() => sink.expiries.length > 0);
    assert.deepEqual(sink.expiries, ["unknown"]);
    const listed = await store.list({ kind: "IPPool" });
    assert.deepEqual(listed.objects, []);
    assert.equal(store.continuity(cursor, listed.cursor), "unknown");
  },
  "a closed store answers nobody": async ({ store, other }) => {
    const sink = new RecordingSink();
    store.watch(["IPPool"], (await store.list({ kind: "IPPool" })).cursor, sink);
    await store.close();
    await assert.rejects(store.get(pool("a")), { code: "closed" });
    await create(other, pool("a"));
    await other.list({ kind: "IPPool" });
    assert.deepEqual([sink.seen, sink.interruptions, sink.expiries], [[], [], []]);
    await store.close();
  },
};
