/** Learned routes as octets, one message each. Keeps its working memory from one to the next: they come by the hundred thousand. */
import { addressOfCode, lengthOfCode, prefixOfCode } from "../../ip/prefix-code.ts";
import { encodeRequest, type Request } from "../../kernel/rtnetlink-requests.ts";
import { RouteProtocol, RouteTable, routeTypes, Scope } from "../../netlink/rtnetlink/codes.ts";
import { type Route, removalOf } from "../../netlink/rtnetlink/route.ts";
import { dropRoute, type Ipv4RouteFields, setRoute, writeIpv4Route } from "../../netlink/rtnetlink/route-writer.ts";
import type { Writer } from "../../wire/writer.ts";
import type { Entry } from "./way.ts";

/** As BIRD's: behind what people write by hand, before what the kernel makes of router advertisements. */
const METRIC = 32;

export class RouteOctets {
  readonly #fields: Ipv4RouteFields = {
    destination: 0,
    length: 0,
    table: RouteTable.main,
    type: routeTypes.unicast,
    protocol: RouteProtocol.bgp,
    scope: Scope.universe,
    metric: METRIC,
    source: 0,
    mtu: 0,
    nexthopId: 0,
    device: 0,
    gateway: 0,
    isOnlink: false,
  };

  /** Writes the message that sets the route, or takes it out. */
  encode(writer: Writer, entry: Entry): void {
    const { prefix, sent: way, sentId } = entry;
    const address = addressOfCode(prefix);
    const gateway = !way ? 0 : way.gateways.length === 1 ? way.gateways[0] : undefined;
    if (typeof address !== "number" || typeof gateway !== "number") {
      encodeRequest(writer, requestOf(entry));
      return;
    }
    const fields = this.#fields;
    fields.destination = address;
    fields.length = lengthOfCode(prefix);
    fields.scope = way ? Scope.universe : Scope.nowhere;
    fields.nexthopId = sentId;
    fields.gateway = gateway;
    writeIpv4Route(writer, way ? setRoute : dropRoute, fields);
  }
}

/** The same as a request. */
export function requestOf({ prefix, sent: way, sentId }: Entry): Request {
  const route: Route = {
    destination: prefixOfCode(prefix),
    table: RouteTable.main,
    type: "unicast",
    protocol: RouteProtocol.bgp,
    scope: Scope.universe,
    metric: METRIC,
    hops: way?.gateways.map((gateway) => ({ gateway })) ?? [],
  };
  if (!way) return { type: "deleteRoute", route: removalOf(route) };
  return { type: "replaceRoute", route: sentId === 0 ? route : { ...route, nexthopId: sentId } };
}
