/**
 * Messages that BIRD 2.0.12, FRR 8.4.4 and GoBGP 3.10.0 sent each other, beside what they say. Addresses and names are those of
 * the sessions they were captured from: BIRD is AS 65001 (an old one 65004), FRR AS 65002, GoBGP AS 65001.
 */
import type { DecodeContext } from "../bgp/message/codec-context.ts";
import type { AttributeSet, Message, Update } from "../bgp/message/types.ts";
import {
  attributesOf,
  community,
  ipv4,
  ipv6,
  messageOctets,
  octetsOf,
  prefixesOf,
  sequence,
  set,
} from "./bgp-values.ts";

export interface Capture {
  readonly name: string;
  readonly octets: Uint8Array;
  readonly context: Partial<DecodeContext>;
  readonly message: Message;
  /** Why we would write the same otherwise; left out where our octets are the same. */
  readonly differs?: string;
}

const internal = { peerType: "internal" } as const;
const external = { peerType: "external" } as const;
const old = { peerType: "external", fourOctetAs: false } as const;

const update = (more: Partial<Update>): Update => ({
  type: "update",
  withdrawn: [],
  announced: [],
  malformed: [],
  ...more,
});

const announced = (attributes: AttributeSet, ...prefixes: string[]): Update =>
  update({ announced: [{ attributes, prefixes: prefixesOf(...prefixes) }] });

const gracefulRestart = (isForwarding: boolean, families: readonly (4 | 6)[]) =>
  ({
    kind: "gracefulRestart",
    isRestarting: false,
    notification: false,
    restartTimeSeconds: 120,
    families: families.map((family) => ({ family, isForwarding })),
  }) as const;

const longReach = "MP_REACH_NLRI with a length of two octets where one would do";

const communities = [community(65001, 100), 0xffffff01];
const largeCommunities = [{ global: 65001, local1: 1, local2: 2 }];
const fromFrr = {
  communities: [community(65002, 1), 0xffffff01],
  largeCommunities: [{ global: 65002, local1: 3, local2: 4 }],
  med: 77,
};

export const captures: readonly Capture[] = [
  {
    name: "BIRD's OPEN",
    octets: messageOctets(
      1,
      "04fde9005a0a09000128022601040001000101040002000102000600400a0078000101000002010041040000fde946004700",
    ),
    context: external,
    message: {
      type: "open",
      version: 4,
      asn: 65001,
      holdTimeSeconds: 90,
      routerId: ipv4("10.9.0.1"),
      capabilities: [
        { kind: "multiprotocol", family: 4 },
        { kind: "multiprotocol", family: 6 },
        { kind: "routeRefresh" },
        { kind: "extendedMessage" },
        gracefulRestart(false, [4, 6]),
        { kind: "fourOctetAs", asn: 65001 },
        { kind: "enhancedRouteRefresh" },
        { kind: "other", code: 71, octets: new Uint8Array(0) },
      ],
    },
  },
  {
    name: "FRR's OPEN, a parameter for each capability",
    octets: messageOctets(
      1,
      "04fdea00b40a0900025c02060104000100010206010400020001020280000202020002024600020641040000fdea02020600020a450800010101000201010206490402766d00020c400ac07800010100000201000210470e0001018000000000020180000000",
    ),
    context: external,
    differs: "one parameter for all capabilities",
    message: {
      type: "open",
      version: 4,
      asn: 65002,
      holdTimeSeconds: 180,
      routerId: ipv4("10.9.0.2"),
      capabilities: [
        { kind: "multiprotocol", family: 4 },
        { kind: "multiprotocol", family: 6 },
        { kind: "other", code: 128, octets: new Uint8Array(0) },
        { kind: "routeRefresh" },
        { kind: "enhancedRouteRefresh" },
        { kind: "fourOctetAs", asn: 65002 },
        { kind: "extendedMessage" },
        { kind: "other", code: 69, octets: octetsOf("0001010100020101") },
        { kind: "other", code: 73, octets: octetsOf("02766d00") },
        { ...gracefulRestart(false, [4, 6]), isRestarting: true, notification: true },
        { kind: "other", code: 71, octets: octetsOf("0001018000000000020180000000") },
      ],
    },
  },
  {
    name: "GoBGP's OPEN",
    octets: messageOctets(
      1,
      "04fde9005a0a0900032c022a0200490402766d0001040001000101040002000141040000fde940064078000101000506000100010002",
    ),
    context: internal,
    message: {
      type: "open",
      version: 4,
      asn: 65001,
      holdTimeSeconds: 90,
      routerId: ipv4("10.9.0.3"),
      capabilities: [
        { kind: "routeRefresh" },
        { kind: "other", code: 73, octets: octetsOf("02766d00") },
        { kind: "multiprotocol", family: 4 },
        { kind: "multiprotocol", family: 6 },
        { kind: "fourOctetAs", asn: 65001 },
        { ...gracefulRestart(false, [4]), notification: true },
        { kind: "other", code: 5, octets: octetsOf("000100010002") },
      ],
    },
  },
  { name: "KEEPALIVE", octets: messageOctets(4, ""), context: external, message: { type: "keepalive" } },
  {
    name: "BIRD's routes with communities of three kinds, over iBGP",
    octets: messageOctets(
      2,
      "00000041400101014002004003040a0900018004040000003240050400000064c00808fde90064ffffff01c010080002fde900000007c0200c0000fde900000001000000021ac0a801401ac0a80100",
    ),
    context: internal,
    message: announced(
      attributesOf("10.9.0.1", {
        origin: "egp",
        med: 50,
        localPref: 100,
        communities,
        extendedCommunities: [0x0002fde900000007n],
        largeCommunities,
      }),
      "192.168.1.64/26",
      "192.168.1.0/26",
    ),
  },
  {
    name: "BIRD's path of four-octet AS numbers",
    octets: messageOctets(2, "0000001f4001010040020a0202fa56ea02fa56ea014003040a09000140050400000064100a4d"),
    context: internal,
    message: announced(
      attributesOf("10.9.0.1", { asPath: [sequence(4200000002, 4200000001)], localPref: 100 }),
      "10.77.0.0/16",
    ),
  },
  {
    name: "BIRD's default route",
    octets: messageOctets(2, "00000015400101004002004003040a0900014005040000006400"),
    context: internal,
    message: announced(attributesOf("10.9.0.1", { localPref: 100 }), "0.0.0.0/0"),
  },
  {
    name: "BIRD's IPv6 routes",
    octets: messageOctets(
      2,
      "00000048900e003600020110fd000009000000000000000000000001003020010db8000140fd0000770000000080fd0000770001000000000000000000014001010040020040050400000064",
    ),
    context: internal,
    differs: longReach,
    message: announced(
      attributesOf("fd00:9::1", { localPref: 100 }),
      "2001:db8:1::/48",
      "fd00:77::/64",
      "fd00:77:1::1/128",
    ),
  },
  {
    name: "BIRD's IPv6 routes with a link-local next hop, to a speaker of two-octet AS numbers",
    octets: messageOctets(
      2,
      "00000055900e004600020120fd000009000000000000000000000001fe80000000000000d4a808fffe6c2c77003020010db8000140fd0000770000000080fd000077000100000000000000000001400101004002040201fde9",
    ),
    context: old,
    differs: longReach,
    message: announced(
      attributesOf("fd00:9::1", {
        linkLocalNextHop: ipv6("fe80::d4a8:8ff:fe6c:2c77"),
        asPath: [sequence(65001)],
      }),
      "2001:db8:1::/48",
      "fd00:77::/64",
      "fd00:77:1::1/128",
    ),
  },
  {
    name: "BIRD's AS_TRANS with AS4_PATH",
    octets: messageOctets(
      2,
      "00000027400101004002080203fde95ba05ba04003040a090001c0110e02030000fde9fa56ea02fa56ea01100a4d",
    ),
    context: old,
    message: announced(attributesOf("10.9.0.1", { asPath: [sequence(65001, 4200000002, 4200000001)] }), "10.77.0.0/16"),
  },
  {
    name: "BIRD's AS4_PATH with an AS_SET, and an aggregator of two octets",
    octets: messageOctets(
      2,
      "000000474001010240020e0203fde95ba0fdf20102fdf3fdf44003040a090001c00706fdf20a010101c00804fde90005c0111802030000fde9fa56ea050000fdf201020000fdf30000fdf418c63364",
    ),
    context: old,
    message: announced(
      attributesOf("10.9.0.1", {
        origin: "incomplete",
        asPath: [sequence(65001, 4200000005, 65010), set(65011, 65012)],
        aggregator: { asn: 65010, routerId: ipv4("10.1.1.1") },
        communities: [community(65001, 5)],
      }),
      "198.51.100.0/24",
    ),
  },
  {
    name: "GoBGP's route with an aggregator",
    octets: messageOctets(
      2,
      "00000042400101024002140202fa56ea050000fdf201020000fdf30000fdf44003040a0900038004040000000940050400000064c007080000fdf20a010101c00804fde9000518c63364",
    ),
    context: internal,
    message: announced(
      attributesOf("10.9.0.3", {
        origin: "incomplete",
        asPath: [sequence(4200000005, 65010), set(65011, 65012)],
        med: 9,
        localPref: 100,
        aggregator: { asn: 65010, routerId: ipv4("10.1.1.1") },
        communities: [community(65001, 5)],
      }),
      "198.51.100.0/24",
    ),
  },
  {
    name: "GoBGP's IPv6 route",
    octets: messageOctets(
      2,
      "0000002d4001010240020040050400000064800e1c00020110fd000009000000000000000000000003003020010db80003",
    ),
    context: internal,
    differs: "MP_REACH_NLRI last",
    message: announced(attributesOf("fd00:9::3", { origin: "incomplete", localPref: 100 }), "2001:db8:3::/48"),
  },
  {
    name: "FRR's aggregate",
    octets: messageOctets(
      2,
      "00000045400101005002000a02020000fdeafa56ea094003040a0900028004040000004dc007080000fdea0a090002c00808fdea0001ffffff01c0200c0000fdea00000003000000040cac10",
    ),
    context: external,
    differs: "AS_PATH with a length of two octets where one would do",
    message: announced(
      attributesOf("10.9.0.2", {
        ...fromFrr,
        asPath: [sequence(65002, 4200000009)],
        aggregator: { asn: 65002, routerId: ipv4("10.9.0.2") },
      }),
      "172.16.0.0/12",
    ),
  },
  {
    name: "FRR's IPv6 route with a link-local next hop",
    octets: messageOctets(
      2,
      "00000065900e002e00020120fd000009000000000000000000000002fe8000000000000064fcc6fffecac9f00040fd00000200000000400101005002000a02020000fdeafa56ea098004040000004dc00808fdea0001ffffff01c0200c0000fdea0000000300000004",
    ),
    context: external,
    differs: longReach,
    message: announced(
      attributesOf("fd00:9::2", {
        ...fromFrr,
        linkLocalNextHop: ipv6("fe80::64fc:c6ff:feca:c9f0"),
        asPath: [sequence(65002, 4200000009)],
      }),
      "fd00:2::/64",
    ),
  },
  {
    name: "BIRD's withdrawal",
    octets: messageOctets(2, "000a0cac1018ac100110ac100000"),
    context: internal,
    message: update({ withdrawn: prefixesOf("172.16.0.0/12", "172.16.1.0/24", "172.16.0.0/16") }),
  },
  {
    name: "GoBGP's IPv6 withdrawal",
    octets: messageOctets(2, "0000000d800f0a0002013020010db80003"),
    context: internal,
    message: update({ withdrawn: prefixesOf("2001:db8:3::/48") }),
  },
  {
    name: "BIRD's IPv6 withdrawal",
    octets: messageOctets(2, "00000010900f000c00020140fd00000200000000"),
    context: internal,
    differs: longReach,
    message: update({ withdrawn: prefixesOf("fd00:2::/64") }),
  },
  {
    name: "end of RIB, IPv4",
    octets: messageOctets(2, "00000000"),
    context: external,
    message: update({ endOfRib: 4 }),
  },
  {
    name: "end of RIB, IPv6",
    octets: messageOctets(2, "00000006800f03000201"),
    context: external,
    message: update({ endOfRib: 6 }),
  },
  {
    name: "BIRD's request for a refresh",
    octets: messageOctets(5, "00010001"),
    context: external,
    message: { type: "routeRefresh", family: 4, subtype: "request" },
  },
  {
    name: "FRR's beginning of a refresh",
    octets: messageOctets(5, "00020101"),
    context: external,
    message: { type: "routeRefresh", family: 6, subtype: "begin" },
  },
  {
    name: "FRR's end of a refresh",
    octets: messageOctets(5, "00010201"),
    context: external,
    message: { type: "routeRefresh", family: 4, subtype: "end" },
  },
  {
    name: "BIRD's shutdown, with what its administrator says",
    octets: messageOctets(3, "0602166d61696e74656e616e636520756e74696c203520706d"),
    context: external,
    message: {
      type: "notification",
      code: 6,
      subcode: 2,
      data: octetsOf("166d61696e74656e616e636520756e74696c203520706d"),
    },
  },
  {
    name: "FRR's refusal of a network field",
    octets: messageOctets(3, "030a"),
    context: external,
    message: { type: "notification", code: 3, subcode: 10, data: new Uint8Array(0) },
  },
];
