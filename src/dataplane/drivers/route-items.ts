/** Routes as the node state has them, made from what the kernel shows, and compared with it. */
import type { NextHop, RouteItem } from "../../compile/node-state.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import { NextHopFlag } from "../../netlink/rtnetlink/codes.ts";
import type { IfIndex } from "../../netlink/rtnetlink/link.ts";
import type { Hop, Route } from "../../netlink/rtnetlink/route.ts";

/** The item; undefined for routes that no item can describe (TOS, source-specific, cached, types without a name). */
export function itemOfRoute(route: Route, deviceOf: (index: IfIndex) => string): RouteItem | undefined {
  if (route.type === "other" || route.tos !== undefined || route.from !== undefined) return undefined;
  if (((route.flags ?? 0) & CLONED) !== 0) return undefined;
  const { table, type, protocol, scope, metric, source, mtu } = route;
  return {
    table,
    destination: formatPrefix(route.destination),
    type,
    protocol,
    scope,
    metric,
    // The kernel shows IPv6 blackholes on the loopback device.
    nextHops: type === "unicast" ? route.hops.map((hop) => nextHopOf(hop, deviceOf)) : [],
    ...(source === undefined ? {} : { source }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

/** RTM_F_CLONED: an exception that the kernel has learned. */
const CLONED = 0x200;

function nextHopOf({ device, gateway, flags = 0, weight }: Hop, deviceOf: (index: IfIndex) => string): NextHop {
  return {
    ...(device === undefined ? {} : { device: deviceOf(device) }),
    ...(gateway === undefined ? {} : { gateway }),
    ...((flags & NextHopFlag.onlink) === 0 ? {} : { onlink: true }),
    ...(weight === undefined ? {} : { weight }),
  };
}

/** Whether the kernel's route is what is desired. Source and MTU count where desired; IPv6 has no scopes. */
export function isSameRoute(desired: RouteItem, actual: RouteItem): boolean {
  return (
    desired.type === actual.type &&
    desired.protocol === actual.protocol &&
    (desired.scope === actual.scope || desired.destination.includes(":")) &&
    (desired.source === undefined || desired.source === actual.source) &&
    (desired.mtu === undefined || desired.mtu === actual.mtu) &&
    desired.nextHops.length === actual.nextHops.length &&
    desired.nextHops.every((hop, index) => isSameHop(hop, actual.nextHops[index]))
  );
}

function isSameHop(desired: NextHop, actual: NextHop | undefined): boolean {
  return (
    actual !== undefined &&
    (desired.device === undefined || desired.device === actual.device) &&
    desired.gateway === actual.gateway &&
    (desired.onlink ?? false) === (actual.onlink ?? false) &&
    (desired.weight ?? 1) === (actual.weight ?? 1)
  );
}
