/** Names of the devices that the kernel's object of an item hangs on: what it loses with one of them. */
import type { RouteItem, SysctlItem } from "./node-state.ts";

const none: readonly string[] = [];

/** Those that a route leaves by. */
export function devicesOfRoute({ nextHops }: RouteItem): readonly string[] {
  const [first] = nextHops;
  if (!first) return none;
  if (nextHops.length === 1) return first.device === undefined ? none : [first.device];
  return [...new Set(nextHops.flatMap(({ device }) => (device === undefined ? [] : [device])))];
}

/** The one that a setting belongs to, if any. */
export function devicesOfSysctl({ path }: Pick<SysctlItem, "path">): readonly string[] {
  const device = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(path)?.[1];
  return device === undefined || device === "all" || device === "default" ? none : [device];
}
