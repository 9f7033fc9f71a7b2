/** Requests of which every one must succeed: a lab is built whole or not at all. */
import { Rtnetlink } from "../../kernel/rtnetlink.ts";
import type { Request } from "../../kernel/rtnetlink-requests.ts";
import { RouteProtocol, RouteTable, Scope } from "../../netlink/rtnetlink/codes.ts";
import type { Route } from "../../netlink/rtnetlink/route.ts";
import type { Clock } from "../../port/clock.ts";
import type { NetNamespace } from "../../port/namespaces.ts";

/** Throws the KernelError of the first request that failed. */
export function applyAll(net: NetNamespace, clock: Clock, requests: readonly Request[]): void {
  withRtnetlink(net, clock, (rtnetlink) => {
    for (const failure of rtnetlink.execute(requests)) {
      if (failure) throw failure;
    }
  });
}

/** A channel for as long as synchronous `work` lasts. */
export function withRtnetlink<T>(net: NetNamespace, clock: Clock, work: (rtnetlink: Rtnetlink) => T): T {
  const rtnetlink = new Rtnetlink(net, clock);
  try {
    return work(rtnetlink);
  } finally {
    rtnetlink.close();
  }
}

/** A channel for as long as `work` lasts. */
export async function withRtnetlinkWhile<T>(
  net: NetNamespace,
  clock: Clock,
  work: (rtnetlink: Rtnetlink) => Promise<T>,
): Promise<T> {
  const rtnetlink = new Rtnetlink(net, clock);
  try {
    return await work(rtnetlink);
  } finally {
    rtnetlink.close();
  }
}

/** The index of a device that must be there. */
export function indexOf(net: NetNamespace, clock: Clock, name: string): number {
  const link = withRtnetlink(net, clock, (rtnetlink) => rtnetlink.link(name));
  if (!link) throw new Error(`no device '${name}'`);
  return link.index;
}

type RouteText = Pick<Route, "destination"> & Partial<Route>;

/** A route of the main table as an administrator writes it, unless it says otherwise. */
export const routeRequest = (route: RouteText): Request => ({
  type: "replaceRoute",
  route: {
    table: RouteTable.main,
    type: "unicast",
    protocol: RouteProtocol.boot,
    scope: Scope.universe,
    metric: 0,
    hops: [],
    ...route,
  },
});
