import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { captures } from "../../testing/bgp-captures.ts";
import { attributesOf, ipv4, octetsOf, prefixesOf } from "../../testing/bgp-values.ts";
import { notification } from "./errors.ts";
import { CeaseReason } from "./iana.ts";
import { describeMessage } from "./message-text.ts";
import { cease, describeNotification, shutdownText } from "./notification-text.ts";

const told: readonly (readonly [name: string, line: string])[] = [
  [
    "GoBGP's OPEN",
    "OPEN version 4, AS 65001, hold time 90 s, router id 10.9.0.3, route refresh, capability 73, ipv4, ipv6, four-octet AS 65001, graceful restart 120 s ipv4, capability 5",
  ],
  [
    "BIRD's routes with communities of three kinds, over iBGP",
    "UPDATE announces 2: 192.168.1.64/26 192.168.1.0/26 (ORIGIN egp, AS_PATH, NEXT_HOP 10.9.0.1, MULTI_EXIT_DISC 50, LOCAL_PREF 100, COMMUNITIES 65001:100 65535:65281, EXTENDED COMMUNITIES 0x0002fde900000007, LARGE_COMMUNITY 65001:1:2)",
  ],
  [
    "GoBGP's route with an aggregator",
    "UPDATE announces 1: 198.51.100.0/24 (ORIGIN incomplete, AS_PATH 4200000005 65010 {65011 65012}, NEXT_HOP 10.9.0.3, MULTI_EXIT_DISC 9, LOCAL_PREF 100, AGGREGATOR 65010 10.1.1.1, COMMUNITIES 65001:5)",
  ],
  [
    "FRR's IPv6 route with a link-local next hop",
    "UPDATE announces 1: fd00:2::/64 (ORIGIN igp, AS_PATH 65002 4200000009, MULTI_EXIT_DISC 77, COMMUNITIES 65002:1 65535:65281, MP_REACH_NLRI next hop fd00:9::2 fe80::64fc:c6ff:feca:c9f0, LARGE_COMMUNITY 65002:3:4)",
  ],
  ["GoBGP's IPv6 withdrawal", "UPDATE withdraws 1: 2001:db8:3::/48"],
  ["end of RIB, IPv6", "UPDATE end of RIB ipv6"],
  ["KEEPALIVE", "KEEPALIVE"],
  ["FRR's beginning of a refresh", "ROUTE-REFRESH begin ipv6"],
  [
    "BIRD's shutdown, with what its administrator says",
    'NOTIFICATION Cease: Administrative Shutdown (6/2): "maintenance until 5 pm"',
  ],
  ["FRR's refusal of a network field", "NOTIFICATION UPDATE Message Error: Invalid Network Field (3/10)"],
];

for (const [name, line] of told) {
  test(`${name} in words`, () => {
    const message = captures.find((capture) => capture.name === name)?.message;
    assert.ok(message);
    assert.equal(describeMessage(message), line);
  });
}

test("what RFC 7606 did, long lists, and attributes without words", () => {
  const prefixes = prefixesOf(...Array.from({ length: 10 }, (_, index) => `10.${index}.0.0/16`));
  const attributes = attributesOf("192.0.2.1", {
    atomicAggregate: true,
    originatorId: ipv4("10.0.0.1"),
    clusterList: [ipv4("10.0.0.2"), ipv4("10.0.0.3")],
    opaque: [{ code: 99, flags: 0xe0, octets: octetsOf("0a0b") }],
  });
  const malformed = [{ code: 7, action: "discard", why: "AGGREGATOR: 6 octets (RFC 7606 section 7.7)" }] as const;
  assert.equal(
    describeMessage({ type: "update", withdrawn: [], announced: [{ attributes, prefixes }], malformed }),
    "UPDATE announces 10: 10.0.0.0/16 10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.4.0.0/16 10.5.0.0/16 10.6.0.0/16 10.7.0.0/16 … " +
      "(ORIGIN igp, AS_PATH, NEXT_HOP 192.0.2.1, ATOMIC_AGGREGATE, ORIGINATOR_ID 10.0.0.1, CLUSTER_LIST 10.0.0.2 10.0.0.3, attribute 99 0a0b); " +
      "discard: AGGREGATOR: 6 octets (RFC 7606 section 7.7)",
  );
  assert.equal(
    describeMessage({ type: "update", withdrawn: [], announced: [], malformed: [] }),
    "UPDATE without routes",
  );
});

const notifications: readonly (readonly [code: number, subcode: number, data: string, text: string])[] = [
  [1, 2, "1001", "Message Header Error: Bad Message Length (1/2): length 4097"],
  [1, 3, "09", "Message Header Error: Bad Message Type (1/3): type 9"],
  [2, 1, "0004", "OPEN Message Error: Unsupported Version Number (2/1): version 4 would do"],
  [2, 2, "", "OPEN Message Error: Bad Peer AS (2/2)"],
  [2, 0, "", "OPEN Message Error (2/0)"],
  [2, 99, "", "OPEN Message Error (2/99)"],
  [3, 1, "", "UPDATE Message Error: Malformed Attribute List (3/1)"],
  [3, 9, "800e0100", "UPDATE Message Error: Optional Attribute Error (3/9): MP_REACH_NLRI 800e0100"],
  [4, 0, "", "Hold Timer Expired (4/0)"],
  [5, 3, "", "Finite State Machine Error: Unexpected Message in Established State (5/3)"],
  [6, 1, "000101000003e8", "Cease: Maximum Number of Prefixes Reached (6/1): AFI 1, SAFI 1, at most 1000"],
  [6, 4, "00", "Cease: Administrative Reset (6/4): 00"],
  [6, 9, "0602036f6e65", 'Cease: Hard Reset (6/9): Cease: Administrative Shutdown (6/2): "one"'],
  [6, 9, "06090609", "Cease: Hard Reset (6/9): Cease: Hard Reset (6/9): 0609"],
  [6, 2, "056f6e65", "Cease: Administrative Shutdown (6/2): 056f6e65"],
  [6, 2, "02c328", "Cease: Administrative Shutdown (6/2): 02c328"],
  [6, 2, "071b5b324ac29b78", 'Cease: Administrative Shutdown (6/2): " [2J x"'],
  [6, 2, "06e280ae61620a", 'Cease: Administrative Shutdown (6/2): " ab "'],
  [99, 7, "00".repeat(40), `unknown error (99/7): ${"00".repeat(32)}… (40 octets)`],
];

for (const [code, subcode, data, text] of notifications) {
  test(`NOTIFICATION ${code}/${subcode} with ${data === "" ? "no data" : data} in words`, () => {
    assert.equal(describeNotification(notification(code, subcode, octetsOf(data))), text);
  });
}

test("a shutdown's text comes back as it was, cut behind a whole character when it is long (RFC 9003)", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }), (text) => {
      const message = cease(CeaseReason.administrativeShutdown, text);
      const read = shutdownText(message) ?? "";
      const plain = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, " ");
      assert.ok(plain.startsWith(read));
      assert.ok(message.data.length <= 256);
      if (Buffer.byteLength(text) <= 255) assert.equal(read, plain);
    }),
  );
  assert.equal(shutdownText(cease(CeaseReason.administrativeReset, "€".repeat(100))), "€".repeat(85));
});

test("other subcodes carry no text, and an empty one is none", () => {
  assert.equal(shutdownText(notification(6, 1, Uint8Array.of(1, 65))), undefined);
  assert.equal(shutdownText(notification(6, 2)), undefined);
  assert.deepEqual(cease(CeaseReason.maximumPrefixes, "no"), notification(6, 1));
  assert.deepEqual(cease(CeaseReason.administrativeShutdown), notification(6, 2));
});
