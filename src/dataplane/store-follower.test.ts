import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cursor } from "../port/store.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { StoreFollower } from "./store-follower.ts";

async function put(store: MemoryStore, kind: string, name: string): Promise<void> {
  await store.write([{ op: "put", key: { kind, name }, value: { name } }]);
}

function follow(store: MemoryStore, known?: Cursor) {
  const clock = new FakeClock();
  const told: string[] = [];
  const follower = new StoreFollower(
    { store, clock, kinds: ["Node", "IPPool"], ...(known === undefined ? {} : { known }) },
    {
      listed: (kind, { objects }) => void told.push(`listed ${kind} ${objects.map(({ key }) => key.name).join(",")}`),
      events: (events) =>
        void told.push(
          ...events.map((event) => `${event.type} ${(event.type === "changed" ? event.object.key : event.key).name}`),
        ),
      synced: () => void told.push("synced"),
      lost: () => void told.push("lost"),
      recovered: () => void told.push("recovered"),
      refused: (continuity) => void told.push(`refused ${continuity}`),
    },
  );
  follower.start();
  const take = () => told.splice(0);
  return { clock, follower, take };
}

test("lists every kind once, then tells of changes of those kinds only", async () => {
  const store = new MemoryStore();
  await put(store, "Node", "n1");
  const { clock, take, follower } = follow(store);
  await clock.advance(0);
  assert.deepEqual(take(), ["listed Node n1", "listed IPPool ", "synced"]);
  await put(store, "IPPool", "p1");
  await put(store, "Profile", "ignored");
  await store.write([{ op: "delete", key: { kind: "Node", name: "n1" } }]);
  await clock.advance(0);
  assert.deepEqual(take(), ["changed p1", "removed n1"]);
  follower.close();
});

test("a store that is away at the start is asked again until it answers", async () => {
  const store = new MemoryStore();
  store.isAway = true;
  const { clock, take, follower } = follow(store);
  await clock.advance(1_000);
  assert.deepEqual(new Set(take()), new Set(["lost"]));
  store.isAway = false;
  await clock.advance(10_000);
  assert.deepEqual(take(), ["recovered", "listed Node ", "listed IPPool ", "synced"]);
  follower.close();
});

test("after an interruption it goes on without a gap", async () => {
  const store = new MemoryStore();
  const { clock, take, follower } = follow(store);
  await clock.advance(0);
  take();
  store.isAway = true;
  await clock.advance(0);
  assert.deepEqual(take(), ["lost"]);
  store.isAway = false;
  await put(store, "Node", "n1");
  await clock.advance(0);
  assert.deepEqual(take(), ["recovered", "changed n1"]);
  follower.close();
});

test("compacted history is listed again, and the list counts because it continues", async () => {
  const store = new MemoryStore();
  await put(store, "Node", "n1");
  const { clock, take, follower } = follow(store);
  await clock.advance(0);
  take();
  store.isAway = true;
  await clock.advance(0);
  store.isAway = false;
  store.compact();
  await put(store, "Node", "n2");
  await clock.advance(0);
  store.compact();
  assert.ok(take().includes("changed n2"));
  follower.close();
  const cursor = (await store.list({ kind: "Node" })).cursor;
  await put(store, "Node", "n3");
  const again = follow(store, cursor);
  await clock.advance(0);
  await again.clock.advance(0);
  assert.deepEqual(again.take(), ["listed Node n1,n2,n3", "listed IPPool ", "synced"]);
  again.follower.close();
});

test("another store, or an older state of this one, is refused: its lists are not handed over", async () => {
  for (const fault of ["replace", "rollBack"] as const) {
    const store = new MemoryStore();
    await put(store, "Node", "n1");
    await put(store, "Node", "n2");
    const { cursor } = await store.list({ kind: "Node" });
    if (fault === "replace") store.replace();
    else store.rollBack(1);
    const { clock, take, follower } = follow(store, cursor);
    await clock.advance(0);
    assert.deepEqual(take(), [fault === "replace" ? "refused unknown" : "refused rolledBack"]);
    follower.close();
  }
});

test("a store that is replaced under a running agent is refused too", async () => {
  const store = new MemoryStore();
  await put(store, "Node", "n1");
  const { clock, take, follower } = follow(store);
  await clock.advance(0);
  take();
  store.replace();
  await clock.advance(0);
  assert.deepEqual(take(), ["refused unknown"]);
  follower.close();
});
