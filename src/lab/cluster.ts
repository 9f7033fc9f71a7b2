/** How a lab's cluster carries what pods send to each other: what labs begin with, and what else they can be told. */
import { parsePrefix } from "../ip/prefix.ts";
import type { Backend, ClusterSettings, EncapsulationSetting, Topology, TopologyHost } from "./topology.ts";

/** The modes of an IPPool. */
export interface PoolModes {
  readonly ipipMode: EncapsulationSetting;
  readonly vxlanMode: EncapsulationSetting;
}

/** One encapsulation between all nodes. */
export const everywhereBy = {
  ipip: { ipipMode: "Always", vxlanMode: "Never" },
  vxlan: { ipipMode: "Never", vxlanMode: "Always" },
} as const satisfies Record<string, PoolModes>;

/** Calico's defaults: nodes tell each other their routes by BGP, packets travel by IP-in-IP. */
export const usualCluster: ClusterSettings = {
  pool: parsePrefix("192.168.0.0/16"),
  blockSize: 26,
  backend: "bird",
  ...everywhereBy.ipip,
};

export const backends = ["bird", "vxlan", "none"] as const satisfies readonly Backend[];

/** The topology with another backend, and the pool's modes that go with it. */
export function withBackend(topology: Topology, backend: Backend): Topology {
  const modes = backend === "vxlan" ? everywhereBy.vxlan : everywhereBy.ipip;
  return { ...topology, cluster: { ...topology.cluster, backend, ...modes } };
}

/**
 * What a lab can carry for this user: without root the kernel refuses BPF programs, a process wants TAP devices, and where those
 * are refused too (`whyNoTap`), VXLAN takes the place of IP-in-IP. `note` says so.
 */
export function carriedFor(
  topology: Topology,
  whyNoTap: string | undefined,
): { readonly topology: Topology; readonly note?: string } {
  const { cluster } = topology;
  if (whyNoTap === undefined || cluster.ipipMode === "Never") return { topology };
  return {
    topology: { ...topology, cluster: { ...cluster, ...everywhereBy.vxlan } },
    note: `without root the kernel takes no BPF programs, and a process that carries IP-in-IP instead is refused its device (${whyNoTap}; chmod 666 /dev/net/tun helps): vxlanMode Always instead of ipipMode ${cluster.ipipMode}`,
  };
}

/**
 * What a pool can be changed to and back, to show both encapsulations: undefined where the cluster carries only one, or where its
 * pods have an MTU that only that one has room for.
 */
export const besides = ({ cluster: { backend, ipipMode }, hosts }: Topology): PoolModes | undefined =>
  backend === "bird" && ipipMode !== "Never" && hosts.every(hasChangeableMtu) ? everywhereBy.vxlan : undefined;

const hasChangeableMtu = ({ env, nic }: TopologyHost): boolean =>
  env["FELIX_IPINIPMTU"] === String(changeableMtu(nic.mtu));

/** What carries packets between hosts, wherever they are; undefined where it depends on that. */
export function encapsulationOf({ ipipMode, vxlanMode }: PoolModes): "ipip" | "vxlan" | undefined {
  if (ipipMode === "Always") return "ipip";
  return vxlanMode === "Always" ? "vxlan" : undefined;
}

/**
 * MTU of `tunl0` on a NIC of that MTU, in octets, that pods may keep when their pool goes over to VXLAN, whose headers take 50:
 * a pod's device has what it was given when it was attached.
 */
export const changeableMtu = (nicMtu: number): number => nicMtu - 50;
