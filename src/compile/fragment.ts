/** What one compile key contributes to the node state. */
import type { NftTable } from "../netlink/nftables/tree.ts";
import type { BgpPieces } from "./bgp/pieces.ts";
import type {
  AddressItem,
  FdbItem,
  LinkItem,
  NeighbourItem,
  RouteItem,
  SysctlItem,
  TunnelSourceItem,
} from "./node-state.ts";

/**
 * Which of several routes for one destination wins: the lowest. The order is Felix's route classes
 * (calico-dataplane 2.6): what is nearer beats what is farther, and blackholes come last.
 */
export const RoutePreference = {
  localWorkload: 10,
  vxlanSameSubnet: 30,
  vxlanTunnel: 40,
  /** By BGP, whichever way it leaves: a pool has one way for each of its prefixes. */
  learned: 50,
  blackhole: 90,
} as const;

export interface RoutePiece {
  readonly route: RouteItem;
  readonly preference: number;
}

export interface Fragment {
  readonly links?: readonly LinkItem[];
  readonly addresses?: readonly AddressItem[];
  readonly sysctls?: readonly SysctlItem[];
  readonly neighbours?: readonly NeighbourItem[];
  readonly fdb?: readonly FdbItem[];
  readonly tunnelSources?: readonly TunnelSourceItem[];
  readonly routes?: readonly RoutePiece[];
  readonly tables?: readonly NftTable[];
  /** What it contributes to the BGP speaker. */
  readonly bgp?: BgpPieces;
  /** What is wrong or missing in the intent, in words for people. */
  readonly reports?: readonly string[];
}

export const nothing: Fragment = {};
