/** Notifications, and the answers to dumps, which are the same messages: one union of all kinds. */
import { Flag, type Message } from "../message.ts";
import { type Address, addressBody, addressOf } from "./address.ts";
import { AddressFamily, RtmType } from "./codes.ts";
import { type Link, linkBody, linkOf } from "./link.ts";
import { type ForwardingEntry, forwardingEntryOf, type Neighbour, neighbourBody, neighbourOf } from "./neighbour.ts";
import { type Netconf, netconfBody, netconfOf } from "./netconf.ts";
import { type NexthopObject, nexthopBody, nexthopOf } from "./nexthop.ts";
import { type Route, routeBody, routeOf } from "./route.ts";
import { type Rule, ruleBody, ruleOf } from "./rule.ts";
import { type BpfFilter, filterOf, type Qdisc, qdiscOf, trafficBody } from "./traffic-control.ts";

/** Where a route stands among those of its destination, table and metric: in the place of one, behind others, or first. */
export type RoutePlace = "replaced" | "appended" | "first";

const placeOf = ({ flags }: Message): RoutePlace =>
  (flags & Flag.replace) !== 0 ? "replaced" : (flags & Flag.append) !== 0 ? "appended" : "first";

/** An object that is there, or with `isGone` one that was. `port` is the socket that asked for the change, 0 for the kernel itself. */
export type RtnetlinkEvent = { readonly isGone: boolean; readonly port: number } & (
  | { readonly type: "link"; readonly link: Link }
  | { readonly type: "address"; readonly address: Address }
  | { readonly type: "route"; readonly route: Route; readonly place: RoutePlace }
  | { readonly type: "neighbour"; readonly neighbour: Neighbour }
  | { readonly type: "forwarding"; readonly entry: ForwardingEntry }
  | { readonly type: "rule"; readonly rule: Rule }
  | { readonly type: "nexthop"; readonly nexthop: NexthopObject }
  | { readonly type: "netconf"; readonly netconf: Netconf }
  | { readonly type: "qdisc"; readonly qdisc: Qdisc }
  | { readonly type: "filter"; readonly filter: BpfFilter }
);

/** Undefined for messages that say nothing to us: other types, other families. Throws NetlinkFormatError. */
export function decodeEvent(message: Message): RtnetlinkEvent | undefined {
  const { port } = message;
  switch (message.type) {
    case RtmType.newLink:
    case RtmType.deleteLink: {
      const body = linkBody.decode(message.payload);
      // A bridge reports its ports in the same group: a port that leaves is no link that is gone.
      if (body.header.family !== AddressFamily.unspecified) return undefined;
      return { type: "link", isGone: message.type === RtmType.deleteLink, port, link: linkOf(body) };
    }
    case RtmType.newAddress:
    case RtmType.deleteAddress: {
      const address = addressOf(addressBody.decode(message.payload));
      return { type: "address", isGone: message.type === RtmType.deleteAddress, port, address };
    }
    case RtmType.newRoute:
    case RtmType.deleteRoute: {
      const route = routeOf(routeBody.decode(message.payload));
      if (!route) return undefined;
      return { type: "route", isGone: message.type === RtmType.deleteRoute, port, route, place: placeOf(message) };
    }
    case RtmType.newNeighbour:
    case RtmType.deleteNeighbour: {
      const body = neighbourBody.decode(message.payload);
      const isGone = message.type === RtmType.deleteNeighbour;
      const neighbour = neighbourOf(body);
      if (neighbour) return { type: "neighbour", isGone, port, neighbour };
      const entry = forwardingEntryOf(body);
      return entry && { type: "forwarding", isGone, port, entry };
    }
    case RtmType.newRule:
    case RtmType.deleteRule: {
      const rule = ruleOf(ruleBody.decode(message.payload));
      return rule && { type: "rule", isGone: message.type === RtmType.deleteRule, port, rule };
    }
    case RtmType.newNexthop:
    case RtmType.deleteNexthop: {
      const nexthop = nexthopOf(nexthopBody.decode(message.payload));
      return { type: "nexthop", isGone: message.type === RtmType.deleteNexthop, port, nexthop };
    }
    case RtmType.newNetconf:
    case RtmType.deleteNetconf: {
      const netconf = netconfOf(netconfBody.decode(message.payload));
      return netconf && { type: "netconf", isGone: message.type === RtmType.deleteNetconf, port, netconf };
    }
    case RtmType.newQdisc:
    case RtmType.deleteQdisc: {
      const qdisc = qdiscOf(trafficBody.decode(message.payload));
      return { type: "qdisc", isGone: message.type === RtmType.deleteQdisc, port, qdisc };
    }
    case RtmType.newFilter:
    case RtmType.deleteFilter: {
      const filter = filterOf(trafficBody.decode(message.payload));
      return filter && { type: "filter", isGone: message.type === RtmType.deleteFilter, port, filter };
    }
    default:
      return undefined;
  }
}
