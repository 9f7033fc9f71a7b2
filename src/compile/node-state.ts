/**
 * What one node's kernel shall hold: the output of `compile` and of the RIB stage, the input of the drivers. Every
 * item is plain data, keyed by a primitive (`…Key`), and knows nothing of where it came from; provenance is kept
 * beside it by key (`provenance.ts`), outside equality.
 */
import type { Family, IpAddress } from "../ip/address.ts";
import type { InterfaceAddress, PrefixKey } from "../ip/prefix.ts";

/** A MAC address, lower case, `66:aa:99:2f:dc:24`. */
export type Mac = string;

/** A device of ours. Attributes left out are the kernel's business. */
export type LinkItem = VxlanLink | IpipLink;

export interface VxlanLink {
  readonly kind: "vxlan";
  readonly name: string;
  readonly mac: Mac;
  /** Octets. */
  readonly mtu: number;
  readonly vni: number;
  readonly port: number;
  /** Source of the outer header: an address of the parent. */
  readonly local: IpAddress;
  /** Name of the parent device. */
  readonly parent: string;
  /**
   * Never in what is desired. What the kernel holds under the name, where the rest does not tell: a device that was set
   * down, or one of another kind or mode, which makes way.
   */
  readonly found?: "down" | "unlike";
}

/** IP-in-IP (RFC 2003): one device for all tunnels, told where to by each route's next hop. */
export interface IpipLink {
  readonly kind: "ipip";
  readonly name: string;
  /** Octets. */
  readonly mtu: number;
  /** Source of the outer header: an IPv4 address of the parent. */
  readonly local: IpAddress;
  /** 0 … 32: nodes that share so many bits of it are on the parent's link. Left out in what is found and does not tell. */
  readonly subnetLength?: number;
  /** Name of the parent device. */
  readonly parent: string;
  /** As a VXLAN device's. */
  readonly found?: "down" | "unlike";
}

/** An address on a device of ours; any other address of that family on the device is removed (IPv6 link-local apart). */
export interface AddressItem {
  readonly device: string;
  readonly address: InterfaceAddress;
}

/** Route types of linux/rtnetlink.h that we write or read. */
export type RouteType =
  | "unicast"
  | "local"
  | "broadcast"
  | "blackhole"
  | "unreachable"
  | "prohibit"
  | "throw"
  | "other";

export interface NextHop {
  readonly device?: string;
  readonly gateway?: IpAddress;
  /** The gateway is on the device's link whatever its subnet says. */
  readonly onlink?: boolean;
  /** 1 … 256; 1 when left out. */
  readonly weight?: number;
}

export interface RouteItem {
  /** 254 is main. */
  readonly table: number;
  readonly destination: PrefixKey;
  readonly type: RouteType;
  /** RTPROT_*: 3 boot, 12 bird, 80 ours. */
  readonly protocol: number;
  /** RT_SCOPE_*: 0 universe, 253 link. */
  readonly scope: number;
  /** Priority; part of the kernel's key. 0 for IPv4; IPv6 knows no 0, it reads 1024. */
  readonly metric: number;
  /** One for a plain route, several for ECMP, none for blackholes. */
  readonly nextHops: readonly NextHop[];
  /** Preferred source. */
  readonly source?: IpAddress;
  /** Route MTU in octets. */
  readonly mtu?: number;
}

/** A permanent neighbour entry. */
export interface NeighbourItem {
  readonly device: string;
  readonly address: IpAddress;
  readonly mac: Mac;
}

/** A permanent entry of a VXLAN device's forwarding database: frames to `mac` go to `destination`. */
export interface FdbItem {
  readonly device: string;
  readonly mac: Mac;
  readonly destination: IpAddress;
}

/** A node whose packets may come out of the tunnel: the source of its outer header. */
export interface TunnelSourceItem {
  readonly device: string;
  readonly address: IpAddress;
}

export interface SysctlItem {
  /** Below /proc/sys: `net/ipv4/conf/cali123/proxy_arp`. */
  readonly path: string;
  readonly value: string;
}

/** A policy rule: which table answers for which packets. */
export interface RuleItem {
  readonly family: Family;
  /** Lower is asked first. */
  readonly priority: number;
  /** The table that is looked up. */
  readonly table: number;
  /** Packets whose mark, under `mask`, is this. */
  readonly mark?: number;
  readonly mask?: number;
  /** All other packets instead. */
  readonly invert?: boolean;
}

export const linkKey = (item: { readonly name: string }): string => item.name;
export const addressKey = (item: AddressItem): string =>
  `${item.device} ${item.address.address.toString(16)}/${item.address.length}`;
export const routeKey = (item: Pick<RouteItem, "table" | "destination" | "metric">): string =>
  `${item.table} ${item.destination} ${item.metric}`;
export const neighbourKey = (item: Pick<NeighbourItem, "device" | "address">): string =>
  `${item.device} ${item.address.toString(16)}${typeof item.address === "bigint" ? "v6" : ""}`;
export const fdbKey = (item: Pick<FdbItem, "device" | "mac">): string => `${item.device} ${item.mac}`;
export const tunnelSourceKey = (item: TunnelSourceItem): string => `${item.device} ${item.address.toString(16)}`;
/** A rule has no attribute that may change: its key is all of it. A mark without a mask is matched in all its bits. */
export const ruleKey = ({ family, priority, table, mark, mask = 0xffffffff, invert }: RuleItem): string =>
  `${family} ${priority} ${invert === true ? "not " : ""}${mark === undefined ? "all" : `${mark}/${mask}`} ${table}`;
export const sysctlKey = (item: Pick<SysctlItem, "path">): string => item.path;
