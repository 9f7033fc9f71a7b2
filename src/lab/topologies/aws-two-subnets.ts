/** A cloud with two subnets of one VPC and one host on the far side: the smallest place where routing modes differ. */
import { changeableMtu, usualCluster } from "../cluster.ts";
import type { Topology, TopologyHost } from "../topology.ts";
import { host, OUTSIDE, pod, subnet } from "./write.ts";

/** EC2's MTU inside a VPC, in octets. */
const MTU = 9001;

const instance = (name: string, address: string, inSubnet: string): TopologyHost =>
  host({
    name,
    address,
    subnet: inSubnet,
    nic: "ens5",
    mtu: MTU,
    metric: 100,
    gatewayRoute: true,
    docker0: "172.17.0.1/16",
    env: { FELIX_IPINIPMTU: String(changeableMtu(MTU)) },
  });

export const awsTwoSubnets: Topology = {
  name: "aws-two-subnets",
  summary: "four hosts in two subnets of a cloud; gateways know no pod address, NICs check source and destination",
  subnets: [
    subnet("subnet-1", "vpc", "10.30.0.0/24", "10.30.0.1"),
    subnet("subnet-2", "vpc", "10.30.1.0/24", "10.30.1.1"),
  ],
  hosts: [
    instance("master", "10.30.0.136", "subnet-1"),
    instance("worker-1", "10.30.0.206", "subnet-1"),
    instance("worker-2", "10.30.0.56", "subnet-1"),
    instance("worker-3", "10.30.1.66", "subnet-2"),
  ],
  storeHost: "master",
  cluster: usualCluster,
  // pod-0 comes first on worker-2, so that pod-2 has the third address of the block.
  pods: [pod("pod-1", "worker-1"), pod("pod-0", "worker-2"), pod("pod-2", "worker-2"), pod("pod-3", "worker-3")],
  outside: OUTSIDE,
};
