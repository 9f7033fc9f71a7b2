/**
 * What a lab is made of, as data: subnets on routers, hosts with a NIC each, the cluster's settings and the first pods.
 * The shipped topologies and topology files are values of these types; everything else in `lab/` reads them.
 */
import type { IpAddress } from "../ip/address.ts";
import type { InterfaceAddress, Prefix } from "../ip/prefix.ts";

/** Packets that the underlay drops at a NIC: an IP protocol, or a port of UDP or TCP. */
export type ProtocolFilter =
  | { readonly protocol: "ipip" }
  | { readonly protocol: "udp" | "tcp"; readonly port: number };

/** What the underlay does at one host's NIC; switched on the running lab. */
export interface NicPolicy {
  /** Drops what leaves with a foreign source or arrives for a foreign destination; outer headers count. */
  readonly sourceDestinationCheck: boolean;
  readonly drop: readonly ProtocolFilter[];
}

/** One L2 segment. */
export interface Subnet {
  readonly name: string;
  /** The router that it hangs on. */
  readonly router: string;
  readonly cidr: Prefix;
  /** The router's address in it. */
  readonly gateway: IpAddress;
}

/** A device on a host that is none of ours and must stay as it is. */
export interface ForeignBridge {
  readonly name: string;
  readonly address: InterfaceAddress;
}

export interface Nic {
  readonly name: string;
  /** Octets. */
  readonly mtu: number;
  readonly address: IpAddress;
  readonly subnet: string;
}

export interface TopologyHost {
  readonly name: string;
  readonly nic: Nic;
  readonly policy: NicPolicy;
  /** Metric of the default route; 0 shows none. */
  readonly gatewayMetric: number;
  /** Whether a host route to the gateway stands beside the default route, as cloud images' DHCP clients write it. */
  readonly gatewayRoute: boolean;
  readonly bridges: readonly ForeignBridge[];
  /** More environment for this host's agent. */
  readonly env: Readonly<Record<string, string>>;
}

export type Backend = "vxlan" | "bird" | "none";
export type EncapsulationSetting = "Never" | "Always" | "CrossSubnet";

/** What the agents are told at their start; they make the default pool of it. */
export interface ClusterSettings {
  readonly pool: Prefix;
  readonly blockSize: number;
  readonly backend: Backend;
  readonly ipipMode: EncapsulationSetting;
  readonly vxlanMode: EncapsulationSetting;
}

export interface PodSpec {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Asked for; any free one when left out. */
  readonly address?: IpAddress;
  /** TCP ports that answer HTTP, besides the usual ones. */
  readonly serve: readonly number[];
  /** Whether `lab check` includes it where it checks a sample. */
  readonly probed: boolean;
}

export interface Topology {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly subnets: readonly Subnet[];
  readonly hosts: readonly TopologyHost[];
  /** The host that the store runs on. */
  readonly storeHost: string;
  readonly cluster: ClusterSettings;
  /** In order of their arrival. */
  readonly pods: readonly PodSpec[];
  /** Addresses of the outside host, "the Internet". */
  readonly outside: readonly IpAddress[];
}

/** TCP port of the store, on its host. */
export const STORE_PORT = 2379;

/** Names of Kubernetes objects: labels joined by dots, RFC 1123; at most 253 characters. */
export const OBJECT_NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
export const OBJECT_NAME_HELP = "a name of lower-case letters, digits, '-' and '.'";

export const podKey = (pod: { readonly namespace: string; readonly name: string }): string =>
  pod.namespace === "default" ? pod.name : `${pod.namespace}/${pod.name}`;

/** The routers that subnets name, in order of appearance. */
export const routersOf = (topology: Topology): string[] => [...new Set(topology.subnets.map(({ router }) => router))];

export function subnetOf(topology: Topology, nic: Nic): Subnet {
  const subnet = topology.subnets.find(({ name }) => name === nic.subnet);
  if (!subnet) throw new Error(`topology '${topology.name}' has no subnet '${nic.subnet}'`);
  return subnet;
}
