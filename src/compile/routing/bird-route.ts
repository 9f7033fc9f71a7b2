/** A route with BIRD's mark in the main table: what came by BGP, or serves it. */
import { formatPrefix, type Prefix } from "../../ip/prefix.ts";
import type { NextHop, RouteItem } from "../node-state.ts";

const TABLE_MAIN = 254;
const SCOPE_UNIVERSE = 0;
export const PROTOCOL_BIRD = 12;
/** IPv6 knows no metric 0: the kernel makes it this (linux/ipv6_route.h IP6_RT_PRIO_USER). */
const METRIC_6 = 1024;

export const birdRoute = (destination: Prefix, nextHops: readonly NextHop[]): RouteItem => ({
  table: TABLE_MAIN,
  destination: formatPrefix(destination),
  type: "unicast",
  protocol: PROTOCOL_BIRD,
  scope: SCOPE_UNIVERSE,
  metric: typeof destination.address === "number" ? 0 : METRIC_6,
  nextHops,
});
