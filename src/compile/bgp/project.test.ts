import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "../../base/json.ts";
import type { Term } from "../../bgp/filter/types.ts";
import { formatPrefix, parsePrefix } from "../../ip/prefix.ts";
import { resourceObject } from "../../testing/objects.ts";
import { ProjectionError } from "../project.ts";
import { parseCommunity } from "./community.ts";
import { projectBgpConfiguration, projectBgpFilter, projectBgpPeer } from "./project.ts";

const rule = (given: JsonObject, list = "exportV4"): Term => {
  const { terms } = projectBgpFilter(resourceObject("BGPFilter", "f", { [list]: [{ action: "Accept", ...given }] }));
  const direction = list.startsWith("export") ? "export" : "import";
  return terms[direction][list.endsWith("4") ? 4 : 6][0] ?? assert.fail();
};
const refuses = (given: JsonObject, field: RegExp) =>
  assert.throws(
    () => rule(given),
    (failure) => failure instanceof ProjectionError && field.test(failure.message),
  );

const cidr = "10.0.0.0/8";
const prefix = parsePrefix(cidr);

test("the operators of a rule and the bounds of its prefix", () => {
  const conditions = (given: JsonObject) => rule({ cidr, ...given }).conditions;
  assert.deepEqual(conditions({ matchOperator: "Equal" }), [{ kind: "equals", prefix }]);
  assert.deepEqual(conditions({ matchOperator: "NotEqual" }), [{ kind: "not", condition: { kind: "equals", prefix } }]);
  assert.deepEqual(conditions({ matchOperator: "In" }), [{ kind: "within", prefix }]);
  assert.deepEqual(conditions({ matchOperator: "NotIn" }), [{ kind: "not", condition: { kind: "within", prefix } }]);
  assert.deepEqual(conditions({ matchOperator: "In", prefixLength: { min: 4, max: 40 } }), [
    { kind: "within", prefix, least: 8, most: 32 },
  ]);
});

test("every condition and every operation has its term", () => {
  const term = rule({
    source: "RemotePeers",
    interface: "cali*",
    peerType: "eBGP",
    communities: { values: ["64512:1"] },
    asPathPrefix: [65001, 65002],
    priority: 100,
    operations: [
      { addCommunity: { value: "1:2:3" } },
      { prependASPath: { prefix: [65000, 65001] } },
      { setPriority: { value: 512 } },
    ],
  });
  assert.deepEqual(term, {
    about: "rule 1 of exportV4 of BGPFilter(f)",
    conditions: [
      { kind: "source", source: "peer" },
      { kind: "device", pattern: "cali*" },
      { kind: "peerType", peerType: "external" },
      { kind: "community", community: 64512 * 65536 + 1 },
      { kind: "asPathPrefix", asns: [65001, 65002] },
      { kind: "localPref", value: 2_147_483_547 },
    ],
    actions: [
      { kind: "addLargeCommunity", community: { global: 1, local1: 2, local2: 3 } },
      { kind: "prependAsPath", asns: [65000, 65001] },
      { kind: "setLocalPref", value: 2_147_483_135 },
    ],
    verdict: "accept",
  });
  assert.deepEqual(rule({ communities: { values: ["1:2:3"] }, peerType: "iBGP" }).conditions, [
    { kind: "peerType", peerType: "internal" },
    { kind: "largeCommunity", community: { global: 1, local1: 2, local2: 3 } },
  ]);
  assert.deepEqual(rule({ action: "Reject" }, "importV6"), {
    about: "rule 1 of importV6 of BGPFilter(f)",
    conditions: [],
    actions: [],
    verdict: "reject",
  });
});

test("a rule that cannot be read makes its filter unreadable, and is named", () => {
  refuses({ action: "Maybe" }, /BGPFilter\(f\).*exportV4\[0\]/);
  for (const given of [
    { cidr, matchOperator: "Near" },
    { cidr },
    { cidr: "fd00::/8", matchOperator: "In" },
    { source: "LocalPeers" },
    { peerType: "xBGP" },
    { communities: { values: ["1:2", "1:3"] } },
    { communities: { values: ["70000:1"] } },
    { asPathPrefix: ["x"] },
    { operations: [{ addCommunity: { value: "no" } }] },
    { operations: [{}] },
  ] satisfies JsonObject[]) {
    refuses(given, /exportV4\[0\]/);
  }
});

test("communities are two halves of 16 bits or three parts of 32", () => {
  assert.equal(parseCommunity("65535:65535"), 0xffffffff);
  assert.deepEqual(parseCommunity("4294967295:0:1"), { global: 0xffffffff, local1: 0, local2: 1 });
  for (const wrong of ["", "1", "65536:1", "1:2:4294967296", "1:2:3:4", "a:b", "-1:2", "1: 2"]) {
    assert.equal(parseCommunity(wrong), undefined, wrong);
  }
});

test("of services the ranges that all nodes announce are refused from peers, single addresses are not", () => {
  const ranges = (spec: JsonObject) =>
    projectBgpConfiguration(resourceObject("BGPConfiguration", "default", spec)).serviceRanges.map(formatPrefix);
  const lists = {
    serviceClusterIPs: [{ cidr: "10.96.0.1/32" }],
    serviceExternalIPs: [{ cidr: "10.1.0.0/16" }, { cidr: "10.2.0.1/32" }],
    serviceLoadBalancerIPs: [{ cidr: "10.3.0.0/16" }, { cidr: "10.4.0.1/32" }],
  };
  assert.deepEqual(ranges(lists), ["10.96.0.1/32", "10.1.0.0/16", "10.3.0.0/16"]);
  assert.deepEqual(ranges({ ...lists, serviceLoadBalancerAggregation: "Disabled" }), ["10.96.0.1/32", "10.1.0.0/16"]);
});

test("a wrong field of a peer or a configuration names the object and the field", () => {
  const peer = (spec: Record<string, Json>) => () => projectBgpPeer(resourceObject("BGPPeer", "p", spec));
  const configuration = (spec: Record<string, Json>) => () =>
    projectBgpConfiguration(resourceObject("BGPConfiguration", "default", spec));
  for (const [read, field] of [
    [peer({}), "spec.peerIP"],
    [peer({ peerIP: "10.0.0.256" }), "spec.peerIP"],
    [peer({ peerIP: "10.0.0.1", asNumber: -1 }), "spec.asNumber"],
    [peer({ peerSelector: "has(" }), "spec.peerSelector"],
    [peer({ peerIP: "10.0.0.1", nodeSelector: "==" }), "spec.nodeSelector"],
    [peer({ peerIP: "10.0.0.1", keepaliveTime: "soon" }), "spec.keepaliveTime"],
    [peer({ peerIP: "10.0.0.1", password: { secretKeyRef: { name: "x" } } }), "spec.password"],
    [configuration({ prefixAdvertisements: [{ cidr, communities: ["blue"] }] }), "spec.prefixAdvertisements"],
    [configuration({ serviceClusterIPs: [{ cidr: "x" }] }), "spec.serviceClusterIPs"],
  ] as const) {
    assert.throws(read, (failure) => failure instanceof ProjectionError && failure.message.includes(`field ${field} `));
  }
});
