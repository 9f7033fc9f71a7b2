/** What one node knows of the BGP resources, reduced to what its sessions turn on. */
import type { Term } from "../../bgp/filter/types.ts";
import type { Asn, LargeCommunity } from "../../bgp/message/types.ts";
import type { Family, IpAddress } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import type { Origin } from "../view.ts";

/** RFC 1997 as one number, RFC 8092 as three. */
export type Community = number | LargeCommunity;

/** A key of a Secret: with etcd, the file `/etc/calico/secrets/<name>/<key>` of the node. */
export interface SecretRef {
  readonly name: string;
  readonly key: string;
}

/** BGPConfiguration, `default` or `node.<name>`; what is left out is the cluster's or Calico's default. */
export interface BgpConfiguration {
  readonly origin: Origin;
  readonly isMeshEnabled: boolean | undefined;
  readonly asn: Asn | undefined;
  readonly listenPort: number | undefined;
  /** `bindMode: NodeIP`: listen on the node's addresses only. */
  readonly bindsNodeAddress: boolean;
  readonly meshPassword: SecretRef | undefined;
  readonly meshRestartSeconds: number | undefined;
  /** Undefined where none are given: those of a node replace those of the cluster. */
  readonly advertisements: readonly Advertisement[] | undefined;
  /** `ignoredInterfaces`: names with `*` for any text. What is connected there leads to no next hop. */
  readonly ignoredDevices: readonly string[];
  /** Ranges of services that every node announces: no node installs what it hears of them (control plane 6.7). */
  readonly serviceRanges: readonly Prefix[];
  /** Ranges of load balancers, which reflectors pass on. */
  readonly loadBalancerRanges: readonly Prefix[];
  /** `ipv4NormalRoutePriority`, `ipv6NormalRoutePriority`. */
  readonly normalPriority: Readonly<Partial<Record<Family, number>>>;
  /** `localWorkloadPeeringIPV4`, `localWorkloadPeeringIPV6`: what a node has on the devices of pods that are its peers, for them to dial. */
  readonly workloadPeering: Readonly<Partial<Record<Family, IpAddress>>>;
}

/** Routes inside `cidr` are announced with these. */
export interface Advertisement {
  readonly cidr: Prefix;
  readonly communities: readonly Community[];
}

/** Who a BGPPeer leads to. */
export type PeerTarget =
  /** `port` and `asn` where given; without an AS only Calico's nodes can be meant. */
  | {
      readonly kind: "address";
      readonly address: IpAddress;
      readonly port: number | undefined;
      readonly asn: Asn | undefined;
    }
  | { readonly kind: "nodes"; readonly selector: string }
  /** Pods of this node. */
  | { readonly kind: "workloads"; readonly selector: string; readonly asn: Asn | undefined };

/** Which nodes use a BGPPeer. */
export type PeerUsers =
  | { readonly kind: "all" }
  | { readonly kind: "node"; readonly name: string }
  | { readonly kind: "selector"; readonly selector: string };

/** How the sessions of a BGPPeer are. */
export interface PeerSettings {
  readonly localAsn: Asn | undefined;
  readonly password: SecretRef | undefined;
  /** `sourceAddress: UseNodeIP`; else the kernel chooses. */
  readonly usesNodeAddress: boolean;
  readonly restartSeconds: number | undefined;
  readonly keepaliveSeconds: number | undefined;
  readonly ttlSecurityHops: number | undefined;
  /** `keepExternal` is the deprecated `keepOriginalNextHop`: keep, on external sessions. */
  readonly nextHop: "normal" | "self" | "keep" | "keepExternal";
  readonly allowedOwnAs: number;
  /** Names of BGPFilters, in order. */
  readonly filters: readonly string[];
}

/** BGPPeer. */
export interface BgpPeer {
  readonly origin: Origin;
  readonly name: string;
  readonly users: PeerUsers;
  readonly target: PeerTarget;
  readonly settings: PeerSettings;
  /** The gateway to the peer's address. */
  readonly reachableBy: IpAddress | undefined;
  /** Whether the other end, where it is a node, gets its half without being asked. */
  readonly isReversed: boolean;
}

export type FilterDirection = "import" | "export";

/** BGPFilter: the rules of each list as terms. */
export interface BgpFilter {
  readonly origin: Origin;
  readonly name: string;
  readonly terms: Readonly<Record<FilterDirection, Readonly<Record<Family, readonly Term[]>>>>;
}
