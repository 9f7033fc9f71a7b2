/**
 * The header that every message begins with (RFC 4271 section 4.1), and the lengths that its type may have.
 *
 *     0                16       18     19
 *     | marker: ff × 16 | length | type | …
 */
import type { Writer } from "../../wire/writer.ts";
import { BgpDecodeError, notification } from "./errors.ts";
import { ErrorCode, HeaderError, MessageType } from "./iana.ts";

export const HEADER_OCTETS = 19;
/** RFC 4271 section 4.1. */
export const MAX_MESSAGE_OCTETS = 4096;
/** RFC 8654 section 3: of all messages but OPEN and KEEPALIVE, where both sides said so. */
export const MAX_EXTENDED_MESSAGE_OCTETS = 65535;

const MARKER_OCTETS = 16;
const LENGTH_AT = MARKER_OCTETS;
const TYPE_AT = 18;
const ALL_ONES = 0xffffffff;

/** RFC 4271 section 6.1, least and, where it is less than the connection's, greatest length. */
const lengthsByType: ReadonlyMap<number, { readonly least: number; readonly most?: number }> = new Map([
  [MessageType.open, { least: 29, most: MAX_MESSAGE_OCTETS }],
  [MessageType.update, { least: 23 }],
  [MessageType.notification, { least: 21 }],
  [MessageType.keepalive, { least: 19, most: 19 }],
  [MessageType.routeRefresh, { least: 23 }],
]);

export interface Header {
  /** Of the whole message, octets. */
  readonly length: number;
  readonly type: number;
}

/** Reads the 19 octets at `at`. Throws BgpDecodeError `badHeader` for what RFC 4271 section 6.1 refuses; `limit` is the connection's. */
export function readHeader(view: DataView, at: number, limit: number): Header {
  for (let octet = 0; octet < MARKER_OCTETS; octet += 4) {
    if (view.getUint32(at + octet) !== ALL_ONES) {
      throw headerError("header.marker", "not all ones", octet, HeaderError.notSynchronized);
    }
  }
  const length = view.getUint16(at + LENGTH_AT);
  const type = view.getUint8(at + TYPE_AT);
  const lengths = lengthsByType.get(type);
  if (!lengths && length >= HEADER_OCTETS) {
    throw headerError("header.type", `no message type ${type}`, TYPE_AT, HeaderError.badType, Uint8Array.of(type));
  }
  const { least = HEADER_OCTETS, most = limit } = lengths ?? {};
  if (length < least || length > Math.min(most, limit)) {
    const bounds = least === most ? `${least}` : `${least} … ${Math.min(most, limit)}`;
    const field = Uint8Array.of(length >> 8, length & 255);
    throw headerError("header.length", `${length}, not ${bounds}`, LENGTH_AT, HeaderError.badLength, field);
  }
  return { length, type };
}

/** The type of a message that these octets are, no less and no more. Throws as `readHeader`. */
export function readWholeHeader(view: DataView, limit: number): number {
  const present = view.byteLength;
  const { length, type } = present < HEADER_OCTETS ? { length: HEADER_OCTETS, type: 0 } : readHeader(view, 0, limit);
  if (length === present) return type;
  const field = Uint8Array.of(length >> 8, length & 255);
  throw headerError("header.length", `${length} with ${present} octets`, LENGTH_AT, HeaderError.badLength, field);
}

function headerError(field: string, what: string, offset: number, subcode: number, data?: Uint8Array): BgpDecodeError {
  const answer = notification(ErrorCode.messageHeader, subcode, data);
  return new BgpDecodeError("badHeader", what, { field, offset, notification: answer });
}

/** Starts a message; returns where it begins, for `endMessage`. */
export function beginMessage(writer: Writer, type: number): number {
  const at = writer.length;
  for (let octet = 0; octet < MARKER_OCTETS; octet += 4) writer.u32(ALL_ONES);
  writer.u16(0);
  writer.u8(type);
  return at;
}

/** Writes the message's length. */
export function endMessage(writer: Writer, at: number): void {
  writer.patchU16(at + LENGTH_AT, writer.length - at);
}
