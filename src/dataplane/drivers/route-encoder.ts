/** Operations on routes as octets, one message each. Keeps its working memory from one to the next: they come by the hundred thousand. */
import type { NextHop, RouteItem } from "../../compile/node-state.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import type { LinkTable } from "../../kernel/link-table.ts";
import { encodeRequest } from "../../kernel/rtnetlink-requests.ts";
import { NextHopFlag, routeTypes, Scope } from "../../netlink/rtnetlink/codes.ts";
import { type Hop, type Route, removalOf } from "../../netlink/rtnetlink/route.ts";
import { dropRoute, type Ipv4RouteFields, setRoute, writeIpv4Route } from "../../netlink/rtnetlink/route-writer.ts";
import type { Op } from "../../reconcile/plan.ts";
import type { Writer } from "../../wire/writer.ts";
import { itemOf } from "./deps.ts";

export class RouteEncoder {
  readonly #links: LinkTable;
  readonly #fields: Ipv4RouteFields = {
    destination: 0,
    length: 0,
    table: 0,
    type: 0,
    protocol: 0,
    scope: 0,
    metric: 0,
    source: 0,
    mtu: 0,
    nexthopId: 0,
    device: 0,
    gateway: 0,
    isOnlink: false,
  };

  constructor(links: LinkTable) {
    this.#links = links;
  }

  /** Writes the message of an operation whose route has at most one next hop; `nexthopId` 0 for a plain one. */
  encode(writer: Writer, op: Op<RouteItem>, nexthopId: number): void {
    const item = itemOf(op);
    if (this.#fill(item, nexthopId)) {
      const fields = this.#fields;
      if (op.op === "remove") {
        fields.scope = Scope.nowhere;
        fields.source = 0;
        fields.mtu = 0;
        fields.device = 0;
        fields.gateway = 0;
        fields.isOnlink = false;
      }
      writeIpv4Route(writer, op.op === "remove" ? dropRoute : setRoute, fields);
      return;
    }
    const route = this.route(item);
    if (op.op === "remove") encodeRequest(writer, { type: "deleteRoute", route: removalOf(route) });
    else {
      const withObject = nexthopId === 0 ? route : { ...route, nexthopId };
      encodeRequest(writer, { type: "replaceRoute", route: withObject });
    }
  }

  /** Whether the route is of the kind that goes out in bulk. */
  #fill(item: RouteItem, nexthopId: number): boolean {
    const { destination, table, type, protocol, scope, metric, source, mtu, nextHops } = item;
    const fields = this.#fields;
    const hop = nextHops[0];
    if (typeof hop?.gateway === "bigint" || typeof source === "bigint") return false;
    if (!scanIpv4Prefix(destination, fields)) return false;
    fields.table = table;
    fields.type = type === "other" ? 0 : routeTypes[type];
    fields.protocol = protocol;
    fields.scope = scope;
    fields.metric = metric;
    fields.source = source ?? 0;
    fields.mtu = mtu ?? 0;
    fields.nexthopId = nexthopId;
    const isPlain = nexthopId === 0 && hop !== undefined;
    fields.device = isPlain && hop.device !== undefined ? (this.#links.byName(hop.device)?.index ?? 0) : 0;
    fields.gateway = isPlain ? (hop.gateway ?? 0) : 0;
    fields.isOnlink = isPlain && hop.onlink === true;
    return true;
  }

  /** The route as a request has it. */
  route(item: RouteItem): Route {
    const { table, type, protocol, scope, metric, source, mtu } = item;
    return {
      destination: parsePrefix(item.destination),
      table,
      type,
      protocol,
      scope: item.destination.includes(":") ? 0 : scope,
      metric,
      hops: item.nextHops.map((hop) => this.#hop(hop)),
      ...(source === undefined ? {} : { source }),
      ...(mtu === undefined ? {} : { mtu }),
    };
  }

  #hop({ device, gateway, onlink, weight }: NextHop): Hop {
    const index = device === undefined ? undefined : this.#links.byName(device)?.index;
    return {
      ...(index === undefined ? {} : { device: index }),
      ...(gateway === undefined ? {} : { gateway }),
      ...(onlink === true ? { flags: NextHopFlag.onlink } : {}),
      ...(weight === undefined ? {} : { weight }),
    };
  }
}

/** Reads canonical `a.b.c.d/n` into the fields; false for anything else, IPv6 above all. */
function scanIpv4Prefix(text: string, fields: Ipv4RouteFields): boolean {
  let address = 0;
  let number = 0;
  let dots = 0;
  let slash = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) number = number * 10 + code - 48;
    else if (code === 46 && !slash) {
      address = address * 256 + number;
      number = 0;
      dots++;
    } else if (code === 47 && dots === 3) {
      address = address * 256 + number;
      number = 0;
      slash = true;
    } else return false;
  }
  fields.destination = address;
  fields.length = number;
  return slash;
}
