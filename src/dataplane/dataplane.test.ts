import assert from "node:assert/strict";
import { test } from "node:test";
import { projectBlock, projectPool } from "../compile/project.ts";
import { verify } from "../insight/verify.ts";
import { agentHost, cluster } from "../testing/agent-host.ts";
import { MemoryStore } from "../testing/memory-store.ts";
import { blockObject, endpointObject, poolObject } from "../testing/objects.ts";

const BLOCKS = 5_000;
const pod9 = endpointObject("worker-1", "pod-9", "192.168.226.70", "cali999");

/** An agent in sync, whose routes to many blocks are about to change: nothing of it is carried out yet. */
async function largeChange() {
  const store = await cluster();
  const host = agentHost(store);
  const agent = host.start();
  await host.clock.advance(5_000);
  agent.dataplane.change((view, touch) => {
    for (let index = 0; index < BLOCKS; index++) {
      const cidr = `192.168.${index % 192}.${Math.floor(index / 192) * 4}/30`;
      const block = projectBlock(blockObject(cidr, "worker-2"));
      view.setBlock(block.key, block, touch);
    }
  });
  return { ...host, agent };
}

test("an endpoint waits for its own items, not for a change of all blocks", async () => {
  const { agent, routes } = await largeChange();
  assert.deepEqual(await agent.endpointChanged(pod9), []);
  assert.ok(routes().includes("192.168.226.70/32"));
  assert.ok(agent.waiting > BLOCKS / 2, `${agent.waiting} keys are still to be compiled`);
  await agent.dataplane.applied();
  assert.equal(agent.waiting, 0);
  assert.ok(routes().length > BLOCKS);
  await agent.close();
});

test("an endpoint goes between the batches of a change under way, and so does its removal", async () => {
  const { agent, drivers, routes } = await largeChange();
  const gates: (() => void)[] = [];
  const { apply } = drivers.routes;
  let batches = 0;
  drivers.routes.apply = async (ops) => {
    if (ops.length > 1) {
      batches++;
      await new Promise<void>((resolve) => gates.push(resolve));
    }
    return apply.call(drivers.routes, ops);
  };
  const all = agent.dataplane.applied();
  const nextBatch = async (count: number) => {
    while (batches < count) await new Promise((resolve) => setImmediate(resolve));
  };
  await nextBatch(1);
  const added = agent.endpointChanged(pod9);
  gates.shift()?.();
  assert.deepEqual(await added, []);
  assert.ok(routes().includes("192.168.226.70/32"));
  await nextBatch(2);
  const removed = agent.endpointRemoved(pod9.key);
  gates.shift()?.();
  await removed;
  assert.ok(!routes().includes("192.168.226.70/32"));
  assert.ok(routes().length < BLOCKS, "the change is still under way");
  for (let batch = 3; routes().length < BLOCKS; batch++) {
    await nextBatch(batch);
    gates.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await all;
  await agent.close();
});

test("while nothing may be written, who asks for it is told so, and why", async () => {
  const store = new MemoryStore();
  store.isAway = true;
  const { start, clock, drivers } = agentHost(store);
  const agent = start();
  const listing = { code: "notOpen", message: "the dataplane is not open: the store is not listed yet" };
  await assert.rejects(agent.dataplane.applied(), listing);
  await clock.advance(1_000);
  const away = { code: "notOpen", message: /^the dataplane is not open: the store does not answer.*no last applied/ };
  await assert.rejects(agent.dataplane.applied(), away);
  await assert.rejects(verify(agent.dataplane, drivers, agent.view, clock), away);
  await assert.rejects(agent.endpointChanged(pod9), away);
  await assert.rejects(agent.endpointRemoved(pod9.key), away);
  store.isAway = false;
  await clock.advance(20_000);
  await agent.dataplane.applied();
  await agent.close();
});

test("who waits when the agent ends is told so", async () => {
  const store = await cluster();
  const { start, clock, drivers } = agentHost(store);
  const agent = start();
  await clock.advance(5_000);
  drivers.routes.readOwned = () => Promise.reject(new Error("the kernel does not answer"));
  agent.dataplane.resync("test");
  const waiting = [agent.dataplane.applied(), agent.endpointChanged(pod9)];
  for (const one of waiting) one.catch(() => undefined);
  await clock.advance(100);
  const closed = agent.close();
  for (const one of waiting) await assert.rejects(one, { code: "notOpen", message: /the agent ends/ });
  await closed;
  await assert.rejects(agent.dataplane.applied(), { code: "notOpen" });
});

test("a change of what is not urgent is carried out whole beside endpoints that come and go", async () => {
  const { agent, routes } = await largeChange();
  const pool = projectPool(poolObject("default-ipv4-ippool", "192.168.0.0/16", { vxlanMode: "CrossSubnet" }));
  for (let round = 0; round < 5; round++) {
    await agent.endpointChanged(pod9);
    agent.dataplane.change((view, touch) => view.setPool("default-ipv4-ippool", pool, touch));
    await agent.endpointRemoved(pod9.key);
  }
  await agent.dataplane.applied();
  assert.equal(routes().length, BLOCKS + 3);
  await agent.close();
});
