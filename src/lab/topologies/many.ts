/** `many-N`: N hosts over subnets of at most 25, a pod on each, to see how things grow. */
import { addOffset, formatAddress, type IpAddress, parseAddress } from "../../ip/address.ts";
import { changeableMtu, usualCluster } from "../cluster.ts";
import type { Topology } from "../topology.ts";
import { host, OUTSIDE, pod, subnet } from "./write.ts";

/** EC2's MTU inside a VPC, in octets. */
const MTU = 9001;
const HOSTS_PER_SUBNET = 25;
/** One /26 block each out of 192.168.0.0/16, and one process each on this machine. */
export const MOST_HOSTS = 500;

/** Pods that a check of all would take too long for: the first, the last and one of each subnet stand for them. */
const isProbed = (index: number, count: number): boolean =>
  index % HOSTS_PER_SUBNET === 0 || index === count - 1 || count <= 8;

export function manyHosts(count: number): Topology {
  const subnets = Array.from({ length: Math.ceil(count / HOSTS_PER_SUBNET) }, (_, index) =>
    subnet(`subnet-${index + 1}`, "vpc", `10.40.${index}.0/24`, `10.40.${index}.1`),
  );
  const names = Array.from({ length: count }, (_, index) => (index === 0 ? "master" : `worker-${index}`));
  const addressOf = (index: number): IpAddress =>
    addOffset(parseAddress(`10.40.${Math.floor(index / HOSTS_PER_SUBNET)}.0`), 10 + (index % HOSTS_PER_SUBNET));
  return {
    name: `many-${count}`,
    summary: `${count} hosts in ${subnets.length} subnets, one pod each`,
    subnets,
    hosts: names.map((name, index) =>
      host({
        name,
        address: formatAddress(addressOf(index)),
        subnet: `subnet-${Math.floor(index / HOSTS_PER_SUBNET) + 1}`,
        nic: "ens5",
        mtu: MTU,
        metric: 100,
        gatewayRoute: true,
        env: { FELIX_IPINIPMTU: String(changeableMtu(MTU)) },
      }),
    ),
    storeHost: "master",
    cluster: usualCluster,
    pods: names.map((name, index) => ({ ...pod(`pod-${index}`, name), probed: isProbed(index, count) })),
    outside: OUTSIDE,
  };
}
