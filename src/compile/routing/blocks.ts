/**
 * Routes for blocks: the own ones as blackholes, so that an unused address is dropped here and not sent around; those
 * of other nodes to their owners, borrowed addresses to their borrowers (calico-dataplane 2.7).
 */
import type { IpAddress } from "../../ip/address.ts";
import { contains, formatPrefix, hostPrefix, isHostPrefix, type Prefix } from "../../ip/prefix.ts";
import { originatedOfBlock } from "../bgp/originated.ts";
import { type Fragment, nothing, type RoutePiece, RoutePreference } from "../fragment.ts";
import type { RouteItem } from "../node-state.ts";
import { VXLAN_DEVICE } from "../tunnels/vxlan.ts";
import type { Block, Borrowed, Node, Pool, View } from "../view.ts";
import { PROTOCOL_BIRD } from "./bird-route.ts";
import { unnamedMetric } from "./metric.ts";

const TABLE_MAIN = 254;
const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;
const PROTOCOL_BOOT = 3;
/** What Felix marks its cluster routes with. */
const PROTOCOL_FELIX = 80;

export function blockRoutes(block: Block, view: View): Fragment {
  const pool = view.poolOf(block.cidr);
  if (!pool) return nothing;
  const routes: RoutePiece[] = [];
  const reports: string[] = [];
  const add = (result: RoutePiece | string | undefined) => {
    if (typeof result === "string") reports.push(result);
    else if (result) routes.push(result);
  };
  if (block.owner === view.local.node) add(blackhole(block, view));
  else if (block.owner !== undefined) add(routeTo(block.cidr, block.owner, pool, view));
  for (const borrowed of block.borrowed) add(borrowedRoute(borrowed, pool, view));
  const originated = originatedOfBlock(block, view);
  return {
    routes,
    ...(originated.length === 0 ? {} : { bgp: { originated } }),
    ...(reports.length === 0 ? {} : { reports }),
  };
}

function blackhole(block: Block, view: View): RoutePiece | undefined {
  if (isHostPrefix(block.cidr)) return undefined;
  const protocol = view.local.backend === "bird" ? PROTOCOL_BIRD : PROTOCOL_FELIX;
  const route = { ...plain(block.cidr), type: "blackhole", protocol, nextHops: [] } as const;
  return { route, preference: RoutePreference.blackhole };
}

function borrowedRoute({ address, node, use }: Borrowed, pool: Pool, view: View): RoutePiece | string | undefined {
  if (node === view.local.node) return undefined;
  if (use === "vxlanTunnelAddress" && view.nodes.get(node)?.ipv4VxlanTunnel === address) return tunnelItself(address);
  return routeTo(hostPrefix(address), node, pool, view);
}

/** A tunnel address that no block route covers is reached on the device itself. */
function tunnelItself(address: IpAddress): RoutePiece {
  return {
    route: {
      ...plain(hostPrefix(address)),
      scope: SCOPE_LINK,
      protocol: PROTOCOL_BOOT,
      nextHops: [{ device: VXLAN_DEVICE }],
    },
    preference: RoutePreference.vxlanTunnel,
  };
}

/** The route to a node by the mode of the pool; a text where the mode says how but something that it needs is missing. */
function routeTo(destination: Prefix, nodeName: string, pool: Pool, view: View): RoutePiece | string | undefined {
  const node = view.nodes.get(nodeName);
  const what = `block ${formatPrefix(destination)} of node ${nodeName}`;
  // What no tunnel of the store's carries comes by BGP.
  if (pool.vxlanMode === "Never" && view.local.backend === "bird") return undefined;
  if (pool.vxlanMode !== "Never" && typeof destination.address === "bigint") {
    return `${what} has no route: pool ${pool.origin.name} has vxlanMode ${pool.vxlanMode}, and VXLAN carries IPv4 alone here; with vxlanMode Never and backend bird BGP carries it`;
  }
  if (!node) return `${what} has no route: there is no such Node`;
  if (!node.ipv4) return `${what} has no route: the Node has no IPv4 address`;
  if (pool.vxlanMode === "Never") {
    return view.local.backend === "vxlan"
      ? `${what} has no route: pool ${pool.origin.name} has vxlanMode Never, and backend vxlan carries nothing else`
      : undefined;
  }
  if (pool.vxlanMode === "CrossSubnet" && inOwnSubnet(node, view)) return sameSubnet(destination, node, view);
  if (view.local.vxlan.enabled === false)
    return `${what} has no route: pool ${pool.origin.name} has vxlanMode ${pool.vxlanMode}, and vxlanEnabled is false`;
  if (node.ipv4VxlanTunnel === undefined) return `${what} has no route: the Node has no VXLAN tunnel address`;
  if (destination.address === node.ipv4VxlanTunnel && isHostPrefix(destination))
    return tunnelItself(destination.address);
  return {
    route: {
      ...plain(destination),
      protocol: PROTOCOL_BOOT,
      nextHops: [{ device: VXLAN_DEVICE, gateway: node.ipv4VxlanTunnel, onlink: true }],
    },
    preference: RoutePreference.vxlanTunnel,
  };
}

/** Calico's CrossSubnet test: the other node's address lies in the subnet of this node's (calico-dataplane 2.3). */
function inOwnSubnet(node: Node, view: View): boolean {
  const own = view.ownNode?.ipv4;
  return own !== undefined && node.ipv4 !== undefined && contains(own, node.ipv4.address);
}

function sameSubnet(destination: Prefix, node: Node, view: View): RoutePiece | string {
  const { address } = view.local;
  if (!node.ipv4 || !address) return `the route to ${formatPrefix(destination)} waits for this node's address`;
  return {
    route: {
      ...plain(destination),
      protocol: PROTOCOL_FELIX,
      nextHops: [{ device: address.device, gateway: node.ipv4.address }],
    },
    preference: RoutePreference.vxlanSameSubnet,
  };
}

const plain = (destination: Prefix): RouteItem => ({
  table: TABLE_MAIN,
  destination: formatPrefix(destination),
  type: "unicast",
  protocol: PROTOCOL_BOOT,
  scope: SCOPE_UNIVERSE,
  metric: unnamedMetric(destination),
  nextHops: [],
});
