/** No mesh: every node peers with two route reflectors, chosen by label; either of them is enough. */
import { parsePrefix } from "../../ip/prefix.ts";
import type { Topology, TopologyHost } from "../topology.ts";
import { nodeResource, noMesh, resource } from "./bgp-objects.ts";
import { host, OUTSIDE, pod, subnet } from "./write.ts";

const near = subnet("subnet-1", "vpc", "10.50.0.0/24", "10.50.0.1");
const far = subnet("subnet-2", "vpc", "10.50.1.0/24", "10.50.1.1");

const instance = (name: string, address: string, inSubnet: string): TopologyHost =>
  host({ name, address, subnet: inSubnet, nic: "ens5", mtu: 9001, metric: 100, gatewayRoute: true });

const reflectorHosts = [instance("rr-1", "10.50.0.11", near.name), instance("rr-2", "10.50.1.12", far.name)];
const subnetOf = ({ nic }: TopologyHost) => (nic.subnet === near.name ? near : far);

/** RFC 4456 section 7: reflectors that stand for each other share it. Any number in the form of an address. */
const CLUSTER_ID = "244.0.0.1";
const IS_REFLECTOR = "route-reflector == 'true'";

export const reflectors: Topology = {
  name: "reflectors",
  summary: "two redundant route reflectors, chosen by label; no mesh",
  subnets: [near, far],
  hosts: [
    instance("master", "10.50.0.136", near.name),
    ...reflectorHosts,
    instance("worker-1", "10.50.0.206", near.name),
    instance("worker-2", "10.50.0.56", near.name),
    instance("worker-3", "10.50.1.66", far.name),
  ],
  storeHost: "master",
  cluster: {
    pool: parsePrefix("192.168.0.0/16"),
    blockSize: 26,
    backend: "bird",
    ipipMode: "Always",
    vxlanMode: "Never",
  },
  apply: [
    noMesh,
    ...reflectorHosts.map((one) =>
      nodeResource({
        host: one,
        subnet: subnetOf(one),
        labels: { "route-reflector": "true" },
        routeReflectorClusterID: CLUSTER_ID,
      }),
    ),
    resource("BGPPeer", "nodes-to-reflectors", { nodeSelector: "all()", peerSelector: IS_REFLECTOR }),
  ],
  pods: [pod("pod-1", "worker-1"), pod("pod-2", "worker-2"), pod("pod-3", "worker-3")],
  outside: OUTSIDE,
};
