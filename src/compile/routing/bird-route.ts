/** A route with BIRD's mark in the main table: what came by BGP, or serves it. */
import { formatPrefix, type Prefix } from "../../ip/prefix.ts";
import type { NextHop, RouteItem } from "../node-state.ts";
import { unnamedMetric } from "./metric.ts";

const TABLE_MAIN = 254;
const SCOPE_UNIVERSE = 0;
export const PROTOCOL_BIRD = 12;

export const birdRoute = (destination: Prefix, nextHops: readonly NextHop[]): RouteItem => ({
  table: TABLE_MAIN,
  destination: formatPrefix(destination),
  type: "unicast",
  protocol: PROTOCOL_BIRD,
  scope: SCOPE_UNIVERSE,
  metric: unnamedMetric(destination),
  nextHops,
});
