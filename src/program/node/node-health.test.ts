import assert from "node:assert/strict";
import { test } from "node:test";
import { healthHandler } from "../../adapter/health-server.ts";
import { HttpEndpoint } from "../../adapter/http-endpoint.ts";
import { agentHost, cluster, put } from "../../testing/agent-host.ts";
import { blockObject } from "../../testing/objects.ts";
import { NodeHealth } from "./node-health.ts";

/** worker-1 with an agent that has just been started. */
async function node() {
  const store = await cluster();
  const host = agentHost(store);
  const { clock, log, drivers } = host;
  const failing = { compile: false };
  const agent = host.start({
    turn: (name, work) => {
      if (failing.compile && name === "compile") throw new Error("a mistake of ours");
      return work();
    },
  });
  const health = new NodeHealth(agent, { clock, log });
  /** `live` and `ready`, with what is bad. */
  const state = () => {
    const { isLive, isReady, detail } = health.summary();
    const bad = detail.split("\n").flatMap((line) => (/timed out|non-/.test(line) ? [line.split(/ *\| */)[1]] : []));
    return [isLive ? "live" : "dead", isReady ? "ready" : "unready", ...bad].join(" ");
  };
  return { store, clock, log, drivers, failing, agent, health, state };
}

test("ready after the first pass has settled, not when the lists have arrived", async () => {
  const { agent, clock, drivers, state } = await node();
  drivers.links.hangs = true;
  await clock.advance(100);
  assert.equal(agent.isInSync, true);
  assert.equal(state(), "live unready InternalDataplaneMainLoop");
});

test("an agent that has nothing to do stays live and ready", async () => {
  const { agent, clock, health, state } = await node();
  assert.equal(state(), "live unready CalculationGraph FelixStartup InternalDataplaneMainLoop");
  await clock.advance(100);
  assert.equal(state(), "live ready");
  await clock.advance(3_600_000);
  assert.equal(state(), "live ready");
  health.close();
  await agent.close();
});

test("a driver that does not come back ends liveness after the dataplane's timeout, or after an override", async (t) => {
  const { log, store, clock, drivers, health, state } = await node();
  await clock.advance(100);
  drivers.routes.hangs = true;
  await put(store, blockObject("192.168.133.128/26", "worker-2"));
  await clock.advance(80_000);
  assert.equal(state(), "live ready");
  await clock.advance(20_000);
  assert.equal(state(), "dead unready InternalDataplaneMainLoop");
  const endpoint = new HttpEndpoint({ name: "health", handler: healthHandler(health.summary), clock, log });
  t.after(() => endpoint.close());
  await endpoint.configure({ enabled: true, host: "localhost", port: 0 });
  assert.equal((await fetch(`http://127.0.0.1:${endpoint.port}/liveness`)).status, 503);
  health.overrideTimeouts({ InternalDataplaneMainLoop: 200_000 });
  assert.equal(state(), "live ready");
});

test("a compile that fails again and again ends liveness after the calculation's timeout", async () => {
  const { agent, store, clock, failing, health, state } = await node();
  await clock.advance(100);
  failing.compile = true;
  await put(store, blockObject("192.168.133.128/26", "worker-2"));
  await clock.advance(20_000);
  assert.equal(state(), "live ready");
  await clock.advance(20_000);
  assert.equal(state(), "dead unready CalculationGraph");
  failing.compile = false;
  await clock.advance(2_000);
  assert.equal(state(), "live ready");
  health.close();
  await agent.close();
});
