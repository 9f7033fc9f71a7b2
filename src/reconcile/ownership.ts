/**
 * By what a process without memory knows a route as ours (the ownership table of the design): its device, or its
 * protocol inside a pool of now or of the last apply. Everything else is somebody's and is never touched.
 */
import { calicoTableKeys } from "../compile/calico-table.ts";
import type { RouteItem } from "../compile/node-state.ts";
import { PROTOCOL_BIRD } from "../compile/routing/bird-route.ts";
import { isPodsGateway } from "../compile/routing/pods-gateway.ts";
import { covers, type Prefix, tryParsePrefix } from "../ip/prefix.ts";
import type { TableKey } from "../netlink/nftables/tree.ts";

/** nf_tables tables that are ours, by their name. */
export const ownTables: readonly TableKey[] = Object.values(calicoTableKeys);

/** What the kernel itself adds (linux/rtnetlink.h RTPROT_KERNEL, RTPROT_RA, RTPROT_REDIRECT). */
const KERNELS_OWN = new Set([1, 2, 9]);
const PROTOCOL_FELIX = 80;
/** Routes to blocks: those that the store tells of, and those that BGP brings. A host's own BIRD has others. */
const CLUSTER_PROTOCOLS = new Set([PROTOCOL_FELIX, PROTOCOL_BIRD]);
const TABLE_MAIN = 254;
/** What Felix and its plugin mark routes to pods with: boot, and its own. */
const DEVICE_ROUTE_PROTOCOLS = new Set([3, PROTOCOL_FELIX]);

/** What IPv6 has on every device that is up: link-local and multicast. */
const isOfEveryLink = ({ destination }: RouteItem): boolean =>
  destination === "fe80::/64" || destination === "ff00::/8";

export interface RouteOwnership {
  /** Devices of pods begin so. */
  readonly workloadPrefixes: readonly string[];
  /** Tunnel devices whose every route is ours. */
  readonly tunnels: readonly string[];
  /** Whether routes of others on devices of pods are ours to remove (Felix's `RemoveExternalRoutes`). */
  removesExternal(): boolean;
  /** Pools and advertised ranges of now and of the last apply. */
  prefixes(): readonly Prefix[];
}

export function ownsRoute(ownership: RouteOwnership, route: RouteItem): boolean {
  if (isPodsGateway(route)) return true;
  if (route.table !== TABLE_MAIN || isOfEveryLink(route)) return false;
  const devices = route.nextHops.flatMap(({ device }) => (device === undefined ? [] : [device]));
  if (devices.some((device) => ownership.tunnels.includes(device))) return true;
  if (KERNELS_OWN.has(route.protocol)) return false;
  if (devices.some((device) => ownership.workloadPrefixes.some((prefix) => device.startsWith(prefix)))) {
    return ownership.removesExternal() || DEVICE_ROUTE_PROTOCOLS.has(route.protocol);
  }
  if (!CLUSTER_PROTOCOLS.has(route.protocol)) return false;
  const destination = tryParsePrefix(route.destination);
  return destination !== undefined && ownership.prefixes().some((prefix) => covers(prefix, destination));
}
