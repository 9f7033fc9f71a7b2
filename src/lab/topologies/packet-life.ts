/** Two nodes on one wire, to follow a packet from pod to pod. Pods are named as in the walk-through this is made after. */
import { usualCluster } from "../cluster.ts";
import type { Topology, TopologyHost } from "../topology.ts";
import { host, OUTSIDE, pod, subnet } from "./write.ts";

const node = (name: string, address: string): TopologyHost => {
  const plain = host({
    name,
    address,
    subnet: "lan",
    nic: "ens3",
    mtu: 1500,
    metric: 0,
    gatewayRoute: false,
    docker0: "172.18.0.1/24",
  });
  return { ...plain, policy: { sourceDestinationCheck: false, drop: [] } };
};

export const packetLife: Topology = {
  name: "packet-life",
  summary: "two nodes on one wire, to follow a packet from pod to pod",
  subnets: [subnet("lan", "gateway", "172.17.0.0/16", "172.17.0.1")],
  hosts: [node("controlplane", "172.17.0.32"), node("node01", "172.17.0.40")],
  storeHost: "controlplane",
  cluster: usualCluster,
  pods: [
    pod("kube-system/coredns-66bff467f8-52tkd", "controlplane"),
    pod("busybox-deployment-8c7dc8548-x6ljh", "controlplane"),
    pod("kube-system/coredns-66bff467f8-g5gjb", "node01"),
    pod("kube-system/calico-kube-controllers-799fb94867-6qj77", "node01"),
    pod("busybox-deployment-8c7dc8548-btnkv", "node01"),
  ],
  outside: OUTSIDE,
};
