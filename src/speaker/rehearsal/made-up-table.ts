/** Routes that are nowhere: benchmarking addresses (RFC 2544, RFC 5180), AS numbers and next hops for documentation. */
import { encodeAnnouncement } from "../../bgp/message/update-encoder.ts";
import { type Family, type IpAddress, ipv4Of, ipv6Of } from "../../ip/address.ts";
import { type PrefixCode, prefixCode4, prefixCode6 } from "../../ip/prefix-code.ts";
import { Writer } from "../../wire/writer.ts";

const context = { fourOctetAs: true, extendedMessage: false } as const;

/** 198.18.0.0/15 in blocks of 4 addresses: 32,768 of them. */
const block4 = (at: number): PrefixCode => prefixCode4(0xc612_0000 + at * 4, 30);
/** 2001:2::/48 in networks. */
const block6 = (at: number): PrefixCode => prefixCode6((0x2001_0002_0000_0000n + BigInt(at)) << 64n, 64);

/** 203.0.113.0/24 (RFC 5737) and 2001:db8::/32 (RFC 3849). */
const nextHopOf = (family: Family, at: number): IpAddress =>
  family === 4 ? ipv4Of(0xcb00_7100 + (at % 256)) : ipv6Of((0x2001_0db8n << 96n) + BigInt(at % 256));

/** Few, so that attributes are met about as often as prefixes. */
const PREFIXES_IN_A_SET = 3;
/** Blocks of one set lie apart, as those that an address management has given to one node. A prime. */
const STRIDE = 7919;
/** 64496 … 64511 (RFC 5398). */
const asnOf = (at: number): number => 64497 + (at % 15);

/** UPDATEs with `routes` routes of a family, three with each set of attributes. `routes`: a multiple of three, 32,766 at most. */
export function madeUpTable(family: Family, routes: number): Uint8Array {
  const writer = new Writer(routes * 32);
  const block = family === 4 ? block4 : block6;
  for (let set = 0; set < routes / PREFIXES_IN_A_SET; set++) {
    const attributes = {
      origin: "igp" as const,
      asPath: [{ kind: "sequence" as const, asns: [asnOf(set), asnOf(set >> 4), 65536 + set] }],
      nextHop: nextHopOf(family, set),
      localPref: 100,
      atomicAggregate: false,
      communities: [(64496 << 16) + (set % 1000), (64497 << 16) + (set % 777), (64498 << 16) + (set % 500)],
      extendedCommunities: [],
      largeCommunities: [],
      clusterList: [],
      opaque: [],
    };
    const prefixes = Array.from({ length: PREFIXES_IN_A_SET }, (_, at) =>
      block(((set * PREFIXES_IN_A_SET + at) * STRIDE) % routes),
    );
    encodeAnnouncement(writer, attributes, { prefixes, from: 0 }, context);
  }
  return writer.finish();
}
