/** Random BGP messages that a speaker could send. */
import fc from "fast-check";
import type { AsPathSegment, AttributeSet, Capability, Message, Open, Update } from "../bgp/message/types.ts";
import { type Family, type IpAddress, type Ipv4, type Ipv6, ipv4Of, ipv6Of } from "../ip/address.ts";
import { prefixOf } from "../ip/prefix.ts";
import { type PrefixCode, prefixCode } from "../ip/prefix-code.ts";

/** Values as decoders make them. */
const plain = { noNullPrototype: true } as const;

const u8 = fc.nat(0xff);
const u32 = fc.nat(0xffffffff);
const asn = fc.oneof(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 1, max: 0xffffffff }));
const routerId = fc.integer({ min: 1, max: 0xffffffff }).map(ipv4Of);
const octets = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Uint8Array.from(value));
const family = fc.constantFrom<Family>(4, 6);

const hostIpv4: fc.Arbitrary<Ipv4> = fc.integer({ min: 0x80000000, max: 0xdfffffff }).map(ipv4Of);
const hostIpv6: fc.Arbitrary<Ipv6> = fc
  .bigInt({ min: 0n, max: (1n << 120n) - 1n })
  .map((value) => ipv6Of(value | (0x20n << 120n)));
const linkLocalIpv6: fc.Arbitrary<Ipv6> = fc
  .bigInt({ min: 0n, max: (1n << 64n) - 1n })
  .map((value) => ipv6Of(value | (0xfe80n << 112n)));

/** Prefixes of any length of one family. */
export const prefixes = (of: Family, maxLength = 20): fc.Arbitrary<PrefixCode[]> => {
  const one =
    of === 4
      ? fc.tuple(u32, fc.nat(32)).map(([value, length]) => prefixCode(prefixOf(ipv4Of(value), length)))
      : fc
          .tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.nat(128))
          .map(([value, length]) => prefixCode(prefixOf(ipv6Of(value), length)));
  return fc.array(one, { minLength: 1, maxLength });
};

const segment: fc.Arbitrary<AsPathSegment> = fc.record(
  {
    kind: fc.constantFrom("sequence", "sequence", "set"),
    asns: fc.array(asn, { minLength: 1, maxLength: 5 }),
  },
  plain,
);

/** Neighbouring sequences would be one on a session of two-octet AS numbers. */
const asPath = fc
  .array(segment, { maxLength: 4 })
  .map((path) => path.filter(({ kind }, index) => index === 0 || kind !== path[index - 1]?.kind));

const opaque = fc
  .uniqueArray(
    fc.record(
      {
        code: fc.oneof(fc.integer({ min: 19, max: 31 }), fc.integer({ min: 33, max: 255 })),
        flags: fc.constant(0xe0),
        octets: octets(300),
      },
      plain,
    ),
    { maxLength: 3, selector: ({ code }) => code },
  )
  .map((list) => list.sort((a, b) => a.code - b.code));

const optional = fc.record(
  {
    med: u32,
    localPref: u32,
    originatorId: routerId,
    aggregator: fc.record({ asn, routerId: u32.map(ipv4Of) }, plain),
  },
  { requiredKeys: [], ...plain },
);

const rest = fc.record(
  {
    origin: fc.constantFrom("igp" as const, "egp" as const, "incomplete" as const),
    asPath,
    atomicAggregate: fc.boolean(),
    communities: fc.array(u32, { maxLength: 80 }),
    extendedCommunities: fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { maxLength: 5 }),
    largeCommunities: fc.array(fc.record({ global: u32, local1: u32, local2: u32 }, plain), { maxLength: 5 }),
    clusterList: fc.array(u32.map(ipv4Of), { maxLength: 5 }),
    opaque,
  },
  plain,
);

const nextHop = (of: Family): fc.Arbitrary<{ nextHop: IpAddress; linkLocalNextHop?: Ipv6 }> =>
  of === 4
    ? fc.record({ nextHop: hostIpv4 }, plain)
    : fc.record({ nextHop: hostIpv6, linkLocalNextHop: linkLocalIpv6 }, { requiredKeys: ["nextHop"], ...plain });

/** Attributes as an internal peer sends them, for prefixes of the family. */
export const attributeSets = (of: Family): fc.Arbitrary<AttributeSet> =>
  fc.tuple(rest, nextHop(of), optional).map(([always, hops, more]) => ({ ...always, ...hops, ...more }));

const ofUpdate = (more: Partial<Update>): Update => ({
  type: "update",
  withdrawn: [],
  announced: [],
  malformed: [],
  ...more,
});

/** Announcements, withdrawals and ends of RIB, one kind and one family each. */
export const updates: fc.Arbitrary<Update> = family.chain((of) =>
  fc.oneof(
    fc
      .tuple(attributeSets(of), prefixes(of))
      .map(([attributes, list]) => ofUpdate({ announced: [{ attributes, prefixes: list }] })),
    prefixes(of).map((withdrawn) => ofUpdate({ withdrawn })),
    fc.constant(ofUpdate({ endOfRib: of })),
  ),
);

const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ kind: fc.constant("multiprotocol"), family }, plain),
  fc.constantFrom<Capability>({ kind: "routeRefresh" }, { kind: "enhancedRouteRefresh" }, { kind: "extendedMessage" }),
  fc.record(
    {
      kind: fc.constant("gracefulRestart"),
      isRestarting: fc.boolean(),
      notification: fc.boolean(),
      restartTimeSeconds: fc.nat(4095),
      families: fc.array(fc.record({ family, isForwarding: fc.boolean() }, plain), { maxLength: 3 }),
    },
    plain,
  ),
  fc.record({ kind: fc.constant("other"), code: fc.integer({ min: 128, max: 255 }), octets: octets(255) }, plain),
);

const opens: fc.Arbitrary<Open> = fc
  .record({
    asn,
    holdTimeSeconds: fc.oneof(fc.constant(0), fc.integer({ min: 3, max: 65535 })),
    routerId,
    others: fc.array(capability, { maxLength: 8 }),
  })
  .map(({ others, ...open }) => ({
    type: "open",
    version: 4,
    ...open,
    capabilities: [...others, { kind: "fourOctetAs", asn: open.asn }],
  }));

/** Messages of every type. */
export const messages: fc.Arbitrary<Message> = fc.oneof(
  updates,
  opens,
  fc.record({ type: fc.constant("notification"), code: u8, subcode: u8, data: octets(100) }, plain),
  fc.constant<Message>({ type: "keepalive" }),
  fc.record(
    {
      type: fc.constant("routeRefresh"),
      family,
      subtype: fc.constantFrom("request" as const, "begin" as const, "end" as const),
    },
    plain,
  ),
);

/** Lengths into which a stream is cut. */
export const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 });

export const sessions = fc.record({ fourOctetAs: fc.boolean(), extendedMessage: fc.boolean() }, plain);
