/**
 * Subnets that are connected to interfaces which `ignoredInterfaces` names, as a bridge of Docker's with a subnet that is elsewhere
 * in earnest: next hops in them are looked for by what other routes say.
 */
import { matchesPattern } from "../../bgp/filter/conditions.ts";
import type { RouteItem } from "../node-state.ts";
import type { View } from "../view.ts";

/** linux/rtnetlink.h RTPROT_KERNEL: what comes with an address. */
const PROTOCOL_KERNEL = 2;

export function isIgnored({ protocol, nextHops }: RouteItem, { bgp }: View): boolean {
  if (protocol !== PROTOCOL_KERNEL) return false;
  const patterns = bgp.ignoredDevices;
  return nextHops.some(
    ({ device, gateway }) =>
      gateway === undefined && device !== undefined && patterns.some((pattern) => matchesPattern(device, pattern)),
  );
}
