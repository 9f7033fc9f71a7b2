import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { Publisher } from "./publisher.ts";

test("content is written when it changes, changes of a second together, and a store that was away gets the newest", async () => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  let content = { endpoints: ["a"] };
  let writes = 0;
  store.beforeWrite = () => {
    writes++;
  };
  const publisher = new Publisher("NodeStatus", "worker-1", () => content, {
    store,
    clock,
    log: new SilentLog(),
    turn: (_name, work) => work(),
  });
  publisher.changed();
  await clock.advance(1_000);
  publisher.changed();
  await clock.advance(1_000);
  assert.equal(writes, 1, "the same content is not written twice");
  store.isAway = true;
  content = { endpoints: ["a", "b"] };
  publisher.changed();
  await clock.advance(5_000);
  content = { endpoints: ["a", "b", "c"] };
  store.isAway = false;
  await clock.advance(10_000);
  const stored = await store.get({ kind: "NodeStatus", name: "worker-1" });
  assert.deepEqual(stored?.value["endpoints"], ["a", "b", "c"]);
  publisher.close();
});
