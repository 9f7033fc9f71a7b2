/**
 * What a route heard by BGP becomes (control plane 6.5): a way through the tunnel, a way by the NIC, or nothing and the
 * reason. Routes outside the pools are never written: no mark would tell a later process that they are ours.
 */
import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { contains, covers, formatPrefix, type Prefix } from "../../ip/prefix.ts";
import { speakingPodDevice } from "../bgp/workload-sessions.ts";
import { type RoutePiece, RoutePreference } from "../fragment.ts";
import type { NeighbourItem, NextHop } from "../node-state.ts";
import { IPIP_DEVICE, ipipNeighbour, usesIpip } from "../tunnels/ipip.ts";
import type { Pool, View } from "../view.ts";
import { birdRoute } from "./bird-route.ts";
import type { Resolution } from "./next-hops.ts";

export type LearnedDecision =
  | {
      readonly piece: RoutePiece;
      /** What names the outer destination of each next hop on the tunnel, be it a node's or not. */
      readonly neighbours: readonly NeighbourItem[];
    }
  | { readonly rejected: string };

export interface LearnedInput {
  readonly prefix: Prefix;
  /** BGP next hops of the best routes: several for ECMP. */
  readonly nextHops: readonly IpAddress[];
  readonly view: View;
  readonly resolve: (nextHop: IpAddress) => Resolution;
}

/** Pure. */
export function learnedRoute(input: LearnedInput): LearnedDecision {
  const { prefix, view } = input;
  const pool = view.poolOf(prefix);
  const why = rejection(prefix, pool, view);
  if (why !== undefined) return { rejected: why };
  const ways = [...new Set(input.nextHops)].map((nextHop) => wayTo(nextHop, pool, input));
  const found = ways.flatMap((way) => ("hops" in way ? [way] : []));
  if (found.length === 0) return { rejected: ways.flatMap((way) => ("hops" in way ? [] : [way.rejected])).join("; ") };
  const hops = distinct(found.flatMap((way) => way.hops));
  return {
    piece: { route: birdRoute(prefix, hops), preference: RoutePreference.learned },
    neighbours: found.flatMap(({ neighbour }) => (neighbour ? [neighbour] : [])),
  };
}

function rejection(prefix: Prefix, pool: Pool | undefined, view: View): string | undefined {
  const range = view.bgp.cluster?.serviceRanges.find((each) => covers(each, prefix));
  if (range) return `it is of the services ${formatPrefix(range)}, which this node serves itself`;
  if (view.blocks.get(formatPrefix(prefix))?.owner === view.local.node) return "it is a block of this node";
  if (!pool && !view.bgp.advertisements.some(({ cidr }) => covers(cidr, prefix))) {
    return "it is in no pool and in no range that this cluster advertises";
  }
  if (pool && pool.vxlanMode !== "Never") {
    return `pool ${pool.origin.name} uses VXLAN: its routes come from the store`;
  }
  return undefined;
}

type Way = { readonly hops: readonly NextHop[]; readonly neighbour?: NeighbourItem } | { readonly rejected: string };

function wayTo(nextHop: IpAddress, pool: Pool | undefined, { view, resolve }: LearnedInput): Way {
  const text = formatAddress(nextHop);
  const own = view.ownNode;
  if (nextHop === own?.ipv4?.address || nextHop === own?.ipv6?.address || nextHop === view.local.address?.address) {
    return { rejected: `next hop ${text} is this node` };
  }
  const device = speakingPodDevice(nextHop, view);
  if (device !== undefined) return { hops: [{ device, gateway: nextHop }] };
  if (pool && pool.ipipMode !== "Never") {
    if (!own?.ipv4) return { rejected: `the subnet of node ${view.local.node} is not known yet` };
    if (pool.ipipMode === "Always" || !contains(own.ipv4, nextHop)) return tunnelTo(nextHop, view);
  }
  if (view.poolOf({ address: nextHop, length: typeof nextHop === "number" ? 32 : 128 })) {
    return { rejected: `next hop ${text} is an address of a pool` };
  }
  const resolution = resolve(nextHop);
  return "hops" in resolution ? resolution : { rejected: `next hop ${text}: ${resolution.unreachable}` };
}

function tunnelTo(nextHop: IpAddress, view: View): Way {
  if (!usesIpip(view)) return { rejected: `${IPIP_DEVICE} is switched off by ipipEnabled` };
  const hops = [{ device: IPIP_DEVICE, gateway: nextHop, onlink: true }];
  return { hops, neighbour: ipipNeighbour(nextHop) };
}

/** Each hop once, in an order that does not depend on that of the sessions. */
function distinct(hops: readonly NextHop[]): readonly NextHop[] {
  const byText = new Map(hops.map((hop) => [textOf(hop), hop]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, hop]) => hop);
}

const textOf = ({ gateway, device, onlink }: NextHop): string =>
  `${gateway === undefined ? "" : formatAddress(gateway)} ${device ?? ""} ${onlink ?? false}`;
