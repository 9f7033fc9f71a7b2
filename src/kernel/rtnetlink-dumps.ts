/**
 * What can be listed: `rtnetlink.dump(routes({ table: 254 }))`. Filters are the kernel's own (the sockets ask for strict
 * checking, so one that it does not know is an error, not a list of everything), save where a line says otherwise.
 */
import type { Family } from "../ip/address.ts";
import { beginMessage, endMessage, Flag, type Message } from "../netlink/message.ts";
import { type Address, addressBody, addressOf } from "../netlink/rtnetlink/address.ts";
import { AddressFamily, RtmType, routeTypes } from "../netlink/rtnetlink/codes.ts";
import { type IfIndex, type Link, linkBody, linkOf } from "../netlink/rtnetlink/link.ts";
import {
  type ForwardingEntry,
  forwardingEntryOf,
  type Neighbour,
  neighbourBody,
  neighbourOf,
} from "../netlink/rtnetlink/neighbour.ts";
import { type NeighbourTable, neighbourTableBody, neighbourTableOf } from "../netlink/rtnetlink/neighbour-table.ts";
import { type NexthopObject, nexthopBody, nexthopOf } from "../netlink/rtnetlink/nexthop.ts";
import { type Route, type RouteType, routeBody, routeOf } from "../netlink/rtnetlink/route.ts";
import { type Rule, ruleBody, ruleOf } from "../netlink/rtnetlink/rule.ts";
import {
  type BpfFilter,
  type Direction,
  filterHeaderOf,
  filterOf,
  type Qdisc,
  qdiscOf,
  trafficBody,
} from "../netlink/rtnetlink/traffic-control.ts";
import type { Writer } from "../wire/writer.ts";

/** A list that can be asked for, and how to read its messages. */
export interface DumpOf<T> {
  /** For errors: "links". */
  readonly subject: string;
  /** Writes the request. */
  encode(writer: Writer): void;
  /** The item in one message; undefined for what is none. Throws NetlinkFormatError. */
  itemOf(message: Message): T | undefined;
}

const DUMP = Flag.request | Flag.dump;

function request(writer: Writer, type: number, encode: () => void): void {
  const at = beginMessage(writer, type, DUMP);
  encode();
  endMessage(writer, at);
}

const familyNumber = (family: Family | undefined): number =>
  family === undefined ? AddressFamily.unspecified : family === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6;

/** Writes the request for one link, by index or name (alternative names too). */
export function encodeGetLink(writer: Writer, link: IfIndex | string): void {
  const at = beginMessage(writer, RtmType.getLink, Flag.request);
  if (typeof link === "number") linkBody.encode(writer, { index: link }, {});
  else linkBody.encode(writer, {}, link.length < NAME_OCTETS ? { name: link } : { alternativeName: link });
  endMessage(writer, at);
}

/** IFNAMSIZ, the final zero counted. */
const NAME_OCTETS = 16;

/** All links, or those of a kind (`veth`) or in a bridge. */
export const links = (filter: { readonly kind?: string; readonly master?: IfIndex } = {}): DumpOf<Link> => ({
  subject: "links",
  encode: (writer) =>
    request(writer, RtmType.getLink, () =>
      linkBody.encode(
        writer,
        {},
        {
          master: filter.master,
          info: filter.kind === undefined ? undefined : { kind: filter.kind },
          extendedMask: SKIP_STATISTICS,
        },
      ),
    ),
  itemOf: (message) => linkOf(linkBody.decode(message.payload)),
});

/** RTEXT_FILTER_SKIP_STATS: counters are three quarters of a link's octets. */
const SKIP_STATISTICS = 1 << 3;

/** Addresses of both families unless one is named, of all devices unless one is named. */
export const addresses = (filter: { readonly family?: Family; readonly index?: IfIndex } = {}): DumpOf<Address> => ({
  subject: "addresses",
  encode: (writer) =>
    request(writer, RtmType.getAddress, () =>
      addressBody.encode(writer, { family: familyNumber(filter.family), index: filter.index ?? 0 }, {}),
    ),
  itemOf: (message) => addressOf(addressBody.decode(message.payload)),
});

export interface RouteFilter {
  readonly family?: Family;
  readonly table?: number;
  /** RTPROT_*. */
  readonly protocol?: number;
  readonly type?: Exclude<RouteType, "other">;
  /** Routes of which a next hop leaves by this device. */
  readonly device?: IfIndex;
}

/** Routes of both families and all tables unless named; IPv6 exceptions (cached) are left out. */
export const routes = (filter: RouteFilter = {}): DumpOf<Route> => ({
  subject: `routes${filter.table === undefined ? "" : ` of table ${filter.table}`}`,
  encode: (writer) =>
    request(writer, RtmType.getRoute, () =>
      routeBody.encode(
        writer,
        {
          family: familyNumber(filter.family),
          protocol: filter.protocol ?? 0,
          type: filter.type === undefined ? 0 : routeTypes[filter.type],
        },
        { table: filter.table, device: filter.device },
      ),
    ),
  itemOf: (message) => routeOf(routeBody.decode(message.payload)),
});

/** Policy rules of both families unless one is named. */
export const rules = (filter: { readonly family?: Family } = {}): DumpOf<Rule> => ({
  subject: "rules",
  encode: (writer) =>
    request(writer, RtmType.getRule, () => ruleBody.encode(writer, { family: familyNumber(filter.family) }, {})),
  itemOf: (message) => ruleOf(ruleBody.decode(message.payload)),
});

export interface NeighbourFilter {
  readonly family?: Family;
  readonly device?: IfIndex;
  /** Proxy entries instead of neighbours. */
  readonly proxy?: boolean;
}

export const neighbours = (filter: NeighbourFilter = {}): DumpOf<Neighbour> => ({
  subject: "neighbours",
  encode: (writer) =>
    request(writer, RtmType.getNeighbour, () =>
      neighbourBody.encode(
        writer,
        { family: familyNumber(filter.family), flags: filter.proxy === true ? NTF_PROXY : 0 },
        { interface: filter.device },
      ),
    ),
  itemOf: (message) => neighbourOf(neighbourBody.decode(message.payload)),
});

const NTF_PROXY = 8;

/** The tables that neighbours are kept in, of both families. */
export const tablesOfNeighbours = (): DumpOf<NeighbourTable> => ({
  subject: "tables of neighbours",
  encode: (writer) => request(writer, RtmType.getNeighbourTable, () => neighbourTableBody.encode(writer, {}, {})),
  itemOf: (message) => neighbourTableOf(neighbourTableBody.decode(message.payload)),
});

/** Forwarding entries of bridges and VXLAN devices, or of one device. */
export const forwarding = (filter: { readonly device?: IfIndex } = {}): DumpOf<ForwardingEntry> => ({
  subject: "forwarding entries",
  encode: (writer) =>
    request(writer, RtmType.getNeighbour, () =>
      neighbourBody.encode(writer, { family: AddressFamily.bridge }, { interface: filter.device }),
    ),
  itemOf: (message) => forwardingEntryOf(neighbourBody.decode(message.payload)),
});

/** Nexthop objects, or those that leave by a device. */
export const nexthops = (filter: { readonly device?: IfIndex } = {}): DumpOf<NexthopObject> => ({
  subject: "nexthop objects",
  encode: (writer) =>
    request(writer, RtmType.getNexthop, () => nexthopBody.encode(writer, {}, { device: filter.device })),
  itemOf: (message) => nexthopOf(nexthopBody.decode(message.payload)),
});

/** Queueing disciplines of all devices; filters of one hang on its device's clsact. */
export const qdiscs = (): DumpOf<Qdisc> => ({
  subject: "queueing disciplines",
  encode: (writer) => request(writer, RtmType.getQdisc, () => trafficBody.encode(writer, {}, {})),
  itemOf: (message) => qdiscOf(trafficBody.decode(message.payload)),
});

/** BPF filters of one direction of a device's clsact; none where it has no clsact. */
export const bpfFilters = (device: IfIndex, direction: Direction): DumpOf<BpfFilter> => ({
  subject: `filters of device ${device}`,
  encode: (writer) =>
    request(writer, RtmType.getFilter, () =>
      trafficBody.encode(writer, filterHeaderOf({ index: device, direction }), {}),
    ),
  itemOf: (message) => filterOf(trafficBody.decode(message.payload)),
});
