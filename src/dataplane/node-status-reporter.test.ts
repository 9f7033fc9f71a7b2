import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../base/json.ts";
import { agentHost, cluster } from "../testing/agent-host.ts";
import type { MemoryStore } from "../testing/memory-store.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { NodeStatusReporter } from "./node-status-reporter.ts";

const ask = (store: MemoryStore, name: string, spec: JsonObject) =>
  store.write([
    {
      op: "put",
      key: { kind: "CalicoNodeStatus", name },
      value: { kind: "CalicoNodeStatus", metadata: { name }, spec },
    },
  ]);

/** The agent of worker-1 that counts what it reports. */
async function reporting() {
  const store = await cluster();
  const { clock, start } = agentHost(store);
  let reports = 0;
  const reporter = new NodeStatusReporter({
    node: "worker-1",
    store,
    clock,
    wallClock: clock.wall,
    log: new SilentLog(),
    turn: (_name, work) => work(),
    content: (classes) => ({ agent: { classes: [...classes], report: ++reports } }),
  });
  await ask(store, "before", { node: "worker-1", classes: ["Agent", "BGP"], updatePeriodSeconds: 10 });
  await ask(store, "theirs", { node: "worker-2", classes: ["Agent"], updatePeriodSeconds: 10 });
  const agent = start({ follower: reporter });
  const statusOf = async (name: string) =>
    (await store.get({ kind: "CalicoNodeStatus", name }))?.value["status"] as JsonObject | undefined;
  return { store, clock, agent, reporter, statusOf, reports: () => reports };
}

test("objects that name this node are filled when they come, and again after each period", async () => {
  const { clock, agent, reporter, statusOf, reports } = await reporting();
  await clock.advance(2_000);
  const first = await statusOf("before");
  assert.deepEqual(first?.["agent"], { classes: ["Agent", "BGP"], report: 1 });
  assert.equal(await statusOf("theirs"), undefined);
  await clock.advance(5_000);
  assert.equal(reports(), 1, "what it wrote itself is no news");
  await clock.advance(5_000);
  assert.equal(reports(), 2);
  assert.notEqual((await statusOf("before"))?.["lastUpdated"], first?.["lastUpdated"]);
  reporter.close();
  await clock.advance(60_000);
  assert.equal(reports(), 2);
  await agent.close();
});

test("another spec is answered at once, period 0 once, and what is deleted no more", async () => {
  const { store, clock, agent, reporter, statusOf, reports } = await reporting();
  await clock.advance(2_000);
  await ask(store, "before", { node: "worker-1", classes: ["Routes"], updatePeriodSeconds: 0 });
  await clock.advance(2_000);
  assert.deepEqual((await statusOf("before"))?.["agent"], { classes: ["Routes"], report: 2 });
  await clock.advance(60_000);
  assert.equal(reports(), 2);
  await ask(store, "other", { node: "worker-1", updatePeriodSeconds: 10 });
  await clock.advance(2_000);
  assert.equal(reports(), 3);
  await store.write([{ op: "delete", key: { kind: "CalicoNodeStatus", name: "other" } }]);
  await clock.advance(60_000);
  assert.equal(reports(), 3);
  reporter.close();
  await agent.close();
});

test("a store that is away gets the status when it is back", async () => {
  const { store, clock, agent, reporter, statusOf, reports } = await reporting();
  await clock.advance(500);
  store.isAway = true;
  await clock.advance(3_000);
  assert.equal(reports(), 1);
  store.isAway = false;
  await clock.advance(20_000);
  assert.deepEqual((await statusOf("before"))?.["agent"], { classes: ["Agent", "BGP"], report: reports() });
  reporter.close();
  await agent.close();
});
