/**
 * What a lab is made of, as data: subnets on routers, hosts with a NIC each, the cluster's settings and the first pods.
 * The shipped topologies and topology files are values of these types; everything else in `lab/` reads them.
 */
import type { JsonObject } from "../base/json.ts";
import type { IpAddress, Ipv4 } from "../ip/address.ts";
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

export const ROUTER_SPEAKERS = ["ocicat", "bird", "frr"] as const;
/** What speaks BGP on a router: `ocicat bgp run`, BIRD 2, or FRR. */
export type RouterSpeaker = (typeof ROUTER_SPEAKERS)[number];

export interface RouterNeighbour {
  readonly address: Ipv4;
  readonly as: number;
}

/** A router that speaks BGP: what it learns is in its table, and it tells its neighbours of one another's routes. */
export interface BgpRouter {
  readonly name: string;
  readonly speaker: RouterSpeaker;
  readonly as: number;
  readonly routerId: Ipv4;
  readonly neighbours: readonly RouterNeighbour[];
}

/** A wire between two routers, a subnet of its own: the first has its first address, the second the next one. */
export interface RouterLink {
  readonly between: readonly [string, string];
  /** A /30. */
  readonly cidr: Prefix;
}

export interface Topology {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly subnets: readonly Subnet[];
  /** The routers that speak BGP; others are known by the subnets that hang on them. */
  readonly bgpRouters?: readonly BgpRouter[];
  readonly links?: readonly RouterLink[];
  readonly hosts: readonly TopologyHost[];
  /** The host that the store runs on. */
  readonly storeHost: string;
  readonly cluster: ClusterSettings;
  /** Calico resources that are in the store before the first agent starts. */
  readonly apply?: readonly JsonObject[];
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

/** The routers that subnets and links name, in order of appearance. */
export const routersOf = ({ subnets, links = [] }: Pick<Topology, "subnets" | "links">): string[] => [
  ...new Set([...subnets.map(({ router }) => router), ...links.flatMap(({ between }) => between)]),
];

export const bgpRouterOf = ({ bgpRouters = [] }: Topology, name: string): BgpRouter | undefined =>
  bgpRouters.find((router) => router.name === name);

export function subnetOf(topology: Topology, nic: Nic): Subnet {
  const subnet = topology.subnets.find(({ name }) => name === nic.subnet);
  if (!subnet) throw new Error(`topology '${topology.name}' has no subnet '${nic.subnet}'`);
  return subnet;
}
