/** Every way in which an attribute can be malformed, with what RFC 7606 wants done, or the NOTIFICATION that ends the session. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  attributesOf,
  contextOf,
  ipv4,
  octetsOf,
  prefixesOf,
  sequence,
  updateOctets,
} from "../../testing/bgp-values.ts";
import { AttributeTable } from "./attribute-table.ts";
import type { DecodeContext } from "./codec-context.ts";
import { decodeMessage } from "./message-codec.ts";
import type { Update } from "./types.ts";

const ORIGIN = "40010100";
const AS_PATH = "4002060201 0000fde9";
const NEXT_HOP = "400304 c0000201";
const MANDATORY = ORIGIN + AS_PATH + NEXT_HOP;
const NLRI = "180a0000";
/** AFI 2, SAFI 1, next hop 2001:db8::1, 2001:db8:1::/48. */
const REACH = "800e1c 0002 01 10 20010db8000000000000000000000001 00 30 20010db80001";

const routes = prefixesOf("10.0.0.0/24");
const expected = attributesOf("192.0.2.1", { asPath: [sequence(65001)] });

const internal = { peerType: "internal" } as const;
const old = { fourOctetAs: false } as const;
const OLD_PATH = `${ORIGIN}4002040201fde9${NEXT_HOP}`;

interface Case {
  readonly what: string;
  readonly attributes: string;
  readonly nlri?: string;
  readonly context?: Partial<DecodeContext>;
  /** Of the attribute that is at fault. */
  readonly code: number;
  /** A section that the reason names. */
  readonly rfc: string;
}

/** RFC 7606 section 2: the routes are treated as withdrawn. */
const withdrawn: readonly Case[] = [
  { what: "ORIGIN of two octets", attributes: `4001020000${AS_PATH}${NEXT_HOP}`, code: 1, rfc: "7606 section 7.1" },
  { what: "ORIGIN 3", attributes: `40010103${AS_PATH}${NEXT_HOP}`, code: 1, rfc: "7606 section 7.1" },
  { what: "ORIGIN without value", attributes: `400100${AS_PATH}${NEXT_HOP}`, code: 1, rfc: "7606 section 7.1" },
  { what: "ORIGIN with flag optional", attributes: `c0010100${AS_PATH}${NEXT_HOP}`, code: 1, rfc: "7606 section 3 c" },
  { what: "no ORIGIN", attributes: AS_PATH + NEXT_HOP, code: 1, rfc: "7606 section 3 d" },
  { what: "no AS_PATH", attributes: ORIGIN + NEXT_HOP, code: 2, rfc: "7606 section 3 d" },
  { what: "no NEXT_HOP", attributes: ORIGIN + AS_PATH, code: 3, rfc: "7606 section 3 d" },
  { what: "no attributes", attributes: "", code: 1, rfc: "7606 section 3 d" },
  {
    what: "AS_PATH segment of an unknown type",
    attributes: `${ORIGIN}4002060501 0000fde9${NEXT_HOP}`,
    code: 2,
    rfc: "7606 section 7.2",
  },
  {
    what: "AS_PATH segment that exceeds the attribute",
    attributes: `${ORIGIN}4002060202 0000fde9${NEXT_HOP}`,
    code: 2,
    rfc: "7606 section 7.2",
  },
  { what: "AS_PATH with an octet left", attributes: `${ORIGIN}40020102${NEXT_HOP}`, code: 2, rfc: "7606 section 7.2" },
  {
    what: "AS_PATH segment without AS numbers",
    attributes: `${ORIGIN}4002020200${NEXT_HOP}`,
    code: 2,
    rfc: "7606 section 7.2",
  },
  {
    what: "AS 0 in AS_PATH (RFC 7607)",
    attributes: `${ORIGIN}4002060201 00000000${NEXT_HOP}`,
    code: 2,
    rfc: "7606 section 7.2",
  },
  {
    what: "confederation segment from outside",
    attributes: `${ORIGIN}4002060301 0000fde9${NEXT_HOP}`,
    code: 2,
    rfc: "5065 section 5",
  },
  { what: "NEXT_HOP of five octets", attributes: `${ORIGIN}${AS_PATH}400305 c000020101`, code: 3, rfc: "7.3" },
  { what: "NEXT_HOP 0.0.0.0", attributes: `${ORIGIN}${AS_PATH}400304 00000000`, code: 3, rfc: "7.3" },
  { what: "NEXT_HOP 127.0.0.1", attributes: `${ORIGIN}${AS_PATH}400304 7f000001`, code: 3, rfc: "7.3" },
  { what: "NEXT_HOP 224.0.0.5", attributes: `${ORIGIN}${AS_PATH}400304 e0000005`, code: 3, rfc: "7.3" },
  { what: "MULTI_EXIT_DISC of three octets", attributes: `${MANDATORY}800403 000001`, code: 4, rfc: "7.4" },
  {
    what: "LOCAL_PREF of five octets",
    attributes: `${MANDATORY}400505 0000000100`,
    context: internal,
    code: 5,
    rfc: "7.5",
  },
  { what: "COMMUNITIES of six octets", attributes: `${MANDATORY}c00806 000100020003`, code: 8, rfc: "7.8" },
  { what: "COMMUNITIES without value", attributes: `${MANDATORY}c00800`, code: 8, rfc: "7.8" },
  { what: "COMMUNITIES not transitive", attributes: `${MANDATORY}800804 00010002`, code: 8, rfc: "3 c" },
  {
    what: "ORIGINATOR_ID of three octets",
    attributes: `${MANDATORY}800903 000001`,
    context: internal,
    code: 9,
    rfc: "7.9",
  },
  {
    what: "CLUSTER_LIST of five octets",
    attributes: `${MANDATORY}800a05 0000000100`,
    context: internal,
    code: 10,
    rfc: "7.10",
  },
  { what: "CLUSTER_LIST without value", attributes: `${MANDATORY}800a00`, context: internal, code: 10, rfc: "7.10" },
  {
    what: "EXTENDED COMMUNITIES of seven octets",
    attributes: `${MANDATORY}c01007 00000000000000`,
    code: 16,
    rfc: "7.14",
  },
  {
    what: "LARGE_COMMUNITY of eight octets",
    attributes: `${MANDATORY}c02008 0000000100000001`,
    code: 32,
    rfc: "8092 section 6",
  },
  {
    what: "an attribute longer than what is left",
    attributes: `${MANDATORY}c00808 00010002`,
    code: 8,
    rfc: "7606 section 4",
  },
  {
    what: "an attribute an octet longer than what is left",
    attributes: `${MANDATORY}c00804 000100`,
    code: 8,
    rfc: "7606 section 4",
  },
  { what: "a header of an attribute cut short", attributes: `${MANDATORY}c008`, code: 8, rfc: "7606 section 4" },
  { what: "an extended length cut short", attributes: `${MANDATORY}d00800`, code: 8, rfc: "7606 section 4" },
  { what: "an octet where an attribute begins", attributes: `${MANDATORY}c0`, code: 0, rfc: "7606 section 4" },
];

for (const { what, attributes, context, code, rfc } of withdrawn) {
  test(`${what}: the routes are withdrawn`, () => {
    const octets = updateOctets({ withdrawn: "200a000001", attributes, nlri: NLRI });
    const decoded = decodeMessage(octets, contextOf(context));
    assert.ok(decoded.ok && decoded.message.type === "update");
    const { withdrawn: gone, announced, malformed, endOfRib } = decoded.message;
    assert.deepEqual([gone, announced, endOfRib], [[...prefixesOf("10.0.0.1/32"), ...routes], [], undefined]);
    const [first] = malformed;
    assert.deepEqual([first?.code, first?.action], [code, "withdraw"]);
    assert.match(first?.why ?? "", new RegExp(rfc));
  });

  test(`${what}, and no routes: the session ends (RFC 7606 section 5.2)`, () => {
    const decoded = decodeMessage(updateOctets({ attributes }), contextOf(context));
    // A missing attribute is no error where nothing is announced.
    if (rfc.endsWith("3 d")) assert.ok(decoded.ok);
    else {
      assert.ok(!decoded.ok);
      assert.deepEqual([decoded.error.code, decoded.error.detail.notification.subcode], ["badUpdate", 1]);
    }
  });
}

/** RFC 7606 section 2: the attribute is discarded, the routes count. */
const discarded: readonly Case[] = [
  { what: "LOCAL_PREF from an external peer", attributes: `${MANDATORY}400504 00000064`, code: 5, rfc: "7.5" },
  {
    what: "LOCAL_PREF of three octets from an external peer",
    attributes: `${MANDATORY}400503 000064`,
    code: 5,
    rfc: "7.5",
  },
  { what: "ORIGINATOR_ID from an external peer", attributes: `${MANDATORY}800904 0a000001`, code: 9, rfc: "7.9" },
  { what: "CLUSTER_LIST from an external peer", attributes: `${MANDATORY}800a04 0a000001`, code: 10, rfc: "7.10" },
  { what: "ATOMIC_AGGREGATE with a value", attributes: `${MANDATORY}400601 00`, code: 6, rfc: "7.6" },
  { what: "ATOMIC_AGGREGATE with flag optional", attributes: `${MANDATORY}c00600`, code: 6, rfc: "3 c" },
  {
    what: "AGGREGATOR of six octets among four-octet AS numbers",
    attributes: `${MANDATORY}c00706 fde9 0a000001`,
    code: 7,
    rfc: "7.7",
  },
  {
    what: "AGGREGATOR of eight octets among two-octet ones",
    attributes: `${OLD_PATH}c00708 0000fde9 0a000001`,
    context: old,
    code: 7,
    rfc: "7.7",
  },
  { what: "AGGREGATOR of AS 0", attributes: `${MANDATORY}c00708 00000000 0a000001`, code: 7, rfc: "7607" },
  {
    what: "AS4_PATH among four-octet AS numbers",
    attributes: `${MANDATORY}c01106 0201 0000fde9`,
    code: 17,
    rfc: "6793 section 4.1",
  },
  {
    what: "AS4_PATH without value",
    attributes: `${OLD_PATH}c01100`,
    context: old,
    code: 17,
    rfc: "6793 section 6",
  },
  {
    what: "AS4_PATH of four octets",
    attributes: `${OLD_PATH}c01104 02010000`,
    context: old,
    code: 17,
    rfc: "6793 section 6",
  },
  {
    what: "AS4_PATH segment that exceeds it",
    attributes: `${OLD_PATH}c01106 0202 0000fde9`,
    context: old,
    code: 17,
    rfc: "6793 section 6",
  },
  {
    what: "AS4_AGGREGATOR among four-octet AS numbers",
    attributes: `${MANDATORY}c01208 00000001 0a000001`,
    code: 18,
    rfc: "6793 section 4.1",
  },
  {
    what: "AS4_AGGREGATOR of six octets",
    attributes: `${OLD_PATH}c01206 fde9 0a000001`,
    context: old,
    code: 18,
    rfc: "6793 section 6",
  },
  {
    what: "AS4_AGGREGATOR of AS 0",
    attributes: `${OLD_PATH}c01208 00000000 0a000001`,
    context: old,
    code: 18,
    rfc: "7607",
  },
  { what: "an attribute that appears twice", attributes: `${MANDATORY}40010101`, code: 1, rfc: "3 g" },
  { what: "an unknown attribute that appears twice", attributes: `${MANDATORY}806300806300`, code: 99, rfc: "3 g" },
  {
    what: "prefixes of a family that nobody asked for",
    attributes: `${MANDATORY}800e0d 0019 41 04 c0000201 00 18 0a0000`,
    code: 14,
    rfc: "4760",
  },
  {
    what: "prefixes withdrawn of a family that nobody asked for",
    attributes: `${MANDATORY}800f04 0001 80 00`,
    code: 15,
    rfc: "4760",
  },
];

for (const { what, attributes, context, code, rfc } of discarded) {
  test(`${what}: it is discarded`, () => {
    const decoded = decodeMessage(updateOctets({ attributes, nlri: NLRI }), contextOf(context));
    assert.ok(decoded.ok && decoded.message.type === "update");
    const { withdrawn: gone, announced, malformed } = decoded.message;
    assert.deepEqual([gone, announced], [[], [{ attributes: expected, prefixes: routes }]]);
    assert.deepEqual(
      malformed.map((entry) => [entry.code, entry.action]),
      [[code, "discard"]],
    );
    assert.match(malformed[0]?.why ?? "", new RegExp(rfc));
  });
}

interface Reset {
  readonly what: string;
  readonly octets: Uint8Array;
  readonly subcode: number;
  /** What the NOTIFICATION carries, in hexadecimal. */
  readonly data?: string;
  readonly field: string;
}

const REACH_LONG_HOP = "800e0a 0002 01 05 2001020304 00";
const resets: readonly Reset[] = [
  {
    what: "withdrawn prefixes that exceed the message",
    octets: Uint8Array.from([...updateOctets({}).subarray(0, 19), 0, 1, 0, 0]),
    subcode: 1,
    field: "update.withdrawn.length",
  },
  {
    what: "attributes that exceed the message",
    octets: Uint8Array.from([...updateOctets({}).subarray(0, 19), 0, 0, 0, 1]),
    subcode: 1,
    field: "update.attributes.length",
  },
  {
    what: "a withdrawn prefix of 33 bits",
    octets: updateOctets({ withdrawn: "210a00000000" }),
    subcode: 10,
    field: "update.withdrawn",
  },
  {
    what: "a withdrawn prefix cut short",
    octets: updateOctets({ withdrawn: "180a00" }),
    subcode: 10,
    field: "update.withdrawn",
  },
  {
    what: "a prefix of 33 bits",
    octets: updateOctets({ attributes: MANDATORY, nlri: "210a00000000" }),
    subcode: 10,
    field: "update.nlri",
  },
  {
    what: "a prefix cut short",
    octets: updateOctets({ attributes: MANDATORY, nlri: "180a00" }),
    subcode: 10,
    field: "update.nlri",
  },
  {
    what: "an unknown attribute that calls itself well-known",
    octets: updateOctets({ attributes: `${MANDATORY}406302 0102`, nlri: NLRI }),
    subcode: 2,
    data: "4063020102",
    field: "update.attributes.attribute 99",
  },
  {
    what: "MP_REACH_NLRI twice",
    octets: updateOctets({ attributes: REACH + REACH + ORIGIN + AS_PATH }),
    subcode: 1,
    field: "update.attributes",
  },
  {
    what: "MP_UNREACH_NLRI twice",
    octets: updateOctets({ attributes: "800f03000201800f03000201" }),
    subcode: 1,
    field: "update.attributes",
  },
  {
    what: "MP_REACH_NLRI with a next hop of five octets",
    octets: updateOctets({ attributes: `${REACH_LONG_HOP}${ORIGIN}${AS_PATH}` }),
    subcode: 9,
    data: REACH_LONG_HOP,
    field: "update.attributes.MP_REACH_NLRI",
  },
  {
    what: "MP_REACH_NLRI with a next hop beyond the message",
    octets: updateOctets({ attributes: "800e05 0002 01 ff 00" }),
    subcode: 9,
    data: "800e05 0002 01 ff 00",
    field: "update.attributes.MP_REACH_NLRI",
  },
  {
    what: "MP_REACH_NLRI with an IPv6 next hop for IPv4",
    octets: updateOctets({ attributes: `800e15 0001 01 10 20010db8000000000000000000000001 00${ORIGIN}${AS_PATH}` }),
    subcode: 9,
    data: "800e15 0001 01 10 20010db8000000000000000000000001 00",
    field: "update.attributes.MP_REACH_NLRI",
  },
  {
    what: "MP_REACH_NLRI of four octets",
    octets: updateOctets({ attributes: `800e04 00020110${ORIGIN}${AS_PATH}` }),
    subcode: 9,
    data: "800e04 00020110",
    field: "update.attributes.MP_REACH_NLRI",
  },
  {
    what: "MP_REACH_NLRI with a prefix of 129 bits",
    octets: updateOctets({ attributes: `${REACH.replace("00 30 2001", "00 81 2001")}${ORIGIN}${AS_PATH}` }),
    subcode: 9,
    data: REACH.replace("00 30 2001", "00 81 2001"),
    field: "update.attributes.MP_REACH_NLRI",
  },
  {
    what: "MP_UNREACH_NLRI of two octets",
    octets: updateOctets({ attributes: "800f020002" }),
    subcode: 9,
    data: "800f020002",
    field: "update.attributes.MP_UNREACH_NLRI",
  },
  {
    what: "MP_UNREACH_NLRI with a prefix cut short",
    octets: updateOctets({ attributes: "800f06 000201 402001" }),
    subcode: 9,
    data: "800f06 000201 402001",
    field: "update.attributes.MP_UNREACH_NLRI",
  },
];

for (const { what, octets, subcode, data = "", field } of resets) {
  test(`${what}: the session ends`, () => {
    for (const session of [{}, internal, old]) {
      const decoded = decodeMessage(octets, contextOf(session));
      assert.ok(!decoded.ok);
      assert.equal(decoded.error.code, "badUpdate");
      const { notification } = decoded.error.detail;
      assert.deepEqual(notification, { type: "notification", code: 3, subcode, data: octetsOf(data) });
      assert.equal(decoded.error.detail.field, field);
    }
  });
}

const updateFrom = (octets: Uint8Array, context: DecodeContext): Update => {
  const decoded = decodeMessage(octets, context);
  assert.ok(decoded.ok && decoded.message.type === "update");
  return decoded.message;
};

test("an IPv6 next hop that is no host, and wrong flags, withdraw IPv6 routes", () => {
  const noHost = REACH.replace("20010db8000000000000000000000001", "ff020000000000000000000000000001");
  const transitive = REACH.replace("800e", "c00e");
  const context = contextOf();
  assert.equal(updateFrom(updateOctets({ attributes: REACH + ORIGIN + AS_PATH }), context).announced.length, 1);
  for (const reach of [noHost, transitive]) {
    const update = updateFrom(updateOctets({ attributes: reach + ORIGIN + AS_PATH }), context);
    assert.deepEqual(update.withdrawn, prefixesOf("2001:db8:1::/48"));
    assert.deepEqual(update.announced, []);
    assert.deepEqual([update.malformed[0]?.code, update.malformed[0]?.action], [14, "withdraw"]);
  }
});

test("the strongest of several errors counts (RFC 7606 section 3 h)", () => {
  const attributes = `400601 00${MANDATORY}800403 000001`;
  const update = updateFrom(updateOctets({ attributes, nlri: NLRI }), contextOf());
  assert.deepEqual(
    update.malformed.map(({ code, action }) => [code, action]),
    [
      [6, "discard"],
      [4, "withdraw"],
    ],
  );
  assert.deepEqual([update.withdrawn, update.announced], [routes, []]);
});

test("an update of both families announces both, each with its own next hop", () => {
  const update = updateFrom(updateOctets({ attributes: REACH + MANDATORY, nlri: NLRI }), contextOf());
  assert.deepEqual(update.announced, [
    { attributes: expected, prefixes: routes },
    {
      attributes: { ...expected, nextHop: 0x20010db8000000000000000000000001n },
      prefixes: prefixesOf("2001:db8:1::/48"),
    },
  ]);
});

test("what is withdrawn beside an announcement is withdrawn each time", () => {
  const context = contextOf();
  const octets = updateOctets({ attributes: `800f05 0002 01 08 fd ${MANDATORY}`, nlri: NLRI });
  for (const _ of [1, 2, 3]) {
    const { withdrawn: gone, announced } = updateFrom(octets, context);
    assert.deepEqual([gone, announced], [prefixesOf("fd00::/8"), [{ attributes: expected, prefixes: routes }]]);
  }
});

test("an end of RIB of a family that the session does not carry is none", () => {
  const update = updateFrom(updateOctets({ attributes: "800f03 0002 01" }), contextOf({ families: [4] }));
  assert.equal(update.endOfRib, undefined);
  assert.deepEqual([update.malformed[0]?.code, update.malformed[0]?.action], [15, "discard"]);
});

test("routes of a family that the session does not carry are set aside, though another session's are remembered", () => {
  const attributes = new AttributeTable();
  const [plain, mp] = [
    updateOctets({ attributes: MANDATORY, nlri: NLRI }),
    updateOctets({ attributes: REACH + MANDATORY }),
  ];
  for (const octets of [plain, mp]) assert.equal(updateFrom(octets, contextOf({ attributes })).announced.length, 1);
  const only4 = contextOf({ families: [4], attributes });
  const only6 = contextOf({ families: [6], attributes });
  const setAside: readonly (readonly [octets: Uint8Array, context: DecodeContext, code: number])[] = [
    [mp, only4, 14],
    [plain, only6, 0],
    [updateOctets({ withdrawn: "080b" }), only6, 0],
  ];
  for (const [octets, context, code] of setAside) {
    const { withdrawn: gone, announced, malformed } = updateFrom(octets, context);
    assert.deepEqual([gone, announced], [[], []]);
    assert.deepEqual(
      malformed.map((entry) => [entry.code, entry.action]),
      [[code, "discard"]],
    );
  }
  const both = updateOctets({ attributes: REACH + MANDATORY, nlri: NLRI });
  assert.deepEqual(updateFrom(both, only4).announced, [{ attributes: expected, prefixes: routes }]);
  assert.deepEqual(updateFrom(both, only6).announced[0]?.prefixes, prefixesOf("2001:db8:1::/48"));
});

test("confederation segments are taken from internal peers", () => {
  const attributes = `${ORIGIN}4002060301 0000fde9${NEXT_HOP}`;
  const update = updateFrom(updateOctets({ attributes, nlri: NLRI }), contextOf(internal));
  assert.deepEqual(update.announced[0]?.attributes.asPath, [{ kind: "confederationSequence", asns: [65001] }]);
});

test("an unknown optional attribute is passed on with Partial set, or forgotten where it is not transitive", () => {
  const attributes = `${MANDATORY}c0ff03 010203 806301 ff c06400`;
  const update = updateFrom(updateOctets({ attributes, nlri: NLRI }), contextOf());
  assert.deepEqual(update.announced[0]?.attributes.opaque, [
    { code: 100, flags: 0xe0, octets: new Uint8Array(0) },
    { code: 255, flags: 0xe0, octets: Uint8Array.of(1, 2, 3) },
  ]);
  assert.deepEqual(update.malformed, []);
});

test("Partial of attributes that we know is kept", () => {
  const attributes = `${MANDATORY}e00804 00010002 e00708 0000fde9 0a000001`;
  const update = updateFrom(updateOctets({ attributes, nlri: NLRI }), contextOf());
  assert.deepEqual(update.announced[0]?.attributes, {
    ...expected,
    communities: [0x10002],
    aggregator: { asn: 65001, routerId: ipv4("10.0.0.1") },
    partial: [7, 8],
  });
});

test("bits behind a prefix's length mean nothing", () => {
  const update = updateFrom(updateOctets({ attributes: MANDATORY, nlri: "19c0a801ff 09ffff 00" }), contextOf());
  assert.deepEqual(update.announced[0]?.prefixes, prefixesOf("192.168.1.128/25", "255.128.0.0/9", "0.0.0.0/0"));
  const reach = "800e21 0002 01 10 20010db8000000000000000000000001 00 31 20010db80001ff 0900ff 00";
  const update6 = updateFrom(updateOctets({ attributes: reach + ORIGIN + AS_PATH }), contextOf());
  assert.deepEqual(update6.announced[0]?.prefixes, prefixesOf("2001:db8:1:8000::/49", "80::/9", "::/0"));
});
