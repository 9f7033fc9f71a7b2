import assert from "node:assert/strict";
import { test } from "node:test";
import { agentHost, cluster, put } from "../../testing/agent-host.ts";
import { endpointObject } from "../../testing/objects.ts";
import { statusContent } from "./told.ts";

test("a node's status names each endpoint's failures, and is made without a look at all routes", async () => {
  const store = await cluster();
  await put(store, endpointObject("worker-1", "pod-9", "192.168.226.70", "cali999"));
  store.spoil({ kind: "Node", name: "broken" });
  const { start, clock, drivers } = agentHost(store);
  drivers.routes.refused.add("254 192.168.226.70/32 0");
  drivers.routes.refused.add("254 192.168.133.192/26 0");
  const agent = start();
  await clock.advance(5_000);
  let walks = 0;
  agent.dataplane.desired = () => assert.fail("all items were looked at");
  const { failuresBySource } = agent.dataplane;
  agent.dataplane.failuresBySource = () => {
    walks++;
    return failuresBySource.call(agent.dataplane);
  };
  const content = statusContent(agent, { byName: () => undefined });
  const status = content["status"] as Record<string, readonly unknown[]>;
  assert.equal(walks, 1, "failures are walked once, not once for each endpoint");
  assert.deepEqual(
    status["endpoints"]?.map((endpoint) => (endpoint as { reason: string }).reason),
    ["its device cali123 is gone", "its device cali999 is gone"],
  );
  assert.equal(status["failures"]?.length, 2);
  assert.match(status["failures"]?.join() ?? "", /routes 254 192\.168\.133\.192\/26 0: .*EINVAL/);
  assert.match(status["reports"]?.join() ?? "", /broken cannot be read/);
  await agent.dataplane.close();
});

test("failures of one source are those of its own items", async () => {
  const store = await cluster();
  const { start, clock, drivers } = agentHost(store);
  drivers.routes.refused.add("254 192.168.226.65/32 0");
  drivers.routes.refused.add("254 192.168.133.192/26 0");
  const agent = start();
  await clock.advance(5_000);
  const { dataplane } = agent;
  for (const [source, failures] of dataplane.failuresBySource()) {
    assert.equal(failures.length, 1);
    assert.deepEqual(dataplane.failuresOf(source), failures);
  }
  assert.equal(dataplane.failuresBySource().size, 2);
  assert.deepEqual(dataplane.failuresOf("block 192.168.226.64/26"), []);
  await agent.close();
});
