import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipv6Of, parseAddress } from "../../ip/address.ts";
import { covers, type Prefix, parsePrefix, prefixOf } from "../../ip/prefix.ts";
import { prefixCode } from "../../ip/prefix-code.ts";
import { attributes, code } from "../../testing/bgp-tables.ts";
import { ipv4 } from "../../testing/bgp-values.ts";
import type { AttributeSet } from "../message/types.ts";
import { asksForPrefix, evaluate, type FilterRoute } from "./evaluate.ts";
import type { Action, Condition, Filter, Term } from "./types.ts";

const term = (over: Partial<Term>): Term => ({ about: "a term", conditions: [], actions: [], ...over });
const filterOf = (terms: readonly Term[], otherwise: Filter["otherwise"] = "reject"): Filter => ({
  name: "f",
  terms,
  otherwise,
});

const route = (over: Partial<FilterRoute> = {}): FilterRoute => ({
  prefix: code("192.168.1.0/26"),
  attributes: attributes("10.0.0.1", [65001, 65002]),
  source: "internalPeer",
  ...over,
});

const holds = (condition: Condition, over: Partial<FilterRoute> = {}): boolean =>
  evaluate(filterOf([term({ conditions: [condition], verdict: "accept" })]), route(over), { peerType: "internal" })
    .verdict === "accept";

const after = (actions: readonly Action[], from: AttributeSet): AttributeSet =>
  evaluate(filterOf([term({ actions })], "accept"), route({ attributes: from }), { peerType: "internal" }).attributes;

test("the first matching term with a verdict ends it and is named", () => {
  const first = term({ about: "first", conditions: [{ kind: "source", source: "local" }], verdict: "reject" });
  const second = term({ about: "second", verdict: "accept" });
  const third = term({ about: "third", verdict: "reject" });
  const outcome = evaluate(filterOf([first, second, third]), route(), { peerType: "internal" });
  assert.equal(outcome.verdict, "accept");
  assert.equal(outcome.term, second);
});

test("when no term ends it, the filter's last word counts and no term is named", () => {
  for (const otherwise of ["accept", "reject"] as const) {
    const outcome = evaluate(filterOf([term({})], otherwise), route(), { peerType: "internal" });
    assert.deepEqual([outcome.verdict, outcome.term], [otherwise, undefined]);
  }
});

test("a term without a verdict acts, and later terms see what it did", () => {
  const outcome = evaluate(
    filterOf([
      term({ actions: [{ kind: "setLocalPref", value: 200 }] }),
      term({ conditions: [{ kind: "localPref", value: 200 }], verdict: "accept" }),
    ]),
    route(),
    { peerType: "internal" },
  );
  assert.equal(outcome.verdict, "accept");
  assert.equal(outcome.attributes.localPref, 200);
});

test("a route that no action touches keeps the very same attributes", () => {
  const given = route({ attributes: attributes("10.0.0.1", [], { communities: [7] }) });
  const add: Action = { kind: "addCommunity", community: 7 };
  const outcome = evaluate(filterOf([term({ actions: [add] })], "accept"), given, { peerType: "internal" });
  assert.equal(outcome.attributes, given.attributes);
});

test("conditions", () => {
  const prefix = parsePrefix("192.168.0.0/16");
  const large = { global: 1, local1: 2, local2: 3 };
  const marked = { attributes: attributes("10.0.0.1", [65001], { communities: [9], largeCommunities: [large] }) };
  assert.ok(holds({ kind: "equals", prefix: parsePrefix("192.168.1.0/26") }));
  assert.ok(!holds({ kind: "equals", prefix }));
  assert.ok(holds({ kind: "within", prefix }));
  assert.ok(!holds({ kind: "within", prefix, least: 27 }));
  assert.ok(!holds({ kind: "within", prefix, most: 25 }));
  assert.ok(!holds({ kind: "within", prefix: parsePrefix("fd00::/8") }));
  assert.ok(holds({ kind: "source", source: "peer" }));
  assert.ok(!holds({ kind: "source", source: "peer" }, { source: "local" }));
  assert.ok(!holds({ kind: "source", source: "externalPeer" }));
  assert.ok(holds({ kind: "peerType", peerType: "internal" }));
  assert.ok(!holds({ kind: "peerType", peerType: "external" }));
  assert.ok(holds({ kind: "community", community: 9 }, marked));
  assert.ok(!holds({ kind: "community", community: 9 }));
  assert.ok(holds({ kind: "largeCommunity", community: { ...large } }, marked));
  assert.ok(!holds({ kind: "largeCommunity", community: { ...large, local2: 4 } }, marked));
  assert.ok(holds({ kind: "localPref", value: 100 }), "none counts as 100");
  assert.ok(holds({ kind: "localPrefAbove", value: 99 }), "none counts as 100");
  assert.ok(!holds({ kind: "localPrefAbove", value: 100 }));
  assert.ok(holds({ kind: "nextHop", prefix: parsePrefix("10.0.0.0/8") }));
  assert.ok(!holds({ kind: "nextHop", prefix: parsePrefix("11.0.0.0/8") }));
  assert.ok(!holds({ kind: "not", condition: { kind: "within", prefix } }));
});

test("a device is matched with * for any text", () => {
  const device = (pattern: string, name: string | undefined): boolean =>
    holds({ kind: "device", pattern }, name === undefined ? {} : { device: name });
  assert.ok(device("cali*", "cali0123"));
  assert.ok(device("*.calico", "vxlan.calico"));
  assert.ok(device("a*b*c", "a-b-b-c"));
  assert.ok(!device("a*b*c", "a-c-b"));
  assert.ok(!device("aba*ba", "aba"), "what the head took, the tail cannot have");
  assert.ok(device("tunl0", "tunl0"));
  assert.ok(!device("tunl0", "tunl01"));
  assert.ok(!device("*", undefined), "leads to no device that we know");
});

test("the AS path's beginning is compared across its segments, sets apart", () => {
  const path: Partial<FilterRoute> = {
    attributes: attributes("10.0.0.1", [], {
      asPath: [
        { kind: "sequence", asns: [1] },
        { kind: "sequence", asns: [2, 3] },
        { kind: "set", asns: [4] },
      ],
    }),
  };
  const begins = (asns: readonly number[]): boolean => holds({ kind: "asPathPrefix", asns }, path);
  assert.ok(begins([]));
  assert.ok(begins([1, 2]));
  assert.ok(begins([1, 2, 3]));
  assert.ok(!begins([2]));
  assert.ok(!begins([1, 2, 3, 4]));
});

test("actions", () => {
  const given = attributes("10.0.0.1", [65001]);
  const large = { global: 1, local1: 2, local2: 3 };
  assert.deepEqual(after([{ kind: "addCommunity", community: 1 }], given).communities, [1]);
  assert.deepEqual(after([{ kind: "addLargeCommunity", community: large }], given).largeCommunities, [large]);
  assert.equal(after([{ kind: "setMed", value: 5 }], given).med, 5);
  assert.equal(after([{ kind: "setLocalPref", value: 5 }], given).localPref, 5);
  const moved = after([{ kind: "setNextHop", address: ipv4("10.0.0.2") }], {
    ...given,
    linkLocalNextHop: ipv6Of(0xfe80n << 112n),
  });
  assert.equal(moved.nextHop, ipv4("10.0.0.2"));
  assert.ok(!("linkLocalNextHop" in moved), "another next hop has another address on the link");
});

test("the first AS of a prepended list becomes the leftmost, in a segment that may hold 255", () => {
  const prepend = (asns: readonly number[], path: readonly number[]): readonly (readonly number[])[] =>
    after([{ kind: "prependAsPath", asns }], attributes("10.0.0.1", path)).asPath.map((segment) => segment.asns);
  assert.deepEqual(prepend([1, 2], [3]), [[1, 2, 3]]);
  assert.deepEqual(prepend([1, 2], []), [[1, 2]]);
  assert.deepEqual(prepend([], [3]), [[3]]);
  const full = Array<number>(254).fill(3);
  assert.deepEqual(prepend([1, 2], full), [[1, 2], full]);
  assert.deepEqual(prepend([1], full), [[1, ...full]]);
});

test("only conditions on the prefix tell prefixes with the same attributes apart", () => {
  const within: Condition = { kind: "within", prefix: parsePrefix("10.0.0.0/8") };
  const asks = (condition: Condition): boolean => asksForPrefix(filterOf([term({ conditions: [condition] })]));
  assert.ok(asks(within));
  assert.ok(asks({ kind: "not", condition: { kind: "equals", prefix: within.prefix } }));
  assert.ok(!asks({ kind: "community", community: 1 }));
});

const prefixes: fc.Arbitrary<Prefix> = fc
  .oneof(
    fc.tuple(fc.constantFrom("10.1.2.3", "10.1.255.3", "138.1.2.3"), fc.nat(32)),
    fc.tuple(fc.constantFrom("fd00:1::1", "fd00::ffff:1", "8d00::1"), fc.nat(128)),
  )
  .map(([text, length]) => prefixOf(parseAddress(text), length));

test("a prefix lies within another exactly when that covers it", () => {
  fc.assert(
    fc.property(prefixes, prefixes, (outer, inner) => {
      assert.equal(holds({ kind: "within", prefix: outer }, { prefix: prefixCode(inner) }), covers(outer, inner));
    }),
    { numRuns: 1000 },
  );
});
