/** What a lab's agents are told, in the variables that calico-node reads. */
import { formatAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { STORE_PORT, type Topology, type TopologyHost } from "./topology.ts";

/** Where clients in the underlay reach the store. */
export function storeEndpoint(topology: Topology): string {
  const host = topology.hosts.find(({ name }) => name === topology.storeHost);
  if (!host) throw new Error(`topology '${topology.name}' has no host '${topology.storeHost}'`);
  return `http://${formatAddress(host.nic.address)}:${STORE_PORT}`;
}

/** How clients on a host of the lab reach the store. */
export const storeEnvironment = (topology: Topology): Record<string, string> => ({
  DATASTORE_TYPE: "etcdv3",
  ETCD_ENDPOINTS: storeEndpoint(topology),
});

export function agentEnvironment(topology: Topology, host: TopologyHost): Record<string, string> {
  const { cluster } = topology;
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ...storeEnvironment(topology),
    NODENAME: host.name,
    IP: "autodetect",
    IP6: "none",
    CALICO_NETWORKING_BACKEND: cluster.backend,
    CALICO_IPV4POOL_CIDR: formatPrefix(cluster.pool),
    CALICO_IPV4POOL_BLOCK_SIZE: String(cluster.blockSize),
    CALICO_IPV4POOL_IPIP: cluster.ipipMode,
    CALICO_IPV4POOL_VXLAN: cluster.vxlanMode,
    WAIT_FOR_DATASTORE: "true",
    FELIX_HEALTHENABLED: "true",
    ...host.env,
  };
}
