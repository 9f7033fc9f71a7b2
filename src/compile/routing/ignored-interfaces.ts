/**
 * Subnets that are connected to interfaces which `ignoredInterfaces` names, as a bridge of Docker's with a subnet that is elsewhere
 * in earnest: next hops in them are looked for by what other routes say.
 */
import { matchesPattern } from "../../bgp/filter/conditions.ts";
import { RouteProtocol } from "../../netlink/rtnetlink/codes.ts";
import type { RouteItem } from "../node-state.ts";
import type { View } from "../view.ts";

export function isIgnored({ protocol, nextHops }: RouteItem, { bgp }: View): boolean {
  // What comes with an address.
  if (protocol !== RouteProtocol.kernel) return false;
  const patterns = bgp.ignoredDevices;
  return nextHops.some(
    ({ device, gateway }) =>
      gateway === undefined && device !== undefined && patterns.some((pattern) => matchesPattern(device, pattern)),
  );
}
