import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { readPodFile } from "./pods/pod-file.ts";
import { readTopology } from "./topology-file.ts";
import { YamlFieldError } from "./yaml-fields.ts";

const GOOD = `
name: two-racks
subnets:
  - { name: rack-1, router: core, cidr: 10.1.0.0/24, gateway: 10.1.0.1 }
  - { name: rack-2, router: core, cidr: 10.2.0.0/24, gateway: 10.2.0.1 }
hosts:
  - { name: a, subnet: rack-1, address: 10.1.0.11 }
  - name: b
    subnet: rack-2
    address: 10.2.0.11
    gatewayMetric: 100
    nic: { name: ens5, mtu: 9001, sourceDestinationCheck: false, drop: [ipip, udp/4789] }
    bridges: [{ name: docker0, address: 172.17.0.1/16 }]
    env: { FELIX_LOGSEVERITYSCREEN: debug }
cluster: { vxlanMode: CrossSubnet, blockSize: 24 }
pods:
  - { name: web, on: a, labels: { app: web }, serve: [8080] }
  - { name: db, namespace: prod, on: b, address: 192.168.9.9 }
`;

const problemsOf = (read: () => unknown): readonly string[] => {
  try {
    read();
  } catch (failure) {
    assert.ok(failure instanceof YamlFieldError, String(failure));
    return failure.detail.problems;
  }
  return [];
};

test("a topology file gives hosts, underlay, cluster and pods, with defaults for what it leaves out", () => {
  const topology = readTopology(GOOD, "x.yaml");
  const [a, b] = topology.hosts;
  assert.deepEqual(a?.nic, { name: "eth0", mtu: 1500, address: 0x0a01000b, subnet: "rack-1" });
  assert.equal(a?.policy.sourceDestinationCheck, true);
  assert.deepEqual(b?.policy, {
    sourceDestinationCheck: false,
    drop: [{ protocol: "ipip" }, { protocol: "udp", port: 4789 }],
  });
  assert.equal(topology.storeHost, "a");
  assert.deepEqual(topology.cluster.vxlanMode, "CrossSubnet");
  assert.deepEqual(
    topology.pods.map(({ namespace, name, host }) => `${namespace}/${name}@${host}`),
    ["default/web@a", "prod/db@b"],
  );
});

test("what a cluster leaves out is BGP and IP-in-IP, unless backend or vxlanMode say VXLAN", () => {
  const clusterOf = (fields: string): readonly string[] => {
    const text = GOOD.replace("vxlanMode: CrossSubnet, blockSize: 24", fields);
    const { backend, ipipMode, vxlanMode } = readTopology(text, "x.yaml").cluster;
    return [backend, ipipMode, vxlanMode];
  };
  for (const [fields, expected] of [
    ["", ["bird", "Always", "Never"]],
    ["backend: vxlan", ["vxlan", "Never", "Always"]],
    ["vxlanMode: CrossSubnet", ["bird", "Never", "CrossSubnet"]],
    ["vxlanMode: Never", ["bird", "Always", "Never"]],
    ["ipipMode: Never", ["bird", "Never", "Never"]],
    ["ipipMode: CrossSubnet", ["bird", "CrossSubnet", "Never"]],
    ["backend: vxlan, ipipMode: Never", ["vxlan", "Never", "Never"]],
  ] as const) {
    assert.deepEqual(clusterOf(fields), expected, fields);
  }
});

test("every problem of a topology file is named with its line and field", () => {
  const cases: readonly [change: [string, string], problem: RegExp][] = [
    [
      ["router: core, cidr: 10.1.0.0/24", "router: core, cidr: 10.1.0.5/24"],
      /^x.yaml:4: subnets\[0\].cidr: .*zero host bits/,
    ],
    [["address: 10.1.0.11", "address: 10.9.0.11"], /^x.yaml:7: hosts\[0\].address: is not in rack-1, 10.1.0.0\/24/],
    [["address: 10.1.0.11", "address: 10.1.0.1"], /hosts\[0\].address: is the gateway's/],
    [["subnet: rack-2", "subnet: rack-3"], /^x.yaml:9: hosts\[1\].subnet: there is no subnet 'rack-3'/],
    [["name: b", "name: a"], /^x.yaml:8: hosts\[1\].name: 'a' is there twice/],
    [["mtu: 9001", "mtu: 100"], /nic.mtu: 100 is not a number from 576 to 65535/],
    [["udp/4789", "sctp/1"], /nic.drop: 'sctp\/1' is no protocol to drop/],
    [
      ["gatewayMetric", "gatewayMetrik"],
      /hosts\[1\].gatewayMetrik: is no field of this; did you mean 'gatewayMetric'\?/,
    ],
    [["on: a", "on: z"], /pods\[0\].on: there is no host 'z'/],
    [["blockSize: 24", "pool: 10.0.0.0/8"], /cluster.pool: overlaps rack-1, 10.1.0.0\/24/],
    [
      ["vxlanMode: CrossSubnet", "vxlanMode: Sometimes"],
      /cluster.vxlanMode: "Sometimes" is not one of Never, Always, CrossSubnet/,
    ],
    [["serve: [8080]", "serve: [99999]"], /pods\[0\].serve: 99999 is not a TCP port/],
    [["name: two-racks", "nam: two-racks"], /name: is missing/],
  ];
  for (const [[was, is], problem] of cases) {
    const found = problemsOf(() => readTopology(GOOD.replace(was, is), "x.yaml"));
    assert.ok(
      found.some((one) => problem.test(one)),
      `${is}: ${found.join(" | ")}`,
    );
  }
});

test("what is no topology at all is refused", () => {
  assert.match(problemsOf(() => readTopology("", "x.yaml"))[0] ?? "", /one YAML document, found none/);
  assert.throws(() => readTopology("a: [", "x.yaml"), { code: "syntax" });
});

const POD = `
apiVersion: v1
kind: Namespace
metadata: { name: prod }
---
apiVersion: v1
kind: Pod
metadata:
  name: pod1
  namespace: prod
  labels: { app: web }
  annotations: { cni.projectcalico.org/ipAddrs: '["192.168.0.7"]' }
spec:
  nodeName: k8s-w1
  containers:
    - { name: pod1, image: nicolaka/netshoot, command: ["tail"], ports: [{ containerPort: 8080 }] }
  terminationGracePeriodSeconds: 0
`;

test("Kubernetes' pods are taken with host, labels, ports and the address they ask for", () => {
  const { pods, namespaces } = readPodFile(POD, "pods.yaml");
  assert.deepEqual(namespaces, ["prod"]);
  assert.deepEqual(pods, [
    {
      namespace: "prod",
      name: "pod1",
      host: "k8s-w1",
      labels: { app: "web" },
      address: 0xc0a80007,
      serve: [8080],
      probed: true,
    },
  ]);
});

test("a pod that a lab cannot run is refused with the line", () => {
  const cases: readonly [[string, string], RegExp][] = [
    [["nodeName: k8s-w1", "restartPolicy: Never"], /^p:.*spec.nodeName: is missing: the host/],
    [["kind: Pod", "kind: IPPool"], /^p:7: kind: the lab takes Pod and Namespace; IPPool is for 'ocicat apply'/],
    [["apiVersion: v1\nkind: Pod", "apiVersion: v2\nkind: Pod"], /apiVersion/],
    [["192.168.0.7", "one"], /ipAddrs"?\]?: expected one IPv4 address/],
    [["nodeName: k8s-w1", "nodeName: a\n  hostNetwork: true"], /hostNetwork: a pod in the host's network/],
  ];
  for (const [[was, is], problem] of cases) {
    const found = problemsOf(() => readPodFile(POD.replace(was, is), "p"));
    assert.ok(
      found.some((one) => problem.test(one)),
      `${is}: ${found.join(" | ")}`,
    );
  }
});

const ROUTED = `
name: routed
subnets:
  - { name: rack-1, router: tor-1, cidr: 10.1.0.0/24, gateway: 10.1.0.1 }
links:
  - { between: [spine, tor-1], cidr: 10.9.0.0/30 }
routers:
  - name: tor-1
    as: 65001
    routerId: 10.1.0.1
    neighbours: [{ address: 10.1.0.11, as: 64512 }, { address: 10.9.0.1, as: 65000 }]
  - { name: spine, as: 65000, routerId: 10.9.0.1, speaker: bird }
hosts:
  - { name: a, subnet: rack-1, address: 10.1.0.11 }
apply:
  - { apiVersion: projectcalico.org/v3, kind: BGPConfiguration, metadata: { name: default }, spec: { asNumber: 64512 } }
`;

test("routers that speak BGP, links between routers and resources to start with", () => {
  const { bgpRouters, links, apply } = readTopology(ROUTED, "x.yaml");
  assert.deepEqual(bgpRouters, [
    {
      name: "tor-1",
      speaker: "ocicat",
      as: 65001,
      routerId: parseAddress("10.1.0.1"),
      neighbours: [
        { address: parseAddress("10.1.0.11"), as: 64512 },
        { address: parseAddress("10.9.0.1"), as: 65000 },
      ],
    },
    { name: "spine", speaker: "bird", as: 65000, routerId: parseAddress("10.9.0.1"), neighbours: [] },
  ]);
  assert.deepEqual(links, [{ between: ["spine", "tor-1"], cidr: parsePrefix("10.9.0.0/30") }]);
  assert.deepEqual(apply, [
    {
      apiVersion: "projectcalico.org/v3",
      kind: "BGPConfiguration",
      metadata: { name: "default" },
      spec: { asNumber: 64512 },
    },
  ]);
});

test("what is wrong with routers, links and resources is named with its line", () => {
  const cases: readonly [change: [string, string], problem: RegExp][] = [
    [["name: tor-1\n", "name: tor-2\n"], /^x.yaml:8: routers\[0\].name: no subnet or link has a router 'tor-2'/],
    [
      ["speaker: bird", "speaker: quagga"],
      /^x.yaml:12: routers\[1\].speaker: "quagga" is not one of ocicat, bird, frr/,
    ],
    [["as: 65001", "as: 0"], /^x.yaml:9: routers\[0\].as: 0 is not a number from 1/],
    [["10.9.0.0/30", "10.9.0.0/29"], /^x.yaml:6: links\[0\].cidr: a link between two routers is a \/30/],
    [["[spine, tor-1]", "[spine, spine]"], /^x.yaml:6: links\[0\].between: the names of two routers are needed/],
    [["{ name: spine, as", "{ name: tor-1, as"], /^x.yaml:12: routers\[1\].name: 'tor-1' is there twice/],
    [["asNumber: 64512", "asNumbers: 64512"], /^x.yaml:16: apply\[0\]\.spec\.asNumbers: /],
  ];
  for (const [[from, to], problem] of cases) {
    assert.ok(ROUTED.includes(from), from);
    const problems = problemsOf(() => readTopology(ROUTED.replace(from, to), "x.yaml"));
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", problem);
  }
  const noResource = () => readTopology(ROUTED.replace("kind: BGPConfiguration", "kind: Bgp"), "x.yaml");
  assert.throws(noResource, /x\.yaml, document 1, line 16: /);
});
