/**
 * Three nodes in one subnet and one in another, no check at the NICs: IP-in-IP everywhere, nowhere, or only across
 * subnets. `kans-router-peer` is the same with a router that is a BGP peer of the nodes: with encapsulation switched
 * off, pods of both subnets still reach each other.
 */
import { ipv4Of } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import type { BgpRouter, ClusterSettings, Subnet, Topology, TopologyHost } from "../topology.ts";
import { gatewayPeer, nodeResource } from "./bgp-objects.ts";
import { host, neighbour, OUTSIDE, pod, subnet } from "./write.ts";

const near = subnet("subnet-1", "router", "192.168.10.0/24", "192.168.10.1");
const far = subnet("subnet-2", "router", "192.168.20.0/24", "192.168.20.1");

const node = (name: string, address: string, { name: inSubnet }: Subnet): TopologyHost => {
  const checked = host({ name, address, subnet: inSubnet, nic: "ens5", mtu: 9001, metric: 100, gatewayRoute: true });
  return { ...checked, policy: { sourceDestinationCheck: false, drop: [] } };
};

const nearNodes = [
  node("k8s-m", "192.168.10.10", near),
  node("k8s-w1", "192.168.10.101", near),
  node("k8s-w2", "192.168.10.102", near),
];
const farNodes = [node("k8s-w0", "192.168.20.100", far)];
const hosts = [...nearNodes, ...farNodes];

/** What a cluster runs anyway; it comes first, which gives pod1, pod2 and pod3 the addresses that they have. */
const systemPod = (name: string, onHost: string) => ({ ...pod(`kube-system/${name}`, onHost), probed: false });

const cluster: ClusterSettings = {
  pool: parsePrefix("172.16.0.0/16"),
  blockSize: 24,
  backend: "bird",
  ipipMode: "Always",
  vxlanMode: "Never",
};

export const kansCrossSubnet: Topology = {
  name: "kans-cross-subnet",
  summary: "three nodes in one subnet, one in another; NICs check nothing, the router knows no pod address",
  subnets: [near, far],
  hosts,
  storeHost: "k8s-m",
  cluster,
  pods: [
    systemPod("coredns-1", "k8s-w1"),
    systemPod("metrics-server", "k8s-w1"),
    pod("pod1", "k8s-w1"),
    systemPod("coredns-2", "k8s-w2"),
    systemPod("calico-kube-controllers", "k8s-w2"),
    systemPod("kube-ops-view", "k8s-w2"),
    pod("pod2", "k8s-w2"),
    pod("pod3", "k8s-w0"),
  ],
  outside: OUTSIDE,
};

/**
 * The nodes' own: what a node hears from the mesh it tells no other inner peer, so the router learns each block from its
 * owner alone. As an outer peer it would hear of every block from every node.
 */
const AS = 64512;

const router: BgpRouter = {
  name: "router",
  speaker: "ocicat",
  as: AS,
  routerId: ipv4Of(Number(near.gateway)),
  neighbours: hosts.map((one) => neighbour(one, AS)),
};

/** The label that tells which gateway a node peers with. */
const inSubnet = (one: Subnet): Record<string, string> => ({ subnet: one.name });

export const kansRouterPeer: Topology = {
  ...kansCrossSubnet,
  name: "kans-router-peer",
  summary: "kans-cross-subnet, its router a BGP peer of the nodes: encapsulation can be switched off",
  bgpRouters: [router],
  apply: [
    ...nearNodes.map((one) => nodeResource({ host: one, subnet: near, labels: inSubnet(near) })),
    ...farNodes.map((one) => nodeResource({ host: one, subnet: far, labels: inSubnet(far) })),
    ...[near, far].map((one) => gatewayPeer(one, `subnet == '${one.name}'`, { asNumber: AS })),
  ],
};
