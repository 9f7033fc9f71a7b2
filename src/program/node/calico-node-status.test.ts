import assert from "node:assert/strict";
import { test } from "node:test";
import { birdRoute } from "../../compile/routing/bird-route.ts";
import { parseAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import { SpeakerWorld } from "../../testing/speaker-world.ts";
import { bgpReport } from "./bgp-report.ts";
import { calicoNodeStatus, type StatusSources } from "./calico-node-status.ts";

const NAME = "Mesh_10_0_0_2";

/** A node with one session of the mesh that is up, a block of its own and one of the peer's. */
async function sources(learned: StatusSources["learned"]) {
  const world = new SpeakerWorld();
  const [left, right] = [world.host("10.0.0.1"), world.host("10.0.0.2")];
  left.peer(right, { name: NAME });
  right.peer(left);
  left.originate("192.168.0.0/26");
  right.originate("192.168.1.0/26");
  await world.until("the routes", () => left.best.size === 1 && right.best.size === 1);
  const at = world.clock.wall.now();
  const surroundings = { since: at, now: at, configured: { at, config: left.config }, reports: [] };
  const bgp = bgpReport(left.speaker.status(), { ...surroundings, nodesAt: () => [] });
  return { world, at, sources: { bgp, tables: left.speaker.tables, learned, version: "v1" } };
}

test("each class has calico-node's fields", async () => {
  const via = birdRoute(parsePrefix("192.168.1.0/26"), [{ device: "tunl0", gateway: parseAddress("10.0.0.2") }]);
  const { world, at, sources: given } = await sources(() => ({ piece: { route: via, preference: 0 }, neighbours: [] }));
  const { agent, bgp, routes } = calicoNodeStatus(["Agent", "BGP", "Routes"], given) as Record<string, unknown>;
  const bird = { state: "Ready", version: "v1", routerID: "10.0.0.1" };
  const times = { lastBootTime: at.toISOString(), lastReconfigurationTime: at.toISOString() };
  assert.deepEqual(agent, { birdV4: { ...bird, ...times }, birdV6: { ...bird, ...times } });
  const since = world.clock.wall.now().toISOString().slice(11, 19);
  assert.deepEqual(
    { ...(bgp as object), peersV4: undefined },
    {
      numberEstablishedV4: 1,
      numberNotEstablishedV4: 0,
      peersV4: undefined,
      numberEstablishedV6: 0,
      numberNotEstablishedV6: 0,
      peersV6: [],
    },
  );
  const [peer] = (bgp as { peersV4: readonly Record<string, string>[] }).peersV4;
  assert.deepEqual({ ...peer, since }, { peerIP: "10.0.0.2", type: "NodeMesh", state: "Established", since });
  assert.deepEqual(routes, {
    routesV4: [
      { type: "FIB", destination: "192.168.0.0/26", learnedFrom: { sourceType: "Static" } },
      {
        type: "FIB",
        destination: "192.168.1.0/26",
        gateway: "10.0.0.2",
        interface: "tunl0",
        learnedFrom: { sourceType: "NodeMesh", peerIP: "10.0.0.2" },
      },
    ],
    routesV6: [],
  });
  world.close();
});

test("a route that becomes none in the kernel stays in the RIB; only the classes that were asked for are there", async () => {
  const { world, sources: given } = await sources(() => ({ rejected: "it is in no pool" }));
  const { routes, ...others } = calicoNodeStatus(["Routes"], given) as { routes: { routesV4: readonly unknown[] } };
  assert.deepEqual(others, {});
  assert.deepEqual(routes.routesV4[1], {
    type: "RIB",
    destination: "192.168.1.0/26",
    gateway: "10.0.0.2",
    learnedFrom: { sourceType: "NodeMesh", peerIP: "10.0.0.2" },
  });
  world.close();
});

test("a node without BGP says that it is not ready", () => {
  const none = { bgp: undefined, tables: undefined, learned: () => undefined, version: "v1" };
  const status = calicoNodeStatus(["Agent", "BGP", "Routes"], none) as Record<string, Record<string, unknown>>;
  assert.deepEqual(status["agent"]?.["birdV4"], { state: "NotReady" });
  assert.equal(status["bgp"]?.["numberEstablishedV4"], 0);
  assert.deepEqual(status["routes"], { routesV4: [], routesV6: [] });
});
