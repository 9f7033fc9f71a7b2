/**
 * The route that makes proxy ARP answer for the pods' gateway, 169.254.1.1, which belongs to nobody. The kernel answers
 * only when it has a route for the address by another device than the pod's, with or without a proxy neighbour entry. A
 * default route is one; a host without would leave its pods without a gateway. So the address has a route of its own,
 * through `lo`, in table `local`, where it shows in no listing of the main table and belongs to no interface.
 */
import { ipv4Of } from "../../ip/address.ts";
import { formatPrefix, hostPrefix } from "../../ip/prefix.ts";
import { RouteProtocol, RouteTable, Scope } from "../../netlink/rtnetlink/codes.ts";
import { type RoutePiece, RoutePreference } from "../fragment.ts";
import type { RouteItem } from "../node-state.ts";

/** What pods have as their IPv4 gateway. */
export const PODS_GATEWAY = ipv4Of(0xa9fe0101);

const DESTINATION = formatPrefix(hostPrefix(PODS_GATEWAY));

export const podsGateway: RoutePiece = {
  route: {
    table: RouteTable.local,
    destination: DESTINATION,
    type: "unicast",
    protocol: RouteProtocol.felix,
    scope: Scope.link,
    metric: 0,
    nextHops: [{ device: "lo" }],
  },
  preference: RoutePreference.localWorkload,
};

/** Whether a route that was found is this one, as it shall be or changed: the mark is table, destination and protocol. */
export const isPodsGateway = ({ table, destination, protocol }: RouteItem): boolean =>
  table === RouteTable.local && destination === DESTINATION && protocol === RouteProtocol.felix;
