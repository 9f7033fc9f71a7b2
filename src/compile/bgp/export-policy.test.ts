import assert from "node:assert/strict";
import { test } from "node:test";
import type { Term } from "../../bgp/filter/types.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import { formatPrefixCode } from "../../testing/bgp-words.ts";
import { awsObjects, type BgpWorld, bgpNodeObject, bgpWorld, birdLocal } from "../../testing/bgp-world.ts";
import { compileAll } from "../../testing/compile-all.ts";
import { blockObject, endpointObject, poolObject, resourceObject } from "../../testing/objects.ts";
import { exportPolicy } from "./export-policy.ts";

const local = birdLocal("worker-1", "10.30.0.206/24", "ens5");

/** Conditions, then what is done. */
function words({ about, conditions, actions, verdict }: Term): string {
  const asked = conditions.map((condition) =>
    "prefix" in condition ? `${condition.kind} ${formatPrefix(condition.prefix)}` : condition.kind,
  );
  const done = [...actions.map(({ kind }) => kind), ...(verdict === undefined ? [] : [verdict])];
  return `${about}: ${asked.join(" ")} → ${done.join(" ")}`;
}

const policy = ({ compiler }: BgpWorld) => exportPolicy(compiler.view).bgp?.exportPolicy ?? assert.fail();

/** What this node announces by itself, in words. */
const originated = ({ compiler }: BgpWorld): string[] =>
  [...compileAll(compiler.view).values()]
    .flatMap(({ bgp }) => bgp?.originated ?? [])
    .map(([prefix, { device, about }]) => `${formatPrefixCode(prefix)} ${device ?? "blackhole"}: ${about}`)
    .sort();

test("what is exported, in the order of Calico's filter", () => {
  const at = bgpWorld(local, [
    ...awsObjects("Always"),
    poolObject("hidden", "10.50.0.0/16", { vxlanMode: "Never", disableBGPExport: true }),
    poolObject("disabled", "10.51.0.0/16", { vxlanMode: "Never", disabled: true }),
    poolObject("six", "fd00:10::/64", { vxlanMode: "Never", blockSize: 122 }),
    resourceObject("BGPConfiguration", "default", {
      communities: [{ name: "blue", value: "64512:7" }],
      prefixAdvertisements: [{ cidr: "192.168.0.0/16", communities: ["blue", "1:2:3"] }],
    }),
  ]);
  const { before, after, normalLocalPref } = policy(at)[4];
  assert.equal(normalLocalPref, 2_147_482_623);
  assert.deepEqual(before.map(words), ["priority 1024 of local routes: source → setLocalPref"]);
  assert.deepEqual(before[0]?.actions, [{ kind: "setLocalPref", value: 2_147_482_623 }]);
  assert.deepEqual(after.map(words), [
    "disableBGPExport of pool hidden: within 10.50.0.0/16 → reject",
    "tunnel devices *.cali lead to no internal peer: peerType device → reject",
    "tunnel devices *.calico lead to no internal peer: peerType device → reject",
    "devices bpf*.cali: device → reject",
    "communities of 192.168.0.0/16: within 192.168.0.0/16 → addCommunity addLargeCommunity",
    "own block 192.168.226.64/26: equals 192.168.226.64/26 → accept",
    "elevated inside own block 192.168.226.64/26: within 192.168.226.64/26 localPrefAbove → accept",
    "aggregated in own block 192.168.226.64/26: within 192.168.226.64/26 → reject",
    "pool disabled: within 10.51.0.0/16 → accept",
    "pool default-ipv4-ippool: within 192.168.0.0/16 → accept",
  ]);
  assert.deepEqual(
    after.flatMap(({ actions }) => actions),
    [
      { kind: "addCommunity", community: 64512 * 65536 + 7 },
      { kind: "addLargeCommunity", community: { global: 1, local1: 2, local2: 3 } },
    ],
  );
  assert.deepEqual(policy(at)[6].after.map(words).slice(3), ["pool six: within fd00:10::/64 → accept"]);
});

test("what a pod has told is told to other nodes as this node's", () => {
  const at = bgpWorld(local, [
    ...awsObjects("Always"),
    resourceObject("BGPPeer", "pods", { localWorkloadSelector: "all()", asNumber: 65001 }),
  ]);
  const [, through] = policy(at)[4].before;
  assert.equal(
    through && words(through),
    "routes of pod 192.168.226.65 lead through this node: peerType nextHop 192.168.226.65/32 → setNextHop",
  );
  assert.equal(policy(at)[6].before.length, 1);
});

test("a node's own advertisements replace the cluster's, and a priority of the cluster's is every route's", () => {
  const advertise = (cidr: string) => ({ prefixAdvertisements: [{ cidr, communities: ["1:2"] }] });
  const at = bgpWorld(local, [
    ...awsObjects("Always"),
    resourceObject("BGPConfiguration", "default", { ...advertise("10.1.0.0/16"), ipv4NormalRoutePriority: 512 }),
    resourceObject("BGPConfiguration", "node.worker-1", advertise("10.2.0.0/16")),
  ]);
  assert.deepEqual(policy(at)[4].before[0]?.actions, [{ kind: "setLocalPref", value: 2_147_483_135 }]);
  const marked = policy(at)[4].after.filter(({ actions }) => actions.length > 0);
  assert.deepEqual(
    marked.map(({ about }) => about),
    ["communities of 10.2.0.0/16"],
  );
});

test("a reflector passes load balancers on, other nodes do not", () => {
  const objects = [
    ...awsObjects("Always"),
    resourceObject("BGPConfiguration", "default", { serviceLoadBalancerIPs: [{ cidr: "203.0.113.0/24" }] }),
  ];
  const passes = (at: BgpWorld) => policy(at)[4].after.some(({ about }) => about.startsWith("reflectors pass on"));
  assert.equal(passes(bgpWorld(local, objects)), false);
  const reflector = bgpNodeObject("worker-1", "10.30.0.206/24", "192.168.226.64", {
    routeReflectorClusterID: "244.0.0.1",
  });
  assert.equal(passes(bgpWorld(local, [...objects, reflector])), true);
});

test("a node announces its blocks, and what it uses of others'", () => {
  const at = bgpWorld(local, [
    ...awsObjects("Always"),
    endpointObject("worker-1", "pod-2", "192.168.133.200", "cali2"),
    blockObject("192.168.133.192/26", "worker-2", {
      8: { node: "worker-1" },
      9: { node: "worker-1", type: "ipipTunnelAddress" },
      10: { node: "worker-3", type: "ipipTunnelAddress" },
    }),
  ]);
  assert.deepEqual(originated(at), [
    "192.168.133.200/32 cali2: pod 192.168.133.200/32",
    "192.168.133.201/32 tunl0: tunnel address in block 192.168.133.192/26",
    "192.168.226.64/26 blackhole: block 192.168.226.64/26",
  ]);
});

test("blocks of one address are announced with their pod, without a blackhole", () => {
  const at = bgpWorld(local, [
    poolObject("p", "192.168.0.0/16", { vxlanMode: "Never", blockSize: 32 }),
    bgpNodeObject("worker-1", "10.30.0.206/24", "192.168.226.64"),
    blockObject("192.168.7.9/32", "worker-1"),
  ]);
  assert.deepEqual(originated(at), []);
  at.put(endpointObject("worker-1", "pod-1", "192.168.7.9", "cali1"));
  assert.deepEqual(originated(at), ["192.168.7.9/32 cali1: pod 192.168.7.9/32"]);
  assert.equal(compileAll(at.compiler.view).get("block 192.168.7.9/32")?.routes?.length, 0);
});

test("a block that is given up leaves its pods to be announced one by one", () => {
  const at = bgpWorld(local, awsObjects("Always"));
  at.put(blockObject("192.168.226.64/26", "nobody"));
  assert.deepEqual(originated(at), ["192.168.226.65/32 cali0a1b2c3d4e5: pod 192.168.226.65/32"]);
});
