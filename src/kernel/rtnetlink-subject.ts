/** Requests in words, for errors: `route 10.0.0.0/26 via 10.1.0.2 device 3`. */
import { formatAddress } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import type { Route } from "../netlink/rtnetlink/route.ts";
import type { About } from "./lane.ts";
import type { Request } from "./rtnetlink-requests.ts";

const verbs: Record<Request["type"], string> = {
  createVeth: "create",
  createVxlan: "create",
  createBridge: "create",
  createIpip: "create",
  setLink: "set",
  deleteLink: "delete",
  addAddress: "add",
  replaceAddress: "replace",
  deleteAddress: "delete",
  addRoute: "add",
  replaceRoute: "replace",
  appendRoute: "append",
  deleteRoute: "delete",
  addRule: "add",
  deleteRule: "delete",
  addNeighbour: "add",
  replaceNeighbour: "replace",
  deleteNeighbour: "delete",
  addForwarding: "add",
  replaceForwarding: "replace",
  appendForwarding: "append",
  deleteForwarding: "delete",
  addClsact: "add",
  deleteClsact: "delete",
  replaceFilter: "replace",
  deleteFilter: "delete",
  addNexthop: "add",
  replaceNexthop: "replace",
  deleteNexthop: "delete",
};

/** What a request does and to what; devices by index. */
export function aboutRequest(request: Request): About {
  return { call: verbs[request.type], subject: objectOf(request) };
}

const device = (index: number): string => `device ${index}`;

function objectOf(request: Request): string {
  switch (request.type) {
    case "createVeth":
      return `veth ${request.link.name} with peer ${request.peer.name}`;
    case "createVxlan":
      return `vxlan ${request.link.name} with VNI ${request.link.vni}`;
    case "createBridge":
      return `bridge ${request.link.name}`;
    case "createIpip":
      return `ipip ${request.link.name}`;
    case "setLink":
    case "deleteLink":
      return `link ${typeof request.link === "string" ? request.link : device(request.link)}`;
  }
  if ("address" in request)
    return `address ${formatPrefix(request.address.address)} on ${device(request.address.index)}`;
  if ("route" in request) return routeSubject(request.route);
  if ("rule" in request) return `rule ${request.rule.priority} of IPv${request.rule.family}`;
  if ("neighbour" in request) {
    return `neighbour ${formatAddress(request.neighbour.address)} on ${device(request.neighbour.index)}`;
  }
  if ("entry" in request) return `forwarding entry ${request.entry.mac} on ${device(request.entry.index)}`;
  if ("index" in request) return `clsact of ${device(request.index)}`;
  if ("filter" in request) return `filter ${request.filter.name} on ${device(request.filter.index)}`;
  return `nexthop object ${request.nexthop.id}`;
}

function routeSubject(route: Route): string {
  const hops = route.hops.map(
    (hop) =>
      (hop.gateway === undefined ? "" : ` via ${formatAddress(hop.gateway)}`) +
      (hop.device === undefined ? "" : ` on ${device(hop.device)}`),
  );
  const type = route.type === "unicast" ? "route" : `${route.type} route`;
  const table = route.table === 254 ? "" : ` table ${route.table}`;
  const by = route.nexthopId === undefined ? hops.join(",") : ` by nexthop object ${route.nexthopId}`;
  return `${type} ${formatPrefix(route.destination)}${by}${table}`;
}
