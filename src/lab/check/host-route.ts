/** What the routing table of a host or a router says of an address, in words: the longest prefix of the main and local tables. */

import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { contains, formatPrefix } from "../../ip/prefix.ts";
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { links as listLinks, routes as listRoutes } from "../../kernel/rtnetlink-dumps.ts";
import { RouteTable } from "../../netlink/rtnetlink/codes.ts";
import type { Route } from "../../netlink/rtnetlink/route.ts";

export interface RouteView {
  readonly routes: readonly Route[];
  /** Device names by index. */
  readonly devices: ReadonlyMap<number, string>;
}

export async function readRoutes(rtnetlink: Rtnetlink): Promise<RouteView> {
  const routes = await rtnetlink.dump(listRoutes({ family: 4 }));
  const links = await rtnetlink.dump(listLinks());
  return {
    routes: routes.filter(({ table }) => table === RouteTable.main || table === RouteTable.local),
    devices: new Map(links.map(({ index, name }) => [index, name])),
  };
}

export interface RouteAnswer {
  /** Whether it sends packets on: there is a route, and it is no blackhole or the like. */
  readonly leadsOn: boolean;
  /** A sentence without a full stop: "its best route is 192.168.97.192/26 via 192.168.97.192 dev vxlan.calico". */
  readonly text: string;
}

export function describeRoute({ routes, devices }: RouteView, address: IpAddress): RouteAnswer {
  const [best] = routes
    .filter((route) => contains(route.destination, address))
    .sort((a, b) => b.destination.length - a.destination.length || a.metric - b.metric);
  const what = formatAddress(address);
  if (!best) return { leadsOn: false, text: `it has no route to ${what}` };
  const [hop] = best.hops;
  const words = [
    ...(best.type === "unicast" ? [] : [best.type]),
    formatPrefix(best.destination),
    ...(hop?.gateway === undefined ? [] : ["via", formatAddress(hop.gateway)]),
    ...(hop?.device === undefined ? [] : ["dev", devices.get(hop.device) ?? `#${hop.device}`]),
  ];
  const isCarried = best.type === "unicast" || best.type === "local";
  return { leadsOn: isCarried, text: `its best route to ${what} is ${words.join(" ")}` };
}
