import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../base/json.ts";
import { formatAddress } from "../../ip/address.ts";
import type { Stored } from "../../port/store.ts";
import { awsObjects, type BgpWorld, bgpNodeObject, bgpWorld, birdLocal } from "../../testing/bgp-world.ts";
import { compileAll } from "../../testing/compile-all.ts";
import { endpointObject, resourceObject } from "../../testing/objects.ts";
import { describeAddressItem, describeRoute } from "../describe.ts";
import type { SessionPiece } from "./pieces.ts";
import { router } from "./router.ts";

const local = birdLocal("worker-1", "10.30.0.206/24", "ens5");
const peer = (name: string, spec: JsonObject): Stored => resourceObject("BGPPeer", name, spec);
const configuration = (spec: JsonObject, name = "default"): Stored => resourceObject("BGPConfiguration", name, spec);
const meshOff = configuration({ nodeToNodeMeshEnabled: false });

const world = (...objects: readonly Stored[]): BgpWorld => bgpWorld(local, [...awsObjects("Always"), ...objects]);

const pieces = ({ compiler }: BgpWorld): readonly SessionPiece[] =>
  [...compileAll(compiler.view).values()].flatMap(({ bgp }) => bgp?.sessions ?? []);

const reports = ({ compiler }: BgpWorld): readonly string[] =>
  [...compileAll(compiler.view).values()].flatMap((fragment) => fragment.reports ?? []);

const names = (at: BgpWorld): string[] =>
  pieces(at)
    .map(({ session }) => session.name)
    .sort();

function only(at: BgpWorld): SessionPiece {
  const [first, ...more] = pieces(at);
  assert.ok(first && more.length === 0, names(at).join(" "));
  return first;
}

/** A world in which other nodes have labels, cluster ids or an AS. */
const nodesAs = (nodes: Readonly<Record<string, { bgp?: JsonObject; labels?: Record<string, string> }>>): Stored[] => {
  const addresses: Readonly<Record<string, string>> = {
    master: "10.30.0.136/24",
    "worker-1": "10.30.0.206/24",
    "worker-2": "10.30.0.56/24",
    "worker-3": "10.30.1.66/24",
  };
  return Object.entries(nodes).map(([name, { bgp, labels }]) =>
    bgpNodeObject(name, addresses[name] ?? "", "192.168.1.1", bgp, labels),
  );
};

test("the mesh: a session with every other node, by Calico's names and timers", () => {
  const at = world();
  assert.deepEqual(names(at), ["Mesh_10_30_0_136", "Mesh_10_30_0_56", "Mesh_10_30_1_66"]);
  const session = pieces(at).find((piece) => piece.session.name === "Mesh_10_30_0_136")?.session;
  const { peer: end, localAddress, ...rest } = session ?? assert.fail();
  assert.deepEqual([formatAddress(end.address), end.port, end.asn], ["10.30.0.136", 179, 64512]);
  assert.equal(localAddress === undefined ? "" : formatAddress(localAddress), "10.30.0.206");
  assert.deepEqual(rest, {
    name: "Mesh_10_30_0_136",
    localAs: 64512,
    passive: false,
    families: [4],
    holdTimeSeconds: 240,
    connectRetrySeconds: 5,
    isReflectorClient: false,
    nextHop: "normal",
    allowedOwnAs: 0,
    restartTimeSeconds: 120,
  });
});

test("of two nodes the one whose address sorts first as text dials", () => {
  const passive = pieces(world()).map(({ session }) => [session.name, session.passive]);
  assert.deepEqual(Object.fromEntries(passive), {
    Mesh_10_30_0_136: false,
    Mesh_10_30_0_56: true,
    Mesh_10_30_1_66: true,
  });
});

test("the mesh ends with nodeToNodeMeshEnabled false, and reflectors take no part in it", () => {
  assert.deepEqual(names(world(meshOff)), []);
  const reflecting = world(...nodesAs({ master: { bgp: { routeReflectorClusterID: "244.0.0.1" } } }));
  assert.deepEqual(names(reflecting), ["Mesh_10_30_0_56", "Mesh_10_30_1_66"]);
  const own = world(...nodesAs({ "worker-1": { bgp: { routeReflectorClusterID: "244.0.0.1" } } }));
  assert.deepEqual(names(own), []);
});

test("both families have sessions of their own, and ports and AS numbers are the other node's", () => {
  const at = world(
    ...nodesAs({ "worker-1": { bgp: { ipv6Address: "fd00::1/64", asNumber: 65001 } } }),
    ...nodesAs({ master: { bgp: { ipv6Address: "fd00::2/64", asNumber: 65002 } } }),
    configuration({ listenPort: 1790, asNumber: 64999, nodeMeshMaxRestartTime: "90s" }),
    configuration({ listenPort: 1791 }, "node.worker-2"),
  );
  const rows = pieces(at).map(({ session: { name, peer: end, localAs, families, restartTimeSeconds } }) =>
    [name, end.port, end.asn, localAs, families[0], restartTimeSeconds].join(" "),
  );
  assert.deepEqual(rows.sort(), [
    "Mesh_10_30_0_136 1790 65002 65001 4 90",
    "Mesh_10_30_0_56 1791 65001 65001 4 90",
    "Mesh_10_30_1_66 1790 65001 65001 4 90",
    "Mesh_fd00__2 1790 65002 65001 6 90",
  ]);
});

test("a peer by address: for all nodes, for one, for those that a selector selects, and for nobody else", () => {
  const tor = { peerIP: "10.30.0.1", asNumber: 65100 };
  assert.deepEqual(names(world(meshOff, peer("tor", tor))), ["Global_10_30_0_1"]);
  assert.deepEqual(names(world(meshOff, peer("tor", { ...tor, node: "worker-1" }))), ["Node_10_30_0_1"]);
  assert.deepEqual(names(world(meshOff, peer("tor", { ...tor, node: "worker-2" }))), []);
  const rack = (labels: Record<string, string>) =>
    world(meshOff, ...nodesAs({ "worker-1": { labels } }), peer("tor", { ...tor, nodeSelector: "rack == 'a'" }));
  assert.deepEqual(names(rack({ rack: "a" })), ["Node_10_30_0_1"]);
  assert.deepEqual(names(rack({ rack: "b" })), []);
  assert.deepEqual(names(world(meshOff, peer("six", { peerIP: "[fd00::9]:1790", asNumber: 1 }))), []);
  assert.match(reports(world(peer("six", { peerIP: "fd00::9", asNumber: 1 }))).join(), /worker-1 has no IPv6 address/);
});

test("what a BGPPeer says of its sessions is on them", () => {
  const { session, password, filters } = only(
    world(
      meshOff,
      peer("tor", {
        peerIP: "10.30.0.1:1790",
        asNumber: 65100,
        localASNumber: 65200,
        sourceAddress: "None",
        maxRestartTime: "1m30s",
        keepaliveTime: "20s",
        ttlSecurity: 1,
        nextHopMode: "Self",
        numAllowedLocalASNumbers: 2,
        password: { secretKeyRef: { name: "bgp", key: "tor" } },
        filters: ["one", "two"],
      }),
    ),
  );
  assert.deepEqual(password, { name: "bgp", key: "tor" });
  assert.deepEqual(filters, ["one", "two"]);
  const { peer: end, ...rest } = session;
  assert.deepEqual([formatAddress(end.address), end.port, end.asn], ["10.30.0.1", 1790, 65100]);
  assert.deepEqual(rest, {
    name: "Global_10_30_0_1_port_1790",
    localAs: 65200,
    passive: false,
    families: [4],
    holdTimeSeconds: 240,
    keepaliveSeconds: 20,
    connectRetrySeconds: 5,
    ttlSecurityHops: 1,
    isReflectorClient: false,
    nextHop: "self",
    allowedOwnAs: 2,
    restartTimeSeconds: 90,
  });
});

test("next hops: keepOriginalNextHop counts on external sessions, nextHopMode before it", () => {
  const nextHop = (spec: JsonObject) =>
    only(world(meshOff, peer("p", { peerIP: "10.30.0.1", ...spec }))).session.nextHop;
  assert.equal(nextHop({ asNumber: 65100 }), "normal");
  assert.equal(nextHop({ asNumber: 65100, keepOriginalNextHop: true }), "keep");
  assert.equal(nextHop({ asNumber: 64512, keepOriginalNextHop: true }), "normal");
  assert.equal(nextHop({ asNumber: 65100, localASNumber: 65100, keepOriginalNextHop: true }), "normal");
  assert.equal(nextHop({ asNumber: 65100, nextHopMode: "Auto", keepOriginalNextHop: true }), "normal");
  assert.equal(nextHop({ asNumber: 64512, nextHopMode: "Keep" }), "keep");
});

test("reflectors by label: clients peer with them alone, they with all, and with each other as equals", () => {
  const cluster = (own: string): BgpWorld => {
    const labels = { reflector: "yes" };
    const objects = nodesAs({
      master: { bgp: { routeReflectorClusterID: "244.0.0.1" }, labels },
      "worker-2": { bgp: { routeReflectorClusterID: "244.0.0.1" }, labels },
      "worker-1": {},
      "worker-3": {},
    });
    const at = birdLocal(own, own === "master" ? "10.30.0.136/24" : "10.30.0.206/24", "ens5");
    return bgpWorld(at, [...objects, meshOff, peer("rr", { nodeSelector: "all()", peerSelector: "has(reflector)" })]);
  };
  const client = cluster("worker-1");
  assert.deepEqual(names(client), ["Node_10_30_0_136", "Node_10_30_0_56"]);
  assert.ok(pieces(client).every(({ session }) => !session.isReflectorClient && session.clusterId === undefined));
  const sessions = new Map(
    pieces(cluster("master")).map((piece) => [`${piece.session.name} ${piece.rank}`, piece.session]),
  );
  assert.deepEqual([...sessions].map(([name, session]) => [name, session.isReflectorClient]).sort(), [
    ["Node_10_30_0_206 2", true],
    ["Node_10_30_0_56 1", false],
    ["Node_10_30_0_56 2", false],
    ["Node_10_30_1_66 2", true],
  ]);
});

test("a reflector's neighbour that is no node is its client; one with another cluster id is too", () => {
  const own = nodesAs({ "worker-1": { bgp: { routeReflectorClusterID: "244.0.0.1" } } });
  const outside = only(world(meshOff, ...own, peer("p", { peerIP: "10.30.0.9", asNumber: 64512 })));
  assert.equal(outside.session.isReflectorClient, true);
  const external = only(world(meshOff, ...own, peer("p", { peerIP: "10.30.0.9", asNumber: 65100 })));
  assert.equal(external.session.isReflectorClient, false);
  const other = nodesAs({ master: { bgp: { routeReflectorClusterID: "244.0.0.2" } } });
  const toOther = peer("p", { peerIP: "10.30.0.136", asNumber: 64512, node: "worker-1" });
  assert.equal(only(world(meshOff, ...own, ...other, toOther)).session.isReflectorClient, true);
});

test("peerings are mirrored at the other end, unless reversePeering is Manual", () => {
  const bySelector = { node: "master", peerSelector: "has(leaf)" };
  const leaf = nodesAs({ "worker-1": { labels: { leaf: "" } } });
  assert.deepEqual(names(world(meshOff, ...leaf, peer("p", bySelector))), ["Node_10_30_0_136"]);
  assert.deepEqual(names(world(meshOff, ...leaf, peer("p", { ...bySelector, reversePeering: "Manual" }))), []);
  const byAddress = { node: "master", peerIP: "10.30.0.206", asNumber: 64512, localASNumber: 65009 };
  const mirrored = only(world(meshOff, peer("p", byAddress)));
  assert.deepEqual([mirrored.session.name, mirrored.session.peer.asn], ["Node_10_30_0_136", 65009]);
  assert.deepEqual(
    names(world(meshOff, peer("p", { ...byAddress, asNumber: 65100 }))),
    [],
    "another AS is another router",
  );
});

test("a global peer that is a node: the greater address waits, and the port is the node's", () => {
  const port = configuration({ listenPort: 1790 }, "node.worker-2");
  const towards = (peerIP: string) =>
    only(world(meshOff, port, peer("p", { peerIP, asNumber: 64512, reversePeering: "Manual" })));
  const greater = towards("10.30.0.56");
  assert.deepEqual(
    [greater.session.name, greater.session.passive, greater.session.peer.port],
    ["Global_10_30_0_56_port_1790", true, 1790],
  );
  assert.equal(towards("10.30.0.136").session.passive, false);
  assert.equal(towards("10.30.0.99").session.passive, false, "no node");
});

test("two nodes with one address: no session between them, and each says so", () => {
  const at = world(...nodesAs({ "worker-2": { bgp: { ipv4Address: "10.30.0.206/24" } } }));
  assert.deepEqual(names(at), ["Mesh_10_30_0_136", "Mesh_10_30_1_66"]);
  assert.match(reports(at).join(), /^nodes worker-1 and worker-2 both have the address 10\.30\.0\.206: /);
  at.put(...nodesAs({ "worker-2": { bgp: { ipv4Address: "10.30.0.56/24" } } }));
  assert.deepEqual(reports(at), []);
});

test("a node has no session with itself", () => {
  const self = peer("p", { peerIP: "10.30.0.206", asNumber: 64512, reversePeering: "Manual" });
  assert.deepEqual(names(world(meshOff, self)), []);
});

test("reachableBy is a host route to the peer by its gateway", () => {
  const at = world(meshOff, peer("tor", { peerIP: "10.99.0.1", asNumber: 65100, reachableBy: "10.30.0.3" }));
  const routes = compileAll(at.compiler.view)
    .get("bgp-peer tor")
    ?.routes?.map(({ route }) => describeRoute(route));
  assert.deepEqual(routes, ["10.99.0.1 via 10.30.0.3 dev ens5 proto bird"]);
  assert.ok(
    at.compiler.view.ownRanges().some(({ length }) => length === 32),
    "it is known as ours when its peer is gone",
  );
  const lost = world(meshOff, peer("tor", { peerIP: "10.99.0.1", asNumber: 65100, reachableBy: "10.40.0.3" }));
  assert.match(reports(lost).join(), /reachableBy 10\.40\.0\.3 is not in the subnet 10\.30\.0\.206\/24/);
});

test("pods that a BGPPeer selects: each dials this node, by AS numbers and filters alone", () => {
  const pod = (name: string, address: string, labels: Record<string, string>, node = "worker-1") =>
    endpointObject(node, name, address, `cali${name}`, labels);
  const spec = { localWorkloadSelector: "has(bgp)", asNumber: 65001, localASNumber: 65002, filters: ["f"] };
  const at = world(
    meshOff,
    peer("pods", { ...spec, keepaliveTime: "9s", ttlSecurity: 1 }),
    pod("one", "192.168.226.70", { bgp: "" }),
    pod("other", "192.168.226.71", {}),
    pod("far", "192.168.133.200", { bgp: "" }, "worker-2"),
  );
  const { session, filters, password } = only(at);
  assert.deepEqual(
    [session.name, session.peer.asn, session.localAs, session.passive, session.localAddress, session.families],
    ["Local_Workload_192_168_226_70", 65001, 65002, true, undefined, [4]],
  );
  assert.deepEqual(
    [session.keepaliveSeconds, session.ttlSecurityHops, session.peer.port, filters, password],
    [undefined, undefined, 179, ["f"], undefined],
  );
  at.put(pod("other", "192.168.226.71", { bgp: "" }), pod("one", "192.168.226.70", {}));
  assert.deepEqual(names(at), ["Local_Workload_192_168_226_71"]);
  at.put(peer("pods", { ...spec, node: "worker-2" }));
  assert.deepEqual(names(at), []);
  assert.match(reports(world(peer("pods", { localWorkloadSelector: "all()" }))).join(), /pods\) .* no asNumber/);
});

test("pods that are peers find the configured address on their own device, by whichever BGPPeers they are", () => {
  const at = world(
    peer("pods", { localWorkloadSelector: "has(bgp)", asNumber: 65001 }),
    peer("all-pods", { localWorkloadSelector: "has(bgp) || has(other)", asNumber: 65001 }),
    endpointObject("worker-1", "one", "192.168.226.70", "calione", { bgp: "" }),
  );
  const addresses = () => {
    const fragments = [...compileAll(at.compiler.view).values()];
    return [
      ...new Set(
        fragments.flatMap((fragment) =>
          (fragment.addresses ?? []).filter(({ device }) => device !== "tunl0").map(describeAddressItem),
        ),
      ),
    ];
  };
  const listened = () => router(at.compiler.view).bgp?.router?.listen?.addresses?.map(formatAddress);
  assert.deepEqual(addresses(), []);
  const peering = { localWorkloadPeeringIPV4: "169.254.7.1", localWorkloadPeeringIPV6: "fe80::7", bindMode: "NodeIP" };
  at.put(resourceObject("BGPConfiguration", "default", peering));
  assert.deepEqual(addresses(), ["169.254.7.1/32 dev calione"]);
  assert.deepEqual(listened(), ["10.30.0.206", "169.254.7.1"]);
  at.put(peer("all-pods", { node: "worker-2", localWorkloadSelector: "all()", asNumber: 65001 }));
  assert.deepEqual(addresses(), ["169.254.7.1/32 dev calione"]);
  at.put(endpointObject("worker-1", "one", "192.168.226.70", "calione"));
  assert.deepEqual([addresses(), listened()], [[], ["10.30.0.206"]]);
});

test("what is not acted on is reported by name", () => {
  const selector = peer("rr", { peerSelector: "all()", localASNumber: 65001 });
  assert.match(
    reports(world(selector)).join(),
    /BGPPeer\(rr\): localASNumber and numAllowedLocalASNumbers count with peerIP/,
  );
});

test("a backend without BGP has no sessions", () => {
  const at = world(peer("tor", { peerIP: "10.30.0.1", asNumber: 65100 }));
  at.compiler.view.setLocal({ ...local, backend: "vxlan" }, at.compiler.touch);
  assert.deepEqual(names(at), []);
});

test("one node more compiles its own session, and no other's", () => {
  const at = world(peer("rr", { nodeSelector: "all()", peerSelector: "has(reflector)" }));
  at.compiler.flush(1_000, () => undefined);
  at.put(bgpNodeObject("worker-9", "10.30.0.99/24", "192.168.7.64"));
  const compiled: string[] = [];
  at.compiler.flush(1_000, (key) => compiled.push(key));
  assert.deepEqual(compiled.sort(), ["bgp-node worker-9", "calico table", "node worker-9"]);
});
