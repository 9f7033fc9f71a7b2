/** BGP messages as tests write them: short forms of values, and the octets of a message around a body in hexadecimal. */
import { AttributeTable } from "../bgp/message/attribute-table.ts";
import type { DecodeContext, EncodeContext } from "../bgp/message/codec-context.ts";
import { Framer } from "../bgp/message/framer.ts";
import { MAX_EXTENDED_MESSAGE_OCTETS } from "../bgp/message/header.ts";
import { encodeMessage } from "../bgp/message/message-codec.ts";
import type { Asn, AsPathSegment, AttributeSet, Message } from "../bgp/message/types.ts";
import { encodeAnnouncement, encodeEndOfRib, encodeWithdrawal } from "../bgp/message/update-encoder.ts";
import { type IpAddress, type Ipv4, type Ipv6, parseAddress } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { type PrefixCode, prefixCode } from "../ip/prefix-code.ts";
import { Writer } from "../wire/writer.ts";

export const octetsOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** A whole message: marker, length and type before the body. */
export function messageOctets(type: number, body: string): Uint8Array {
  const rest = octetsOf(body);
  const octets = new Uint8Array(19 + rest.length).fill(0xff);
  new DataView(octets.buffer).setUint16(16, octets.length);
  octets[18] = type;
  octets.set(rest, 19);
  return octets;
}

/** An UPDATE from its three parts. */
export function updateOctets(parts: { withdrawn?: string; attributes?: string; nlri?: string }): Uint8Array {
  const sized = (hex: string): string => {
    const { length } = octetsOf(hex);
    return length.toString(16).padStart(4, "0") + hex;
  };
  return messageOctets(2, sized(parts.withdrawn ?? "") + sized(parts.attributes ?? "") + (parts.nlri ?? ""));
}

export const prefixesOf = (...texts: string[]): PrefixCode[] => texts.map((text) => prefixCode(parsePrefix(text)));

export const ipv4 = (text: string): Ipv4 => parseAddress(text) as Ipv4;
export const ipv6 = (text: string): Ipv6 => parseAddress(text) as Ipv6;

export const sequence = (...asns: Asn[]): AsPathSegment => ({ kind: "sequence", asns });
export const set = (...asns: Asn[]): AsPathSegment => ({ kind: "set", asns });

/** 16 bits each. */
export const community = (high: number, low: number): number => high * 0x10000 + low;

/** A set that says no more than it must, and what is given. */
export const attributesOf = (
  nextHop: string | IpAddress,
  more: Partial<Omit<AttributeSet, "nextHop">> = {},
): AttributeSet => ({
  origin: "igp",
  asPath: [],
  nextHop: typeof nextHop === "string" ? parseAddress(nextHop) : nextHop,
  atomicAggregate: false,
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
  clusterList: [],
  opaque: [],
  ...more,
});

/** A session on which everything was agreed that we speak, with a table of its own unless one is given. */
export const contextOf = (more: Partial<DecodeContext> = {}): DecodeContext => ({
  fourOctetAs: true,
  extendedMessage: false,
  families: [4, 6],
  enhancedRouteRefresh: true,
  peerType: "external",
  attributes: new AttributeTable(),
  ...more,
});

/** The octets of a message; an UPDATE becomes as many as it takes: withdrawals, announcements, end of RIB. */
export function encodedMessages(message: Message, context: EncodeContext): Uint8Array[] {
  if (message.type !== "update") return [encodeMessage(message)];
  const writer = new Writer();
  const { withdrawn, announced, endOfRib } = message;
  for (let from = 0; from < withdrawn.length; ) {
    from = encodeWithdrawal(writer, { prefixes: withdrawn, from }, context);
  }
  for (const { attributes, prefixes } of announced) {
    for (let from = 0; from < prefixes.length; ) {
      const next = encodeAnnouncement(writer, attributes, { prefixes, from }, context);
      if (next === from) throw new Error("attributes that leave no room for a prefix");
      from = next;
    }
  }
  if (endOfRib !== undefined) encodeEndOfRib(writer, endOfRib);
  return framed(Uint8Array.from(writer.finish()));
}

/** The messages of a stream that is here whole. */
export function framed(stream: Uint8Array): Uint8Array[] {
  const framer = new Framer();
  framer.limit = MAX_EXTENDED_MESSAGE_OCTETS;
  framer.push(stream);
  const messages: Uint8Array[] = [];
  for (let message = framer.next(); message; message = framer.next()) messages.push(message);
  return messages;
}
