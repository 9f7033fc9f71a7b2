import assert from "node:assert/strict";
import { test } from "node:test";
import { formatJson, type JsonObject, parseJson } from "../../base/json.ts";
import { checkObject } from "../check.ts";
import { calicoKinds } from "../kind-names.ts";
import { API_VERSION, kindRows, rowOfAlias } from "../registry.ts";
import { goFloat } from "./go-float.ts";

/**
 * What Calico's library stores for these objects, in its order and with its omissions (metadata shortened to the name).
 * The left side is what a user writes, the right side the record.
 */
const golden: readonly (readonly [string, string])[] = [
  [
    '{"kind":"IPPool","metadata":{"name":"p"},"spec":{"natOutgoing":true,"cidr":"192.168.0.0/16","vxlanMode":"Always","disabled":false}}',
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p"},"spec":{"cidr":"192.168.0.0/16","vxlanMode":"Always","ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
  ],
  [
    '{"kind":"IPPool","metadata":{"name":"p6"},"spec":{"cidr":"FD00:0::/48","nodeSelector":"has(x)"}}',
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p6"},"spec":{"cidr":"fd00::/48","vxlanMode":"Never","ipipMode":"Never","blockSize":122,"nodeSelector":"has(x)","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
  ],
  [
    '{"kind":"Node","metadata":{"name":"worker-1"},"spec":{"orchRefs":[{"orchestrator":"k8s","nodeName":"worker-1"}],"vxlanTunnelMACAddr":"66:aa:99:2f:dc:24","ipv4VXLANTunnelAddr":"192.168.196.128","bgp":{"ipv4Address":"10.30.0.206/24","asNumber":"0.64512"}}}',
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"worker-1"},"spec":{"bgp":{"asNumber":64512,"ipv4Address":"10.30.0.206/24"},"ipv4VXLANTunnelAddr":"192.168.196.128","vxlanTunnelMACAddr":"66:aa:99:2f:dc:24","orchRefs":[{"nodeName":"worker-1","orchestrator":"k8s"}]},"status":{}}',
  ],
  [
    '{"kind":"WorkloadEndpoint","metadata":{"namespace":"default"},"spec":{"node":"n-1","orchestrator":"k8s","pod":"web-0","endpoint":"eth0","ipNetworks":["10.0.0.5/32"],"interfaceName":"cali1","profiles":["kns.default","ksa.default.default"],"ports":[{"name":"http","protocol":"TCP","port":80}]}}',
    '{"kind":"WorkloadEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"n--1-k8s-web--0-eth0","namespace":"default"},"spec":{"orchestrator":"k8s","node":"n-1","pod":"web-0","endpoint":"eth0","ipNetworks":["10.0.0.5/32"],"profiles":["kns.default","ksa.default.default"],"interfaceName":"cali1","ports":[{"name":"http","protocol":"TCP","port":80,"hostPort":0,"hostIP":""}]}}',
  ],
  [
    '{"kind":"BGPConfiguration","metadata":{"name":"default"},"spec":{"nodeToNodeMeshEnabled":false,"asNumber":64512,"logSeverityScreen":"Info","nodeMeshMaxRestartTime":null}}',
    '{"kind":"BGPConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"logSeverityScreen":"Info","nodeToNodeMeshEnabled":false,"asNumber":64512}}',
  ],
  [
    '{"kind":"FelixConfiguration","metadata":{"name":"default"},"spec":{"reportingInterval":"0s","logSeverityScreen":"Info","floatingIPs":"Disabled","vxlanMTU":1410,"failsafeInboundHostPorts":[],"iptablesRefreshInterval":"90s","natPortRange":"80:80"}}',
    '{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"iptablesRefreshInterval":"1m30s","logSeverityScreen":"Info","vxlanMTU":1410,"reportingInterval":"0s","failsafeInboundHostPorts":[],"natPortRange":80,"bpfLogLevel":"","floatingIPs":"Disabled"}}',
  ],
  [
    '{"kind":"ClusterInformation","metadata":{"name":"default"},"spec":{"datastoreReady":true,"clusterGUID":"00112233445566778899aabbccddeeff","calicoVersion":"v3.32.1"}}',
    '{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"clusterGUID":"00112233445566778899aabbccddeeff","calicoVersion":"v3.32.1","datastoreReady":true}}',
  ],
  [
    '{"kind":"Profile","metadata":{"name":"kns.default"},"spec":{"labelsToApply":{"pcns.b":"2","pcns.a":"1"},"egress":[{"action":"Allow"}],"ingress":[{"action":"Allow"}]}}',
    '{"kind":"Profile","apiVersion":"projectcalico.org/v3","metadata":{"name":"kns.default"},"spec":{"ingress":[{"action":"Allow","source":{},"destination":{}}],"egress":[{"action":"Allow","source":{},"destination":{}}],"labelsToApply":{"pcns.a":"1","pcns.b":"2"}}}',
  ],
  [
    '{"kind":"IPAMConfiguration","metadata":{"name":"default"},"spec":{"strictAffinity":true}}',
    '{"kind":"IPAMConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"strictAffinity":true,"autoAllocateBlocks":true,"maxBlocksPerHost":0}}',
  ],
  [
    '{"kind":"BGPPeer","metadata":{"name":"tor"},"spec":{"peerIP":"10.0.0.1:1790","asNumber":"1.1","keepOriginalNextHop":false,"nodeSelector":"rack == \'a\'"}}',
    '{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"tor"},"spec":{"nodeSelector":"rack == \'a\'","peerIP":"10.0.0.1:1790","asNumber":65537}}',
  ],
  [
    '{"kind":"BGPFilter","metadata":{"name":"f"},"spec":{"importV4":[{"action":"Reject","matchOperator":"In","cidr":"10.0.0.0/8"}],"exportV6":[]}}',
    '{"kind":"BGPFilter","apiVersion":"projectcalico.org/v3","metadata":{"name":"f"},"spec":{"importV4":[{"cidr":"10.0.0.0/8","matchOperator":"In","action":"Reject"}]}}',
  ],
  [
    '{"kind":"NetworkPolicy","metadata":{"name":"p","namespace":"a"},"spec":{"selector":"app == \'x\'","order":0,"egress":[{"action":"Allow","protocol":"TCP","destination":{"ports":["80","1:3",443],"nets":["10.0.0.0/8"]}}]}}',
    '{"kind":"NetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","namespace":"a"},"spec":{"tier":"default","order":0,"egress":[{"action":"Allow","protocol":"TCP","source":{},"destination":{"nets":["10.0.0.0/8"],"ports":[80,"1:3",443]}}],"selector":"app == \'x\'","types":["Egress"]}}',
  ],
  [
    '{"kind":"Tier","metadata":{"name":"web"},"spec":{"order":100}}',
    '{"kind":"Tier","apiVersion":"projectcalico.org/v3","metadata":{"name":"web"},"spec":{"order":100,"defaultAction":"Deny"}}',
  ],
  [
    '{"kind":"KubeControllersConfiguration","metadata":{"name":"default"},"spec":{"healthChecks":"Enabled"}}',
    '{"kind":"KubeControllersConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"healthChecks":"Enabled","controllers":{}},"status":{}}',
  ],
  [
    '{"kind":"Node","metadata":{"name":"w"},"spec":{"bgp":{"ipv4Address":"10.30.0.206/24"},"addresses":[{"address":"10.30.0.206/24","type":"CalicoNodeIP"},{"address":"10.30.0.206","type":"InternalIP"}]}}',
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"w"},"spec":{"bgp":{"ipv4Address":"10.30.0.206/24"},"addresses":[{"address":"10.30.0.206/24","type":"CalicoNodeIP"},{"address":"10.30.0.206","type":"InternalIP"}]},"status":{}}',
  ],
  [
    '{"kind":"HostEndpoint","metadata":{"name":"h"},"spec":{"interfaceName":"*","node":"n","ports":[{"port":22,"protocol":"TCP","name":"ssh"}]}}',
    '{"kind":"HostEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"h"},"spec":{"node":"n","interfaceName":"*","ports":[{"name":"ssh","protocol":"TCP","port":22}]}}',
  ],
];

const check = (text: string) => {
  const raw = { apiVersion: API_VERSION, ...(parseJson(text) as JsonObject) };
  const row = rowOfAlias(String(raw["kind" as never]));
  assert.ok(row);
  return checkObject(row, raw);
};

test("objects are stored as Calico stores them", () => {
  for (const [written, record] of golden) {
    const { object, unknownFields, wrongTypes, brokenRules } = check(written);
    assert.deepEqual([unknownFields, wrongTypes, brokenRules], [[], [], []], written);
    assert.equal(formatJson(object), record);
    assert.equal(formatJson(check(record).object), record, "what is stored checks to itself");
  }
});

/** Spec (and name), the field as messages name it, part of the reason. */
const refused: readonly (readonly [string, string, string, RegExp])[] = [
  ["IPPool", '{"cidr":""}', "IPPool.Spec.CIDR", /IPPool CIDR must be specified/],
  ["IPPool", "{}", "IPPool.Spec.CIDR", /IPPool CIDR must be specified/],
  ["IPPool", '{"cidr":"10.0.0.0"}', "IPPool.Spec.CIDR", /IPPool CIDR must be a valid subnet/],
  ["IPPool", '{"cidr":"10.0.0.0/33"}', "IPPool.Spec.CIDR", /IPPool CIDR must be a valid subnet/],
  ["IPPool", '{"cidr":"10.0.0.1/16"}', "IPPool.Spec.CIDR", /IPPool CIDR is not strictly masked/],
  ["IPPool", '{"cidr":"10.0.0.0/28"}', "IPPool.Spec.CIDR", /IP pool size is too small for use with Calico IPAM/],
  ["IPPool", '{"cidr":"169.254.0.0/20"}', "IPPool.Spec.CIDR", /overlaps with IPv4 Link Local range 169\.254\.0\.0\/16/],
  ["IPPool", '{"cidr":"fe80::/64"}', "IPPool.Spec.CIDR", /overlaps with IPv6 Link Local range fe80::\/10/],
  [
    "IPPool",
    '{"cidr":"10.0.0.0/8","blockSize":19}',
    "IPPool.Spec.BlockSize",
    /IPv4 block size must be between 20 and 32/,
  ],
  [
    "IPPool",
    '{"cidr":"fd00::/64","blockSize":64}',
    "IPPool.Spec.BlockSize",
    /IPv6 block size must be between 116 and 128/,
  ],
  [
    "IPPool",
    '{"cidr":"fd00::/64","ipipMode":"Always"}',
    "IPPool.Spec.IPIPMode",
    /IPIP is not supported on an IPv6 IP pool/,
  ],
  [
    "IPPool",
    '{"cidr":"10.0.0.0/8","ipipMode":"Always","vxlanMode":"CrossSubnet"}',
    "IPPool.Spec.VXLANMode",
    /Cannot enable both VXLAN and IPIP on the same IPPool/,
  ],
  ["IPPool", '{"cidr":"10.0.0.0/8","vxlanMode":"always"}', "VXLANMode", /must be one of Always, CrossSubnet, Never/],
  ["IPPool", '{"cidr":"10.0.0.0/8","nodeSelector":"a = b"}', "NodeSelector", /'=' is no operator/],
  [
    "IPPool",
    '{"cidr":"10.0.0.0/8","nodeSelector":"global()"}',
    "IPPool.Spec.NodeSelector",
    /global\(\) can only be used/,
  ],
  ["IPPool", '{"cidr":"10.0.0.0/8","allowedUses":["Everything"]}', "AllowedUses", /must be one of/],
  [
    "IPPool",
    '{"cidr":"10.0.0.0/8","allowedUses":["LoadBalancer","Workload"]}',
    "IPPool.Spec.AllowedUses",
    /cannot be combined/,
  ],
  ["Node", '{"bgp":{"ipv4Address":"10.0.0"}}', "IPv4Address", /invalid IP address or CIDR/],
  ["Node", '{"bgp":{"ipv4Address":"fd00::1/64"}}', "IPv4Address", /must be an IPv4 address/],
  ["Node", '{"vxlanTunnelMACAddr":"66:aa"}', "VXLANTunnelMACAddr", /invalid MAC address/],
  ["Node", '{"ipv4VXLANTunnelAddr":"10.0.0.1/32"}', "IPv4VXLANTunnelAddr", /invalid IP address/],
  ["WorkloadEndpoint", '{"node":"n"}', "Orchestrator", /must be set/],
  ["FelixConfiguration", '{"routeRefreshInterval":"5 minutes"}', "RouteRefreshInterval", /invalid duration/],
  ["FelixConfiguration", '{"vxlanPort":70000}', "VXLANPort", /must be between 1 and 65535/],
  ["FelixConfiguration", '{"nodeSelector":"all()"}', "NodeSelector", /cannot be set on the objects/],
  ["FelixConfiguration", '{"mtuIfacePattern":"("}', "MTUIfacePattern", /invalid regular expression/],
  ["BGPConfiguration", '{"asNumber":4294967296}', "ASNumber", /invalid AS number/],
  [
    "BGPConfiguration",
    '{"communities":[{"name":"a","value":"70000:1"}],"prefixAdvertisements":[{"cidr":"10.0.0.0/8","communities":["a"]}]}',
    "Value",
    /expected 16 bit value/,
  ],
  [
    "BGPConfiguration",
    '{"communities":[{"name":"a","value":"1:1"}]}',
    "Spec.Communities[]",
    /communities are defined but not used/,
  ],
  ["BGPPeer", '{"peerIP":"badpeerIP","asNumber":1}', "PeerIP", /invalid peer address/],
  [
    "BGPPeer",
    '{"peerIP":"10.0.0.1","asNumber":1,"node":"a","nodeSelector":"all()"}',
    "Node",
    /Node field must be empty when NodeSelector is specified/,
  ],
  ["BGPPeer", '{"peerIP":"10.0.0.1"}', "ASNumber", /must be set when PeerIP is specified/],
  [
    "BGPFilter",
    '{"exportV4":[{"action":"Accept","cidr":"10.0.0.0/8"}]}',
    "CIDR",
    /cidr and matchOperator must both be set/,
  ],
  ["GlobalNetworkPolicy", '{"ingress":[{"action":"Allow","protocol":"tcp"}]}', "Protocol", /protocol name invalid/],
  [
    "GlobalNetworkPolicy",
    '{"ingress":[{"action":"Allow","source":{"ports":[80]}}]}',
    "Ports",
    /must set protocol to TCP or UDP or SCTP/,
  ],
  [
    "GlobalNetworkPolicy",
    '{"ingress":[{"action":"Allow","source":{"nets":["10.0.0.0/8","fd00::/8"]}}]}',
    "Ingress",
    /both IPv4 and IPv6 CIDRs/,
  ],
  [
    "GlobalNetworkPolicy",
    '{"preDNAT":true,"applyOnForward":true,"egress":[{"action":"Allow"}]}',
    "Egress",
    /PreDNAT PolicySpec cannot have any Egress rules/,
  ],
  ["NetworkSet", '{"nets":["10.0.0.0/8","nonsense"]}', "Nets", /invalid IP address or CIDR/],
  ["HostEndpoint", '{"node":"n"}', "InterfaceName", /no interface or expected IPs/],
  [
    "IPAMConfiguration",
    '{"strictAffinity":false,"autoAllocateBlocks":false}',
    "AutoAllocateBlocks",
    /at the same time/,
  ],
];

test("what breaks a rule is refused by field and reason", () => {
  for (const [kind, spec, name, reason] of refused) {
    const { brokenRules } = check(`{"kind":"${kind}","metadata":{"name":"default"},"spec":${spec}}`);
    assert.ok(
      brokenRules.some((problem) => problem.name === name && reason.test(problem.reason)),
      `${kind} ${spec}: ${formatJson(brokenRules)}`,
    );
  }
});

test("names follow the rule of their kind", () => {
  const reasonOf = (kind: string, name: string) =>
    check(`{"kind":"${kind}","metadata":{"name":"${name}"},"spec":{}}`).brokenRules.find(
      ({ path }) => path[1] === "name",
    )?.reason;
  assert.match(
    String(reasonOf("Node", "Upper")),
    /^name must consist of lower case alphanumeric characters, '-' or '\.' \(regex: /,
  );
  assert.match(String(reasonOf("Node", "a".repeat(260))), /^name is too long by 7 bytes$/);
  assert.match(String(reasonOf("Node", "")), /^field must be set for a Create request$/);
  assert.match(String(reasonOf("Tier", "a.b")), /^name must consist/);
  assert.match(String(reasonOf("ClusterInformation", "other")), /only name allowed is 'default'/);
  assert.equal(reasonOf("GlobalNetworkPolicy", "web.allow"), undefined);
  assert.match(String(reasonOf("GlobalNetworkPolicy", "a.b.c")), /^name must consist/);
  assert.match(String(reasonOf("FelixConfiguration", "racks")), /unless spec\.nodeSelector is set/);
});

test("labels and annotations are checked", () => {
  const { brokenRules } = check(
    '{"kind":"Node","metadata":{"name":"n","labels":{"a b":"c","d":"-"},"annotations":{"x/y/z":"1"}},"spec":{}}',
  );
  assert.deepEqual(
    brokenRules.map(({ name }) => name),
    ["Metadata.Labels (label)", "Metadata.Labels (value)", "Metadata.Annotations (key)"],
  );
});

test("every kind has a row with columns for its headings, and is found by its aliases alone", () => {
  const seen = new Map<string, string>();
  for (const [kind, row] of Object.entries(kindRows)) {
    assert.equal(row.kind, kind);
    for (const heading of [...row.narrow, ...row.wide]) assert.ok(row.columns[heading], `${kind} ${heading}`);
    assert.equal(row.columns["NAMESPACE"] !== undefined, calicoKinds[row.kind].namespaced, kind);
    for (const alias of [kind.toLowerCase(), ...row.aliases]) {
      assert.equal(seen.get(alias), undefined, alias);
      seen.set(alias, kind);
      assert.equal(rowOfAlias(alias.toUpperCase())?.kind, kind);
    }
  }
});

test("floats are printed as Go prints them", () => {
  for (const [value, text] of [
    [0, "0"],
    [7, "7"],
    [1.5, "1.5"],
    [100000, "100000"],
    [1e6, "1e+06"],
    [1234567, "1.234567e+06"],
    [0.00001, "1e-05"],
  ] as const)
    assert.equal(goFloat(value), text);
});
