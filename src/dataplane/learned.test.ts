/** Routes that were learned by BGP, across restarts of the agent: kept until peers have told theirs again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RoutePreference } from "../compile/fragment.ts";
import { keys } from "../compile/keys.ts";
import type { RouteItem } from "../compile/node-state.ts";
import { agentHost, cluster, put } from "../testing/agent-host.ts";
import { nodeObject } from "../testing/objects.ts";
import type { Agent, BgpSide } from "./agent.ts";

const FAR = "192.168.97.192/26";
const NEAR = "192.168.98.0/26";

const hear = (agent: Agent, destination: string, ...gateways: readonly string[]): void => {
  const route: RouteItem = {
    table: 254,
    destination,
    type: "unicast",
    protocol: 12,
    scope: 0,
    metric: 0,
    nextHops: gateways.map((device) => ({ device })),
  };
  const routes = gateways.length === 0 ? [] : [{ route, preference: RoutePreference.learned }];
  agent.dataplane.contribute(keys.learned(destination), { routes });
};

/** A speaker's side that notes what it is told. */
const side = (): BgpSide & { readonly seen: string[]; passes: number; wentOn: number } => {
  const seen: string[] = [];
  return {
    seen,
    passes: 0,
    wentOn: 0,
    compiled: (key) => void seen.push(key),
    contributed: () => () => true,
    settled() {
      this.passes++;
    },
    goesOn() {
      this.wentOn++;
    },
  };
};

const learnedRoutes = (routes: () => readonly string[]) => routes().filter((route) => [FAR, NEAR].includes(route));

test("a speaker is told of every compiled key, and when all is compiled", async () => {
  const { start, clock } = agentHost(await cluster());
  const bgp = side();
  const agent = start({ bgp });
  await clock.advance(5_000);
  assert.ok(bgp.seen.includes(keys.bgpRouter) && bgp.seen.includes(keys.node("worker-2")));
  assert.ok(bgp.passes > 0);
  await agent.close();
});

test("after a restart learned routes stay until what is to be learned has been, and then only what was heard again", async () => {
  const { start, clock, routes, drivers } = agentHost(await cluster());
  const first = start({ bgp: side() });
  await clock.advance(5_000);
  assert.equal(first.hasLearned, false);
  hear(first, FAR, "ens5");
  hear(first, NEAR, "ens5");
  await clock.advance(5_000);
  assert.deepEqual(learnedRoutes(routes), [FAR, NEAR]);
  await first.close();

  const second = start({ bgp: side() });
  await clock.advance(5_000);
  assert.equal(second.hasLearned, true);
  assert.deepEqual(learnedRoutes(routes), [FAR, NEAR], "nobody has told them again, and they stay");
  hear(second, FAR, "tunl0");
  await clock.advance(1_000);
  assert.equal(drivers.routes.kernel.get(`254 ${FAR} 0`)?.nextHops[0]?.device, "tunl0", "what is heard now counts");
  second.routesLearned();
  await clock.advance(1_000);
  assert.deepEqual(learnedRoutes(routes), [FAR]);
  await second.close();
});

test("a kill before anything was learned again costs nothing either", async () => {
  const { start, clock, routes } = agentHost(await cluster());
  const first = start({ bgp: side() });
  await clock.advance(5_000);
  hear(first, FAR, "ens5");
  await clock.advance(5_000);
  await first.close();
  for (let restart = 0; restart < 2; restart++) {
    const again = start({ bgp: side() });
    await clock.advance(5_000);
    await again.close();
  }
  const last = start({ bgp: side() });
  await clock.advance(5_000);
  assert.equal(last.hasLearned, true);
  assert.deepEqual(learnedRoutes(routes), [FAR]);
  await last.close();
});

test("a speaker goes on as it was where the store is away from the start, and the node knows what it applied last", async () => {
  const store = await cluster();
  const { start, clock } = agentHost(store);
  store.isAway = true;
  const newcomer = side();
  const first = start({ bgp: newcomer });
  await clock.advance(5_000);
  assert.equal(newcomer.wentOn, 0, "there is nothing to go on from");
  store.isAway = false;
  await clock.advance(60_000);
  store.isAway = true;
  await clock.advance(60_000);
  assert.equal(newcomer.wentOn, 0, "it goes on by itself");
  await first.close();
  const again = side();
  const second = start({ bgp: again });
  await clock.advance(5_000);
  assert.ok(again.wentOn > 0);
  assert.equal(again.passes, 0, "nothing has vouched for what is compiled");
  await second.close();
  await store.close();
});

test("an agent that speaks no BGP lets go of what another backend had learned", async () => {
  const store = await cluster();
  const { start, clock, routes } = agentHost(store);
  const first = start({ bgp: side() });
  await clock.advance(5_000);
  hear(first, FAR, "ens5");
  await clock.advance(5_000);
  await first.close();
  const second = start();
  await clock.advance(5_000);
  assert.deepEqual(learnedRoutes(routes), []);
  await put(store, nodeObject("worker-3", "10.30.1.66/24"));
  await clock.advance(1_000);
  await second.close();
});
