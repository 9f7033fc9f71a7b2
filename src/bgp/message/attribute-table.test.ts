import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { attributeSets } from "../../testing/bgp-messages.ts";
import {
  attributesOf,
  contextOf,
  encodedMessages,
  octetsOf,
  prefixesOf,
  sequence,
  updateOctets,
} from "../../testing/bgp-values.ts";
import { AttributeTable } from "./attribute-table.ts";
import type { DecodeContext } from "./codec-context.ts";
import { decodeMessage } from "./message-codec.ts";
import type { AttributeSet, Update } from "./types.ts";

/** Its `AttributeSet` and nothing else must be told apart by any field. */
const variants: readonly Partial<AttributeSet>[] = [
  {},
  { origin: "egp" },
  { asPath: [{ kind: "sequence", asns: [1] }] },
  { asPath: [{ kind: "set", asns: [1] }] },
  { asPath: [{ kind: "sequence", asns: [1, 2] }] },
  { med: 0 },
  { localPref: 0 },
  { atomicAggregate: true },
  { aggregator: { asn: 1, routerId: attributesOf("10.0.0.1").nextHop as never } },
  { communities: [1] },
  { communities: [2, 1] },
  { communities: [1, 2] },
  { extendedCommunities: [1n] },
  { largeCommunities: [{ global: 1, local1: 2, local2: 3 }] },
  { originatorId: 1 as never },
  { clusterList: [1 as never] },
  { opaque: [{ code: 99, flags: 0xe0, octets: octetsOf("010203") }] },
  { opaque: [{ code: 99, flags: 0xe0, octets: octetsOf("010403") }] },
  { communities: [1], partial: [8] },
  { linkLocalNextHop: 1n as never },
];

test("sets of the same content are one object, others are not", () => {
  const table = new AttributeTable();
  const first = variants.map((variant) => table.intern(attributesOf("192.0.2.1", variant)));
  const again = variants.map((variant) => table.intern(attributesOf("192.0.2.1", variant)));
  for (const [index, set] of again.entries()) assert.equal(set, first[index]);
  assert.equal(new Set(again).size, variants.length);
  assert.notEqual(table.intern(attributesOf("192.0.2.2")), first[0]);
  assert.equal(table.size, variants.length + 1);
});

test("two random sets are one object exactly where they say the same", () => {
  fc.assert(
    fc.property(attributeSets(4), attributeSets(6), (a, b) => {
      const table = new AttributeTable();
      const one = table.intern(a);
      assert.equal(table.intern(structuredClone(a)), one);
      assert.notEqual(table.intern(b), one);
    }),
  );
});

const updateOf = (attributes: AttributeSet, ...prefixes: string[]): Update => ({
  type: "update",
  withdrawn: [],
  announced: [{ attributes, prefixes: prefixesOf(...prefixes) }],
  malformed: [],
});

function decodedSet(octets: readonly Uint8Array[], context: DecodeContext): AttributeSet {
  const [first] = octets;
  assert.ok(first);
  const decoded = decodeMessage(first, context);
  assert.ok(decoded.ok && decoded.message.type === "update");
  const set = decoded.message.announced[0]?.attributes;
  assert.ok(set);
  return set;
}

test("the same octets mean other attributes on other sessions, and the same ones on equal sessions", () => {
  const attributes = new AttributeTable();
  const octets = encodedMessages(updateOf(attributesOf("192.0.2.1", { localPref: 50 }), "10.0.0.0/8"), contextOf());
  const internal = contextOf({ peerType: "internal", attributes });
  const external = contextOf({ peerType: "external", attributes });
  assert.equal(decodedSet(octets, internal).localPref, 50);
  assert.equal(decodedSet(octets, external).localPref, undefined);
  assert.equal(decodedSet(octets, { ...internal }), decodedSet(octets, internal));
  assert.equal(decodedSet(octets, external).localPref, undefined);
});

test("the same octets hold other paths where AS numbers have two octets", () => {
  const attributes = new AttributeTable();
  const octets = updateOctets({
    attributes: "40010100 40020a 0202 00010002 02010005 400304 c0000201",
    nlri: "080a",
  });
  const pathOf = (fourOctetAs: boolean): AttributeSet["asPath"] =>
    decodedSet([octets], contextOf({ attributes, fourOctetAs })).asPath;
  assert.deepEqual(pathOf(true), [sequence(0x10002, 0x2010005)]);
  assert.deepEqual(pathOf(false), [sequence(1, 2), sequence(5)]);
});

test("a link-local next hop and attributes that look like one are told apart", () => {
  const context = contextOf();
  const hop = "20010db8000000000000000000000001";
  const lookalike = "fe800000 c08109 000102030405060708";
  const rest = "40010100 400200";
  const one = `800e1a 0002 01 10 ${hop} 00 20 20010db8 ${lookalike} ${rest}`;
  const two = `800e2a 0002 01 20 ${hop} ${lookalike} 00 20 20010db8 ${rest}`;
  const sets = [one, two].map((attributes) => decodedSet([updateOctets({ attributes })], context));
  assert.deepEqual(
    sets.map(({ opaque, linkLocalNextHop }) => [opaque.length, linkLocalNextHop === undefined]),
    [
      [2, true],
      [0, false],
    ],
  );
});

test("a set keeps nothing of the octets it came in", () => {
  const octets = updateOctets({ attributes: "40010100 400200 400304 c0000201 e06302 0102", nlri: "080a" });
  const set = decodedSet([octets], contextOf());
  octets.fill(0);
  assert.deepEqual(set.opaque, [{ code: 99, flags: 0xe0, octets: Uint8Array.of(1, 2) }]);
});

test("the octets of IPv6 attributes do not count as IPv4's, nor other prefixes as other attributes", () => {
  const context = contextOf({ peerType: "internal" });
  const six = attributesOf("2001:db8::1");
  const first = decodedSet(encodedMessages(updateOf(six, "2001:db8:1::/48"), context), context);
  const second = decodedSet(encodedMessages(updateOf(six, "2001:db8:2::/48", "::/0"), context), context);
  assert.equal(first, second);
  const hop = decodedSet(encodedMessages(updateOf(attributesOf("2001:db8::2"), "2001:db8:1::/48"), context), context);
  assert.notEqual(hop, first);
});

/** Runs the collector; weak references are let go between turns of the event loop only. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  await new Promise((resolve) => setImmediate(resolve));
  gc();
}

test("what nobody refers to is swept away, octets included, while what is held stays", async () => {
  const table = new AttributeTable();
  const context = contextOf({ attributes: table });
  const octetsAt = (index: number): Uint8Array[] =>
    encodedMessages(updateOf(attributesOf("192.0.2.1", { med: index }), "10.0.0.0/8"), context);
  const held = decodedSet(octetsAt(0), context);
  for (let index = 1; index <= 1000; index++) decodedSet(octetsAt(index), context);
  assert.equal(table.size, 1001);
  await collectGarbage();
  // Four for each that is added from 1,024 on.
  for (let index = 1; index <= 250; index++) decodedSet(octetsAt(-index >>> 0), context);
  assert.ok(table.size < 1001, `${table.size} sets`);
  await collectGarbage();
  for (let pass = 0; pass < 20; pass++) table.sweep(100);
  assert.ok(table.size < 100 && table.forms < 100, `${table.size} sets, ${table.forms} forms`);
  assert.equal(decodedSet(octetsAt(0), context), held);
});

test("octets that come again after their set was collected are remembered anew", async () => {
  const table = new AttributeTable();
  const context = contextOf({ attributes: table });
  const octetsAt = (med: number): Uint8Array[] =>
    encodedMessages(updateOf(attributesOf("192.0.2.1", { med }), "10.0.0.0/8"), context);
  for (let med = 0; med < 10; med++) decodedSet(octetsAt(med), context);
  await collectGarbage();
  // What is left of the old one is swept away only afterwards.
  const held = decodedSet(octetsAt(9), context);
  for (let pass = 0; pass < 4; pass++) table.sweep(100);
  assert.deepEqual([table.size, table.forms], [1, 1]);
  assert.equal(decodedSet(octetsAt(9), context), held);
});

test("one set keeps the last octets it came in, whatever a peer invents", () => {
  const table = new AttributeTable();
  const set = table.remember(0, "first", attributesOf("192.0.2.1"));
  assert.equal(table.remember(1, "second", attributesOf("192.0.2.1")), set);
  assert.equal(table.recall(0, "first"), undefined);
  assert.equal(table.recall(1, "second"), set);
});
