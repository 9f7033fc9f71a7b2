/**
 * UPDATEs with as many prefixes as fit; whoever has more calls again with what is left. Layouts: `update-decoder.ts`, `mp-rows.ts`.
 */
import { addressOctets, type Family } from "../../ip/address.ts";
import { familyOfCode, type PrefixCode } from "../../ip/prefix-code.ts";
import type { Writer } from "../../wire/writer.ts";
import { attributesOctets, encodeAttributes, writeAttributeHead } from "./attribute-encoder.ts";
import type { EncodeContext } from "./codec-context.ts";
import { afiOf } from "./family.ts";
import { beginMessage, endMessage, HEADER_OCTETS, MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS } from "./header.ts";
import { MessageType, SAFI_UNICAST } from "./iana.ts";
import { mpReachRow, mpUnreachRow, REACH_HEAD_OCTETS, UNREACH_HEAD_OCTETS } from "./mp-rows.ts";
import { fitPrefixes, writePrefix } from "./nlri.ts";
import type { AttributeSet } from "./types.ts";

/** Prefixes of one family, and the first of them that has not been encoded. */
export interface Pending {
  readonly prefixes: readonly PrefixCode[];
  readonly from: number;
}

/** Header and the two length fields. */
const EMPTY_UPDATE_OCTETS = HEADER_OCTETS + 4;
/** Of an attribute with a length of two octets. */
const LONG_HEAD_OCTETS = 4;

const roomOf = ({ extendedMessage }: EncodeContext): number =>
  (extendedMessage ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS) - EMPTY_UPDATE_OCTETS;

/**
 * Writes one UPDATE that announces prefixes from `from` on, and returns the first that is left. Returns `from`, and has
 * written nothing, when the attributes leave no room for a prefix: such routes cannot be told to this peer (RFC 8654 section 4).
 */
export function encodeAnnouncement(
  writer: Writer,
  attributes: AttributeSet,
  { prefixes, from }: Pending,
  context: EncodeContext,
): number {
  const isPlain = typeof attributes.nextHop === "number";
  const own = attributesOctets(attributes, context);
  const head = isPlain ? 0 : LONG_HEAD_OCTETS + REACH_HEAD_OCTETS + nextHopOctets(attributes);
  const { next, octets } = fitPrefixes(prefixes, from, roomOf(context) - own - head);
  if (next === from) return from;
  const at = beginMessage(writer, MessageType.update);
  writer.u16(0);
  const lengthAt = writer.reserve(2);
  // RFC 7606 section 5.1: first, so that it is found when something behind it is malformed.
  if (!isPlain) {
    writeReachHead(writer, attributes, octets);
    writePrefixes(writer, prefixes, from, next);
  }
  encodeAttributes(writer, attributes, context);
  writer.patchU16(lengthAt, writer.length - lengthAt - 2);
  if (isPlain) writePrefixes(writer, prefixes, from, next);
  endMessage(writer, at);
  return next;
}

/** Writes one UPDATE that withdraws prefixes from `from` on, and returns the first that is left. */
export function encodeWithdrawal(writer: Writer, { prefixes, from }: Pending, context: EncodeContext): number {
  const first = prefixes[from];
  if (first === undefined) return from;
  const family = familyOfCode(first);
  const head = family === 4 ? 0 : LONG_HEAD_OCTETS + UNREACH_HEAD_OCTETS;
  const { next, octets } = fitPrefixes(prefixes, from, roomOf(context) - head);
  const at = beginMessage(writer, MessageType.update);
  if (family === 4) {
    writer.u16(octets);
    writePrefixes(writer, prefixes, from, next);
    writer.u16(0);
  } else {
    writer.u16(0);
    const lengthAt = writer.reserve(2);
    writeUnreachHead(writer, family, octets);
    writePrefixes(writer, prefixes, from, next);
    writer.patchU16(lengthAt, writer.length - lengthAt - 2);
  }
  endMessage(writer, at);
  return next;
}

/** RFC 4724 section 2. */
export function encodeEndOfRib(writer: Writer, family: Family): void {
  const at = beginMessage(writer, MessageType.update);
  writer.u16(0);
  const lengthAt = writer.reserve(2);
  if (family === 6) writeUnreachHead(writer, family, 0);
  writer.patchU16(lengthAt, writer.length - lengthAt - 2);
  endMessage(writer, at);
}

const nextHopOctets = ({ linkLocalNextHop }: AttributeSet): number => (linkLocalNextHop === undefined ? 16 : 32);

function writeReachHead(writer: Writer, attributes: AttributeSet, prefixOctets: number): void {
  const { nextHop, linkLocalNextHop } = attributes;
  const hops = nextHopOctets(attributes);
  writeAttributeHead(writer, mpReachRow, REACH_HEAD_OCTETS + hops + prefixOctets);
  writer.u16(afiOf(6));
  writer.u8(SAFI_UNICAST);
  writer.u8(hops);
  writer.octets(addressOctets(nextHop));
  if (linkLocalNextHop !== undefined) writer.octets(addressOctets(linkLocalNextHop));
  writer.u8(0);
}

function writeUnreachHead(writer: Writer, family: Family, prefixOctets: number): void {
  writeAttributeHead(writer, mpUnreachRow, UNREACH_HEAD_OCTETS + prefixOctets);
  writer.u16(afiOf(family));
  writer.u8(SAFI_UNICAST);
}

function writePrefixes(writer: Writer, prefixes: readonly PrefixCode[], from: number, next: number): void {
  for (let at = from; at < next; at++) {
    const prefix = prefixes[at];
    if (prefix !== undefined) writePrefix(writer, prefix);
  }
}
