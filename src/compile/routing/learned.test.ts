import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import {
  awsObjects,
  type BgpWorld,
  bgpNodeObject,
  bgpWorld,
  birdLocal,
  hostRouteItem,
} from "../../testing/bgp-world.ts";
import { compileAll } from "../../testing/compile-all.ts";
import { blockObject, endpointObject, nodeObject, poolObject, resourceObject } from "../../testing/objects.ts";
import { describeNeighbour, describeRoute } from "../describe.ts";
import type { View } from "../view.ts";
import { type LearnedDecision, learnedRoute } from "./learned.ts";
import { NextHops } from "./next-hops.ts";

interface Host {
  readonly view: View;
  readonly nextHops: NextHops;
  readonly world: BgpWorld;
}

/** A host, its table, and what the store says. */
function host(
  local: ReturnType<typeof birdLocal>,
  table: readonly string[],
  objects: Parameters<typeof bgpWorld>[1],
): Host {
  const world = bgpWorld(local, objects);
  const { view } = world.compiler;
  const nextHops = new NextHops({ leavesOut: ({ protocol }) => protocol === 12 });
  for (const line of table) nextHops.set(hostRouteItem(line));
  return { view, nextHops, world };
}

const decide = ({ view, nextHops }: Host, prefix: string, ...hops: readonly string[]): LearnedDecision =>
  learnedRoute({
    prefix: parsePrefix(prefix),
    nextHops: hops.map(parseAddress),
    view,
    resolve: (nextHop) => nextHops.resolve(nextHop),
  });

function line(...given: Parameters<typeof decide>): string {
  const decision = decide(...given);
  return "piece" in decision ? describeRoute(decision.piece.route) : decision.rejected;
}

/** Of the main table. */
const compiledRoutes = ({ view }: Host): string[] =>
  [...compileAll(view).values()]
    .flatMap(({ routes = [] }) => routes.flatMap(({ route }) => (route.table === 254 ? describeRoute(route) : [])))
    .sort();

test("what a pod that may speak BGP has told leads to the pod, in all modes; by any other pod nothing leads anywhere", () => {
  for (const mode of ["Always", "CrossSubnet", "Never"]) {
    const at = awsTwoSubnets(mode);
    const told = () => line(at, "192.168.200.0/28", "192.168.226.65");
    const before = told();
    assert.doesNotMatch(before, /dev cali/);
    at.world.put(resourceObject("BGPPeer", "pods", { localWorkloadSelector: "all()", asNumber: 65001 }));
    assert.equal(told(), "192.168.200.0/28 via 192.168.226.65 dev cali0a1b2c3d4e5 proto bird");
    at.world.put(resourceObject("BGPPeer", "pods", { localWorkloadSelector: "has(bgp)", asNumber: 65001 }));
    assert.equal(told(), before);
  }
});

/** Founding scenario A, seen from worker-1. */
const awsTwoSubnets = (ipipMode: string): Host =>
  host(
    birdLocal("worker-1", "10.30.0.206/24", "ens5"),
    ["default via 10.30.0.1 dev ens5", "10.30.0.0/24 dev ens5", "10.30.0.1/32 dev ens5", "172.17.0.0/16 dev docker0"],
    awsObjects(ipipMode),
  );

test("founding scenario A: every row of worker-1's routes to the blocks of worker-2 and worker-3", () => {
  const rows = (mode: string) => {
    const from = awsTwoSubnets(mode);
    return [line(from, "192.168.133.192/26", "10.30.0.56"), line(from, "192.168.97.192/26", "10.30.1.66")];
  };
  assert.deepEqual(rows("Always"), [
    "192.168.133.192/26 via 10.30.0.56 dev tunl0 proto bird onlink",
    "192.168.97.192/26 via 10.30.1.66 dev tunl0 proto bird onlink",
  ]);
  assert.deepEqual(rows("Never"), [
    "192.168.133.192/26 via 10.30.0.56 dev ens5 proto bird",
    "192.168.97.192/26 via 10.30.0.1 dev ens5 proto bird",
  ]);
  assert.deepEqual(rows("CrossSubnet"), [
    "192.168.133.192/26 via 10.30.0.56 dev ens5 proto bird",
    "192.168.97.192/26 via 10.30.1.66 dev tunl0 proto bird onlink",
  ]);
});

test("founding scenario A: the local block is a blackhole of BIRD's, the pod a host route, in all modes", () => {
  for (const mode of ["Always", "CrossSubnet", "Never"]) {
    assert.deepEqual(compiledRoutes(awsTwoSubnets(mode)), [
      "192.168.226.65 dev cali0a1b2c3d4e5 scope link",
      "blackhole 192.168.226.64/26 proto bird",
    ]);
  }
});

test("founding scenario B: CrossSubnet by the tunnel beyond the subnet only; Direct by the gateway, or by a router that is a peer", () => {
  const seen = (ipipMode: string) =>
    host(
      birdLocal("k8s-w1", "192.168.100.101/24", "ens160"),
      ["default via 192.168.100.1 dev ens160", "192.168.100.0/24 dev ens160"],
      [
        poolObject("default-ipv4-ippool", "172.16.0.0/16", { ipipMode, vxlanMode: "Never", blockSize: 24 }),
        bgpNodeObject("k8s-w1", "192.168.100.101/24", "172.16.158.0"),
        bgpNodeObject("k8s-w2", "192.168.100.102/24", "172.16.184.0"),
        bgpNodeObject("k8s-w0", "192.168.200.100/24", "172.16.34.0"),
        blockObject("172.16.158.0/24", "k8s-w1"),
      ],
    );
  const cross = seen("CrossSubnet");
  assert.equal(
    line(cross, "172.16.184.0/24", "192.168.100.102"),
    "172.16.184.0/24 via 192.168.100.102 dev ens160 proto bird",
  );
  assert.equal(
    line(cross, "172.16.34.0/24", "192.168.200.100"),
    "172.16.34.0/24 via 192.168.200.100 dev tunl0 proto bird onlink",
  );
  const direct = seen("Never");
  assert.equal(
    line(direct, "172.16.34.0/24", "192.168.200.100"),
    "172.16.34.0/24 via 192.168.100.1 dev ens160 proto bird",
  );
  assert.equal(
    line(direct, "172.16.34.0/24", "192.168.100.1"),
    "172.16.34.0/24 via 192.168.100.1 dev ens160 proto bird",
  );
});

test("founding scenario C: the listings of controlplane, IP-in-IP and Direct", () => {
  const seen = (ipipMode: string) =>
    host(
      birdLocal("controlplane", "172.17.0.32/16", "ens3"),
      ["default via 172.17.0.1 dev ens3", "172.17.0.0/16 dev ens3"],
      [
        poolObject("default-ipv4-ippool", "192.168.0.0/16", { ipipMode, vxlanMode: "Never" }),
        bgpNodeObject("controlplane", "172.17.0.32/16", "192.168.49.64"),
        bgpNodeObject("node01", "172.17.0.40/16", "192.168.196.128"),
        blockObject("192.168.49.64/26", "controlplane"),
        endpointObject("controlplane", "calico-kube-controllers", "192.168.49.65", "calic22dbe57533"),
        endpointObject("controlplane", "busybox", "192.168.49.66", "cali9861acf9f07"),
      ],
    );
  const listing = (at: Host) => [...compiledRoutes(at), line(at, "192.168.196.128/26", "172.17.0.40")];
  const local = [
    "192.168.49.65 dev calic22dbe57533 scope link",
    "192.168.49.66 dev cali9861acf9f07 scope link",
    "blackhole 192.168.49.64/26 proto bird",
  ];
  assert.deepEqual(listing(seen("Always")), [
    ...local,
    "192.168.196.128/26 via 172.17.0.40 dev tunl0 proto bird onlink",
  ]);
  assert.deepEqual(listing(seen("Never")), [...local, "192.168.196.128/26 via 172.17.0.40 dev ens3 proto bird"]);
});

test("what is not written says which rule rejected it", () => {
  const always = awsTwoSubnets("Always");
  always.world.put(
    resourceObject("BGPConfiguration", "default", {
      serviceClusterIPs: [{ cidr: "10.96.0.0/12" }],
      serviceExternalIPs: [{ cidr: "203.0.113.7/32" }],
      prefixAdvertisements: [{ cidr: "10.200.0.0/16", communities: ["64512:1"] }],
    }),
    poolObject("vxlan", "10.244.0.0/16", { vxlanMode: "Always" }),
    poolObject("bare", "10.245.0.0/16", { vxlanMode: "Never" }),
  );
  assert.equal(line(always, "10.244.1.0/26", "10.30.0.56"), "pool vxlan uses VXLAN: its routes come from the store");
  assert.equal(
    line(always, "10.96.4.0/24", "10.30.0.56"),
    "it is of the services 10.96.0.0/12, which this node serves itself",
  );
  assert.equal(line(always, "192.168.226.64/26", "10.30.0.56"), "it is a block of this node");
  assert.equal(line(always, "0.0.0.0/0", "10.30.0.1"), "it is in no pool and in no range that this cluster advertises");
  assert.equal(
    line(always, "203.0.113.7/32", "10.30.0.1"),
    "it is in no pool and in no range that this cluster advertises",
  );
  assert.equal(line(always, "192.168.1.0/26", "10.30.0.206"), "next hop 10.30.0.206 is this node");
  assert.equal(line(always, "10.245.1.0/26", "192.168.1.9"), "next hop 192.168.1.9 is an address of a pool");
  assert.equal(line(always, "10.200.3.0/24", "10.30.0.1"), "10.200.3.0/24 via 10.30.0.1 dev ens5 proto bird");
  const lost = host(
    birdLocal("worker-1", "10.30.0.206/24", "ens5"),
    ["10.30.0.0/24 dev ens5"],
    [poolObject("p", "192.168.0.0/16", { vxlanMode: "Never" }), nodeObject("worker-1", "10.30.0.206/24")],
  );
  assert.equal(line(lost, "192.168.1.0/26", "10.30.1.66"), "next hop 10.30.1.66: no route leads to it");
});

test("an address that another node borrowed of an own block, or an aggregate over all blocks, is a route as any other", () => {
  const from = awsTwoSubnets("Always");
  assert.equal(
    line(from, "192.168.226.70/32", "10.30.1.66"),
    "192.168.226.70 via 10.30.1.66 dev tunl0 proto bird onlink",
  );
  assert.equal(line(from, "192.168.0.0/16", "10.30.1.66"), "192.168.0.0/16 via 10.30.1.66 dev tunl0 proto bird onlink");
});

test("several best routes share the load, in one order whoever came first; the unreachable ones are left out", () => {
  const from = awsTwoSubnets("Never");
  const shared =
    "192.168.9.0/26 proto bird nexthop via 10.30.0.136 dev ens5 weight 1 nexthop via 10.30.0.56 dev ens5 weight 1";
  assert.equal(line(from, "192.168.9.0/26", "10.30.0.56", "10.30.0.136"), shared);
  assert.equal(line(from, "192.168.9.0/26", "10.30.0.136", "10.30.0.56", "192.168.4.4"), shared);
  assert.equal(
    line(from, "192.168.9.0/26", "10.30.1.66", "10.40.0.9"),
    "192.168.9.0/26 via 10.30.0.1 dev ens5 proto bird",
    "two next hops behind one gateway are one way",
  );
});

test("a next hop on the tunnel brings its entry, be it a node's or not", () => {
  const decision = decide(awsTwoSubnets("Always"), "192.168.9.0/26", "10.30.0.1");
  assert.ok("piece" in decision);
  assert.deepEqual(decision.neighbours.map(describeNeighbour), [
    "10.30.0.1 dev tunl0 lladdr 02:00:0a:1e:00:01 PERMANENT",
  ]);
  const toNode = decide(awsTwoSubnets("Always"), "192.168.9.0/26", "10.30.0.56");
  assert.ok("piece" in toNode);
  assert.deepEqual(toNode.neighbours.map(describeNeighbour), [
    "10.30.0.56 dev tunl0 lladdr 02:00:0a:1e:00:38 PERMANENT",
  ]);
});

test("IPv6 prefixes are written with the metric that the kernel gives them", () => {
  const from = awsTwoSubnets("Never");
  from.world.put(poolObject("six", "fd00:10::/64", { vxlanMode: "Never", blockSize: 122 }));
  from.nextHops.set(hostRouteItem("fd00:1::/64 dev ens5"));
  assert.equal(
    line(from, "fd00:10::40/122", "fd00:1::56"),
    "fd00:10::40/122 via fd00:1::56 dev ens5 proto bird metric 1024",
  );
});
