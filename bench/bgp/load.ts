/**
 * Routes as a cluster's address management makes them: /26 blocks, ten of them with one set of attributes, those of one set far
 * apart in the address range, so that who does not pack by attributes sends ten times as many messages. Of IPv6, networks of 64
 * bits, as the public table has many.
 */
import { encodeAnnouncement, encodeWithdrawal } from "../../src/bgp/message/update-encoder.ts";
import { type Family, ipv4Of, ipv6Of } from "../../src/ip/address.ts";
import { type PrefixCode, prefixCode4, prefixCode6 } from "../../src/ip/prefix-code.ts";
import { Writer } from "../../src/wire/writer.ts";

export const LOCAL_AS = 64512;
const BLOCK_LENGTH = 26;
const BLOCK_ADDRESSES = 64;
/** 32.0.0.0: room for a million blocks that nothing here has another use for. */
const FIRST_ADDRESS = 0x2000_0000;
/** 10.2.0.1: on the daemon's wire, and nobody's. */
const FIRST_GATEWAY = 0x0a02_0001;
/** fd00::1. */
const FIRST_GATEWAY_6 = (0xfd00n << 112n) + 1n;
const BLOCKS_PER_SET = 10;
/** A prime that divides no power of ten: its multiples meet each block once. */
const STRIDE = 7919;

const context = { fourOctetAs: true, extendedMessage: false } as const;

/** Octets of a block's prefix in an UPDATE. */
export const PREFIX_OCTETS = 5;

/** The block with this number. */
export const block = (at: number): PrefixCode => prefixCode4(FIRST_ADDRESS + at * BLOCK_ADDRESSES, BLOCK_LENGTH);

/** 2a00:0:0:at::/64. */
const network = (at: number): PrefixCode => prefixCode6(((0x2a00n << 48n) + BigInt(at)) << 64n, 64);

export interface Load {
  /** A power of ten. */
  readonly routes: number;
  readonly gateways: number;
  /** Left out: IPv4. */
  readonly family?: Family;
}

const attributesOf = (set: number, { gateways, family }: Pick<Load, "gateways" | "family">) => ({
  origin: "igp" as const,
  asPath: [{ kind: "sequence" as const, asns: [64600 + (set % 50), 65000 + (set % 97), 100_000 + set] }],
  nextHop: family === 6 ? ipv6Of(FIRST_GATEWAY_6 + BigInt(set % gateways)) : ipv4Of(FIRST_GATEWAY + (set % gateways)),
  localPref: 100,
  atomicAggregate: false,
  communities: [0xfc00_0000 + (set % 1000), 0xfc01_0000 + (set % 777), 0xfc02_0000 + (set % 500)],
  extendedCommunities: [],
  largeCommunities: [],
  clusterList: [],
  opaque: [],
});

const blocksOf = (set: number, { routes, family }: Load): PrefixCode[] =>
  Array.from({ length: BLOCKS_PER_SET }, (_, at) =>
    (family === 6 ? network : block)(((set * BLOCKS_PER_SET + at) * STRIDE) % routes),
  );

/** The UPDATEs that announce the first `count` routes of the load, ten each. */
export function announcements(load: Load, count = load.routes): Uint8Array {
  const writer = new Writer(1 << 16);
  for (let set = 0; set < count / BLOCKS_PER_SET; set++) {
    encodeAnnouncement(writer, attributesOf(set, load), { prefixes: blocksOf(set, load), from: 0 }, context);
  }
  return writer.finish();
}

/** One prefix with attributes of its own. */
export function announcement(prefix: PrefixCode, nextHop: number): Uint8Array {
  const writer = new Writer(128);
  const attributes = { ...attributesOf(0, { gateways: 1 }), asPath: [], communities: [], nextHop: ipv4Of(nextHop) };
  encodeAnnouncement(writer, attributes, { prefixes: [prefix], from: 0 }, context);
  return writer.finish();
}

/** The UPDATEs that withdraw the first `count` routes of the load. */
export function withdrawals(load: Load, count: number): Uint8Array {
  const prefixes = Array.from({ length: count / BLOCKS_PER_SET }, (_, set) => blocksOf(set, load)).flat();
  return withdrawal(prefixes);
}

export function withdrawal(prefixes: readonly PrefixCode[]): Uint8Array {
  const writer = new Writer(4096);
  for (let from = 0; from < prefixes.length; ) from = encodeWithdrawal(writer, { prefixes, from }, context);
  return writer.finish();
}
