/** What can be asked of rtnetlink, as plain data, so that many go in one batch; and the octets of each. */
import type { IpAddress } from "../ip/address.ts";
import type { AttributeTable } from "../netlink/attributes.ts";
import { beginMessage, endMessage, Flag } from "../netlink/message.ts";
import { type Address, addressBody, addressBodyOf } from "../netlink/rtnetlink/address.ts";
import type { Body, BodyCodec, StructureTable } from "../netlink/rtnetlink/body.ts";
import { RtmType } from "../netlink/rtnetlink/codes.ts";
import type { IfIndex } from "../netlink/rtnetlink/link.ts";
import {
  type ForwardingEntry,
  forwardingBodyOf,
  type Neighbour,
  neighbourBody,
  neighbourBodyOf,
} from "../netlink/rtnetlink/neighbour.ts";
import { type NexthopObject, nexthopBody, nexthopBodyOf } from "../netlink/rtnetlink/nexthop.ts";
import { type Route, routeBody, routeBodyOf } from "../netlink/rtnetlink/route.ts";
import { type Rule, ruleBody, ruleBodyOf } from "../netlink/rtnetlink/rule.ts";
import {
  type BpfFilter,
  bpfFilterAttributes,
  clsactBodyOf,
  filterHeaderOf,
  filterOptionsOf,
  trafficBody,
} from "../netlink/rtnetlink/traffic-control.ts";
import { Writer } from "../wire/writer.ts";
import { encodeLinkRequest } from "./rtnetlink-links.ts";

/** What any new device may be given. */
export interface NewLink {
  readonly name: string;
  /** `66:aa:99:2f:dc:24`; the kernel draws one when left out. */
  readonly mac?: string;
  /** Octets. */
  readonly mtu?: number;
  readonly up?: boolean;
  /** Descriptor of the namespace to make it in; the socket's own when left out. */
  readonly namespaceFd?: number;
}

export interface NewVxlan extends NewLink {
  readonly vni: number;
  /** UDP destination port. */
  readonly port: number;
  readonly local?: IpAddress;
  readonly parent?: IfIndex;
  readonly learning: boolean;
  /** UDP checksums of outer IPv4 packets; the kernel's default (on) when left out. */
  readonly udpChecksum?: boolean;
}

/** A device by index or by name. */
export type LinkRef = IfIndex | string;

/** What can be changed of a device that exists. */
export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  /** A new name; the kernel wants most devices down for it. */
  readonly name?: string;
  /** 0 takes it out of its bridge. */
  readonly master?: IfIndex;
  /** Moves it to another namespace; slow (10–25 ms). */
  readonly namespaceFd?: number;
}

/** `add…` fails with EEXIST where the same is there, `replace…` does not; `delete…` fails with ESRCH, ENOENT or the like where nothing is. */
export type Request =
  /** The peer comes up by a request of its own: the kernel refuses (ENOTCONN) to raise what has no other end yet. */
  | { readonly type: "createVeth"; readonly link: NewLink; readonly peer: Omit<NewLink, "up"> }
  | { readonly type: "createVxlan"; readonly link: NewVxlan }
  | { readonly type: "createBridge" | "createIpip"; readonly link: NewLink }
  | { readonly type: "setLink"; readonly link: IfIndex; readonly change: LinkChange }
  /** A new name takes the index: the kernel finds a device by one name alone. */
  | { readonly type: "setLink"; readonly link: string; readonly change: Omit<LinkChange, "name"> }
  | { readonly type: "deleteLink"; readonly link: LinkRef }
  | { readonly type: "addAddress" | "replaceAddress" | "deleteAddress"; readonly address: Address }
  /** `appendRoute` adds a next hop (IPv6) or a route of lower rank (IPv4) beside the one that is there. */
  | { readonly type: "addRoute" | "replaceRoute" | "appendRoute" | "deleteRoute"; readonly route: Route }
  | { readonly type: "addRule" | "deleteRule"; readonly rule: Rule }
  | { readonly type: "addNeighbour" | "replaceNeighbour" | "deleteNeighbour"; readonly neighbour: Neighbour }
  /** `appendForwarding` gives a MAC one more destination. */
  | {
      readonly type: "addForwarding" | "replaceForwarding" | "appendForwarding" | "deleteForwarding";
      readonly entry: ForwardingEntry;
    }
  /** The qdisc that carries filters; one that is there stays, with its filters. */
  | { readonly type: "addClsact" | "deleteClsact"; readonly index: IfIndex }
  | { readonly type: "replaceFilter" | "deleteFilter"; readonly filter: BpfFilter }
  | { readonly type: "addNexthop" | "replaceNexthop" | "deleteNexthop"; readonly nexthop: NexthopObject };

const ADD = Flag.request | Flag.create | Flag.exclusive;
const REPLACE = Flag.request | Flag.create | Flag.replace;
const APPEND = Flag.request | Flag.create | Flag.append;

/** Message type and flags of each request. */
const codes = {
  addAddress: [RtmType.newAddress, ADD],
  replaceAddress: [RtmType.newAddress, REPLACE],
  deleteAddress: [RtmType.deleteAddress, Flag.request],
  addRoute: [RtmType.newRoute, ADD],
  replaceRoute: [RtmType.newRoute, REPLACE],
  appendRoute: [RtmType.newRoute, APPEND],
  deleteRoute: [RtmType.deleteRoute, Flag.request],
  addRule: [RtmType.newRule, ADD],
  deleteRule: [RtmType.deleteRule, Flag.request],
  addNeighbour: [RtmType.newNeighbour, ADD],
  replaceNeighbour: [RtmType.newNeighbour, REPLACE],
  deleteNeighbour: [RtmType.deleteNeighbour, Flag.request],
  addForwarding: [RtmType.newNeighbour, ADD],
  replaceForwarding: [RtmType.newNeighbour, REPLACE],
  appendForwarding: [RtmType.newNeighbour, APPEND],
  deleteForwarding: [RtmType.deleteNeighbour, Flag.request],
  addClsact: [RtmType.newQdisc, ADD],
  deleteClsact: [RtmType.deleteQdisc, Flag.request],
  replaceFilter: [RtmType.newFilter, REPLACE],
  deleteFilter: [RtmType.deleteFilter, Flag.request],
  addNexthop: [RtmType.newNexthop, ADD],
  replaceNexthop: [RtmType.newNexthop, REPLACE],
  deleteNexthop: [RtmType.deleteNexthop, Flag.request],
} as const;

/** Writes one whole message. */
export function encodeRequest(writer: Writer, request: Request): void {
  if (!isCoded(request)) {
    encodeLinkRequest(writer, request);
    return;
  }
  const [type, flags] = codes[request.type];
  const at = beginMessage(writer, type, flags);
  encodeBody(writer, request);
  endMessage(writer, at);
}

type CodedRequest = Extract<Request, { readonly type: keyof typeof codes }>;

const isCoded = (request: Request): request is CodedRequest => request.type in codes;

function encodeBody(writer: Writer, request: CodedRequest): void {
  if ("address" in request) encode(addressBody, writer, addressBodyOf(request.address));
  else if ("route" in request) encode(routeBody, writer, routeBodyOf(request.route));
  else if ("rule" in request) encode(ruleBody, writer, ruleBodyOf(request.rule));
  else if ("neighbour" in request) encode(neighbourBody, writer, neighbourBodyOf(request.neighbour));
  else if ("entry" in request) encode(neighbourBody, writer, forwardingBodyOf(request.entry));
  else if ("index" in request) encode(trafficBody, writer, clsactBodyOf(request.index));
  else if ("filter" in request) encodeFilter(writer, request);
  else if (request.type !== "deleteNexthop") encode(nexthopBody, writer, nexthopBodyOf(request.nexthop));
  // The kernel refuses to remove by anything but the id.
  else nexthopBody.encode(writer, {}, { id: request.nexthop.id });
}

function encodeFilter(writer: Writer, { type, filter }: Extract<CodedRequest, { readonly filter: BpfFilter }>): void {
  const options = new Writer();
  if (type === "replaceFilter") bpfFilterAttributes.encode(options, filterOptionsOf(filter));
  trafficBody.encode(writer, filterHeaderOf(filter), {
    kind: "bpf",
    options: type === "replaceFilter" ? options.finish() : undefined,
  });
}

function encode<S extends StructureTable, A extends AttributeTable>(
  codec: BodyCodec<S, A>,
  writer: Writer,
  body: Body<S, A>,
): void {
  codec.encode(writer, body.header, body.attributes);
}
