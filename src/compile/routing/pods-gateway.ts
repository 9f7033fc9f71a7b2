/**
 * The route that makes proxy ARP answer for the pods' gateway, 169.254.1.1, which belongs to nobody. The kernel answers
 * only when it has a route for the address by another device than the pod's, with or without a proxy neighbour entry. A
 * default route is one; a host without would leave its pods without a gateway. So the address has a route of its own,
 * through `lo`, in table `local`, where it shows in no listing of the main table and belongs to no interface.
 */
import { type RoutePiece, RoutePreference } from "../fragment.ts";
import type { RouteItem } from "../node-state.ts";

const TABLE_LOCAL = 255;
const SCOPE_LINK = 253;
const PROTOCOL_FELIX = 80;
const DESTINATION = "169.254.1.1/32";

export const podsGateway: RoutePiece = {
  route: {
    table: TABLE_LOCAL,
    destination: DESTINATION,
    type: "unicast",
    protocol: PROTOCOL_FELIX,
    scope: SCOPE_LINK,
    metric: 0,
    nextHops: [{ device: "lo" }],
  },
  preference: RoutePreference.localWorkload,
};

/** Whether a route that was found is this one, as it shall be or changed: the mark is table, destination and protocol. */
export const isPodsGateway = ({ table, destination, protocol }: RouteItem): boolean =>
  table === TABLE_LOCAL && destination === DESTINATION && protocol === PROTOCOL_FELIX;
