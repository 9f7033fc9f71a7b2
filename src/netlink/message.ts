/**
 * Netlink messages, whatever the protocol: a header, a fixed structure, attributes (linux/netlink.h). Host byte order.
 *
 *     0        4      6       8          12         16
 *     | length | type | flags | sequence | port     | structure | attribute | attribute | …
 *                                                     attribute: | length:2 | type:2 | value, padded to 4 |
 *
 * Everything that decodes is total: any octets give a value or throw NetlinkFormatError, nothing is read outside of them.
 */
import { CodedError } from "../base/errors.ts";
import type { Writer } from "../wire/writer.ts";

/** Octets that are not netlink. `offset` counts from the start of what was decoded. */
export class NetlinkFormatError extends CodedError<"cutMessage" | "badAttribute", { offset: number }> {
  constructor(code: "cutMessage" | "badAttribute", what: string, offset: number) {
    super(code, `netlink: ${what} at octet ${offset}`, { offset });
  }
}

/** NLMSG_*: types below 16 belong to netlink itself. */
export const ControlType = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

/** NLM_F_*: the same bits mean different things in requests that get, make and remove, and in acknowledgements. */
export const Flag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  echo: 0x8,
  dumpInterrupted: 0x10,
  dumpFiltered: 0x20,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  ackCapped: 0x100,
  ackAttributes: 0x200,
} as const;

export const HEADER_OCTETS = 16;
/** Length and type of an attribute. */
export const ATTRIBUTE_HEADER_OCTETS = 4;
/** NLA_F_NESTED, a flag above an attribute's type; NLA_F_NET_BYTEORDER is the other, 0x4000. */
export const NESTED = 0x8000;
export const TYPE_MASK = 0x3fff;

const FLAGS_AT = 6;
const SEQUENCE_AT = 8;

export const aligned = (length: number): number => (length + 3) & ~3;

/** Starts a message; sequence and port stay 0 for whoever sends it. Returns where it begins, for `endMessage`. */
export function beginMessage(writer: Writer, type: number, flags: number): number {
  const at = writer.length;
  writer.u32Host(0);
  writer.u16Host(type);
  writer.u16Host(flags);
  writer.u32Host(0);
  writer.u32Host(0);
  return at;
}

/** Writes the message's length. */
export function endMessage(writer: Writer, at: number): void {
  writer.patchU32Host(at, writer.length - at);
}

/** Numbers a finished message for sending. */
export function stampMessage(writer: Writer, at: number, sequence: number): void {
  writer.patchU32Host(at + SEQUENCE_AT, sequence);
}

/** Starts an attribute that holds others (or anything of unknown length). */
export function beginAttribute(writer: Writer, type: number): number {
  const at = writer.length;
  writer.u16Host(0);
  writer.u16Host(type);
  return at;
}

/** Writes the attribute's length and pads it. */
export function endAttribute(writer: Writer, at: number): void {
  const length = writer.length - at;
  if (length > 0xffff) throw new NetlinkFormatError("badAttribute", `attribute of ${length} octets exceeds 65535`, at);
  writer.patchU16Host(at, length);
  writer.zeros(aligned(length) - length);
}

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Who asked for it; in a notification who caused it, 0 for the kernel. */
  readonly port: number;
  /** What follows the header: a view of the datagram. */
  readonly payload: Uint8Array;
}

/** Hands over each message of a datagram. Throws NetlinkFormatError `cutMessage`; messages before the cut were handed over. */
export function eachMessage(datagram: Uint8Array, visit: (message: Message) => void): void {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at < datagram.length; ) {
    if (datagram.length - at < HEADER_OCTETS) throw new NetlinkFormatError("cutMessage", "half a header", at);
    const length = view.getUint32(at, true);
    if (length < HEADER_OCTETS || length > datagram.length - at) {
      throw new NetlinkFormatError("cutMessage", `length ${length} with ${datagram.length - at} octets left`, at);
    }
    visit({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + FLAGS_AT, true),
      sequence: view.getUint32(at + SEQUENCE_AT, true),
      port: view.getUint32(at + 12, true),
      payload: datagram.subarray(at + HEADER_OCTETS, at + length),
    });
    at += aligned(length);
  }
}

/** What the kernel says of a request: errno 0 is success; the rest is extended acknowledgement (NLMSGERR_ATTR_*). */
export interface Acknowledgement {
  readonly errno: number;
  /** Words of the kernel. */
  readonly text?: string;
  /** Octets from the start of the request to what is wrong. */
  readonly offset?: number;
  /** Type of an attribute that the request lacks. */
  readonly missing?: number;
}

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;
const NLMSGERR_ATTR_MISS_TYPE = 5;

/** Reads a message of type `error` (an acknowledgement) or `done` (the end of a dump). Throws NetlinkFormatError. */
export function decodeAcknowledgement(message: Message): Acknowledgement {
  const { payload } = message;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < 4) {
    if (message.type === ControlType.done) return { errno: 0 };
    throw new NetlinkFormatError("cutMessage", "an acknowledgement without errno", 0);
  }
  // Not its negation, which would make a success of 0 a -0.
  const errno = 0 - view.getInt32(0, true);
  if ((message.flags & Flag.ackAttributes) === 0) return { errno };
  const at = message.type === ControlType.done ? 4 : attributesOfError(view, message.flags);
  const found: { text?: string; offset?: number; missing?: number } = {};
  eachAttribute(view, { at, end: payload.length }, (type, valueAt, length) => {
    if (type === NLMSGERR_ATTR_MSG) {
      const octets = payload.subarray(valueAt, valueAt + length);
      found.text = new TextDecoder().decode(octets).replace(/\0+$/, "");
    } else if (type === NLMSGERR_ATTR_OFFS && length >= 4) found.offset = view.getUint32(valueAt, true);
    else if (type === NLMSGERR_ATTR_MISS_TYPE && length >= 4) found.missing = view.getUint32(valueAt, true);
  });
  return { errno, ...found };
}

/** The request's header is echoed behind errno, its payload too unless the socket asked for capped acknowledgements. */
function attributesOfError(view: DataView, flags: number): number {
  const headerEnd = 4 + HEADER_OCTETS;
  if ((flags & Flag.ackCapped) !== 0 || view.byteLength < headerEnd) return Math.min(headerEnd, view.byteLength);
  return Math.min(4 + aligned(view.getUint32(4, true)), view.byteLength);
}

/**
 * Walks the attributes in `range` of the view: type without flags, where the value is and how long. Throws
 * NetlinkFormatError `badAttribute` when one leaves the range. Fewer octets than a header at the end are padding.
 */
export function eachAttribute(
  view: DataView,
  range: { readonly at: number; readonly end: number },
  visit: (type: number, at: number, length: number) => void,
): void {
  for (let { at } = range; range.end - at >= ATTRIBUTE_HEADER_OCTETS; ) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_OCTETS || length > range.end - at) {
      throw new NetlinkFormatError("badAttribute", `length ${length} with ${range.end - at} octets left`, at);
    }
    visit(view.getUint16(at + 2, true) & TYPE_MASK, at + ATTRIBUTE_HEADER_OCTETS, length - ATTRIBUTE_HEADER_OCTETS);
    at += aligned(length);
  }
}
