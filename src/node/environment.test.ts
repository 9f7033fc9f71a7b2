import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPrefix } from "../ip/prefix.ts";
import { parseEnvironment } from "./environment.ts";
import { EnvironmentError } from "./errors.ts";

const problemsOf = (variables: Record<string, string>): readonly string[] => {
  try {
    parseEnvironment(variables);
  } catch (failure) {
    assert.ok(failure instanceof EnvironmentError);
    return failure.detail.problems.map(({ message }) => message);
  }
  return [];
};

test("an empty environment gives Calico's defaults", () => {
  const environment = parseEnvironment({ IP: "", CALICO_IPV4POOL_CIDR: " " });
  assert.equal(environment.backend, "bird");
  assert.deepEqual(environment.ip, { kind: "keep" });
  assert.equal(environment.pollIntervalMs, 60_000);
  assert.deepEqual(environment.pool4, {
    family: 4,
    cidr: undefined,
    blockSize: 26,
    ipipMode: "Never",
    vxlanMode: "Never",
    natOutgoing: true,
    nodeSelector: "all()",
    disableBgpExport: false,
  });
  assert.equal(environment.pool6.natOutgoing, false);
});

test("the words of an installation are read", () => {
  const environment = parseEnvironment({
    NODENAME: "worker-1",
    HOSTNAME: "Worker-1.Example",
    IP: "autodetect",
    IP6: "none",
    IP_AUTODETECTION_METHOD: "interface=ens.*",
    CALICO_NETWORKING_BACKEND: "vxlan",
    CALICO_IPV4POOL_CIDR: "10.244.1.2/16",
    CALICO_IPV4POOL_BLOCK_SIZE: "24",
    CALICO_IPV4POOL_IPIP: "off",
    CALICO_IPV4POOL_VXLAN: "cross-subnet",
    CALICO_IPV4POOL_NAT_OUTGOING: "false",
    CALICO_IPV4POOL_NODE_SELECTOR: "rack == 'a'",
    AS: "65000.1",
    CALICO_ROUTER_ID: "hash",
    WAIT_FOR_DATASTORE: "true",
    CLUSTER_TYPE: "k8s,bgp",
    AUTODETECT_POLL_INTERVAL: "1m30s",
  });
  assert.equal(environment.hostname, "worker-1.example");
  assert.deepEqual([environment.ip.kind, environment.ip6.kind], ["autodetect", "none"]);
  assert.deepEqual(environment.ipMethod, { kind: "interface", patterns: ["ens.*"] });
  const { cidr } = environment.pool4;
  assert.ok(cidr !== undefined && cidr !== "none");
  assert.equal(formatPrefix(cidr), "10.244.0.0/16");
  assert.deepEqual([environment.pool4.ipipMode, environment.pool4.vxlanMode], ["Never", "CrossSubnet"]);
  assert.equal(environment.asNumber, 4_259_840_001);
  assert.deepEqual(environment.clusterTypes, ["k8s", "bgp"]);
  assert.equal(environment.pollIntervalMs, 90_000);
});

test("an explicit address keeps whether it came with its prefix length", () => {
  const of = (IP: string) => {
    const { ip } = parseEnvironment({ IP });
    return ip.kind === "explicit" ? [formatPrefix(ip.address), ip.hasLength] : [];
  };
  assert.deepEqual(of("10.0.0.5"), ["10.0.0.5/32", false]);
  assert.deepEqual(of("10.0.0.5/24"), ["10.0.0.5/24", true]);
});

test("typographic quotation marks are refused by name", () => {
  assert.deepEqual(problemsOf({ CALICO_IPV4POOL_VXLAN: "“Always”" }), [
    "the environment variable CALICO_IPV4POOL_VXLAN=“Always” has the typographic quotation marks “ (U+201C) and ” (U+201D): write Always",
  ]);
  assert.deepEqual(problemsOf({ CALICO_NETWORKING_BACKEND: "'vxlan'" }), [
    "the environment variable CALICO_NETWORKING_BACKEND='vxlan' has quotation marks around it: write vxlan",
  ]);
});

test("every wrong value is named at once, with what is right", () => {
  assert.deepEqual(
    problemsOf({
      NODENAME: "a_b",
      CALICO_NETWORKING_BACKEND: "brid",
      IP: "10.0.0.300",
      IP6: "10.0.0.1",
      IP_AUTODETECTION_METHOD: "can-reach=",
      CALICO_IPV4POOL_BLOCK_SIZE: "33",
      CALICO_IPV4POOL_CIDR: "10.0.0.0/28",
      CALICO_IPV4POOL_NODE_SELECTOR: "rack ==",
      AS: "70000.1",
      WAIT_FOR_DATASTORE: "maybe",
      AUTODETECT_POLL_INTERVAL: "never",
    }).map((message) => message.replace(/^the environment variable (\w+)=.*? (must|has|is) /, "$1 $2 ").slice(0, 40)),
    [
      "NODENAME must be a host name: letters, d",
      "CALICO_NETWORKING_BACKEND must be one of",
      "IP must be autodetect, none, or an IPv4 ",
      "IP6 must be autodetect, none, or an IPv6",
      "IP_AUTODETECTION_METHOD has nothing behi",
      "AUTODETECT_POLL_INTERVAL must be a durat",
      "CALICO_IPV4POOL_BLOCK_SIZE must be a num",
      "CALICO_IPV4POOL_CIDR is smaller than one",
      "CALICO_IPV4POOL_NODE_SELECTOR is not a s",
      "AS must be an AS number from 0 to 429496",
      "WAIT_FOR_DATASTORE must be true or false",
    ],
  );
});

test("settings that contradict each other are refused", () => {
  assert.match(
    problemsOf({ CALICO_IPV4POOL_IPIP: "Always", CALICO_IPV4POOL_VXLAN: "Always" })[0]!,
    /one encapsulation/,
  );
  assert.match(problemsOf({ NO_DEFAULT_POOLS: "true", CALICO_IPV4POOL_CIDR: "10.0.0.0/16" })[0]!, /NO_DEFAULT_POOLS/);
  assert.deepEqual(problemsOf({ NO_DEFAULT_POOLS: "true" }), []);
});

test("any environment gives a value or an EnvironmentError", () => {
  const names = ["IP", "IP6", "AS", "NODENAME", "CALICO_IPV4POOL_CIDR", "IP_AUTODETECTION_METHOD", "CLUSTER_TYPE"];
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), fc.string()), (variables) => {
      problemsOf(variables);
    }),
  );
});
