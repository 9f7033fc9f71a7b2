import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipv4Of } from "../../ip/address.ts";
import { attributes, session } from "../../testing/bgp-tables.ts";
import { ipv4 } from "../../testing/bgp-values.ts";
import type { AttributeSet } from "../message/types.ts";
import { type DecisionRule, decide, multipath } from "./decision.ts";
import type { NextHop } from "./next-hops.ts";
import { ownAttributes, Path } from "./path.ts";
import { Peer } from "./peer.ts";
import type { RibSession } from "./types.ts";

interface Candidate {
  readonly peer?: Partial<RibSession>;
  readonly set?: Partial<AttributeSet>;
  readonly path?: readonly number[];
  readonly cost?: number | undefined;
  readonly hop?: string;
}

function pathOf(name: string, { peer, set, path, hop = "10.9.0.1", ...over }: Candidate): Path {
  const host = name.charCodeAt(0) - 96;
  const received = attributes(hop, path, set);
  const nextHop: NextHop = {
    address: received.nextHop,
    cost: "cost" in over ? over.cost : 1,
    isOwn: false,
    peers: new Map(),
  };
  return new Path({ peer: new Peer(session(name, host, peer)) }, received, { attributes: received }, nextHop);
}

/** The winner's name, and why the other lost. */
function duel(a: Candidate, b: Candidate): { winner: string | undefined; rule: DecisionRule | undefined } {
  const candidates = [pathOf("a", a), pathOf("b", b)];
  let rule: DecisionRule | undefined;
  const [best] = decide(candidates, (_, lostBy) => {
    rule = lostBy;
  });
  const [reversed] = decide(candidates.toReversed());
  assert.equal(reversed, best, "the order of the candidates does not count");
  return { winner: best?.peer?.session.name, rule };
}

const external = { kind: "external" as const };

test("each rule decides when all before it are equal", () => {
  const rows: readonly (readonly [DecisionRule, Candidate, Candidate])[] = [
    ["localPref", { set: { localPref: 99 } }, { path: [1, 2, 3] }],
    ["localPref", {}, { set: { localPref: 101 } }],
    ["asPathLength", { path: [1, 2] }, { path: [1], set: { origin: "incomplete" } }],
    ["origin", { set: { origin: "egp" } }, { set: { med: 10 } }],
    ["origin", { set: { origin: "incomplete" } }, { set: { origin: "egp" } }],
    ["med", { path: [7], set: { med: 10 }, peer: external }, { path: [7], set: { med: 9 } }],
    ["med", { path: [7], set: { med: 1 }, peer: external }, { path: [7] }],
    ["externalPeer", { cost: 0 }, { peer: external, cost: 9 }],
    ["interiorCost", { cost: 2 }, { cost: 1 }],
    ["routerId", { peer: { peerRouterId: ipv4("10.0.0.9") } }, { set: { clusterList: [ipv4Of(1), ipv4Of(2)] } }],
    ["routerId", { set: { originatorId: ipv4("10.0.0.3") } }, { peer: { peerRouterId: ipv4("10.0.0.2") } }],
    [
      "clusterListLength",
      { set: { originatorId: ipv4("1.1.1.1"), clusterList: [ipv4Of(1), ipv4Of(2)] } },
      { set: { originatorId: ipv4("1.1.1.1"), clusterList: [ipv4Of(1)] }, peer: { peerAddress: ipv4("10.0.0.99") } },
    ],
    [
      "peerAddress",
      { peer: { peerRouterId: ipv4("1.1.1.1"), peerAddress: ipv4("10.0.0.10") } },
      { peer: { peerRouterId: ipv4("1.1.1.1"), peerAddress: ipv4("10.0.0.9") } },
    ],
  ];
  for (const [rule, worse, better] of rows) assert.deepEqual(duel(worse, better), { winner: "b", rule });
});

test("sessions that agree in everything else are told apart by name", () => {
  const same = { peer: { peerRouterId: ipv4("1.1.1.1"), peerAddress: ipv4("10.0.0.9") } };
  assert.deepEqual(duel(same, same), { winner: "a", rule: "sessionName" });
});

test("our own comes before anything learned", () => {
  const own = ownAttributes(4);
  const local = new Path({ origination: { about: "block" } }, own, { attributes: own }, undefined);
  const learned = pathOf("a", { set: { localPref: 1000 } });
  assert.deepEqual(decide([learned, local]), [local]);
});

test("a set counts once in the length of an AS path, confederation segments do not count", () => {
  const set = { asPath: [{ kind: "set" as const, asns: [1, 2, 3] }] };
  const confederation = {
    asPath: [
      { kind: "confederationSequence" as const, asns: [1, 2, 3] },
      { kind: "sequence" as const, asns: [4] },
    ],
  };
  assert.equal(pathOf("a", { set }).asPathLength, 1);
  assert.equal(pathOf("a", { set: confederation }).asPathLength, 1);
  assert.equal(pathOf("a", { set: confederation }).neighbourAs, 4);
  assert.equal(pathOf("a", { set }).neighbourAs, 0, "a set names no neighbour");
});

test("MED compares only paths of one neighbouring AS", () => {
  const nearer = { path: [8], set: { med: 100 }, cost: 1 };
  assert.deepEqual(duel({ path: [7], set: { med: 1 }, cost: 2 }, nearer), { winner: "b", rule: "interiorCost" });
});

test("the outcome does not depend on the order of the candidates, MEDs of several ASes included", () => {
  // Compared in pairs these beat each other in a ring: a by MED over c, b by cost over a, c by cost over b.
  const ring = [
    pathOf("a", { path: [7], set: { med: 1 }, cost: 3 }),
    pathOf("b", { path: [8], cost: 2 }),
    pathOf("c", { path: [7], set: { med: 2 }, cost: 1 }),
  ];
  const candidate = fc.record({
    path: fc.constantFrom([7], [8], [7, 9]),
    set: fc.record({ med: fc.nat(2), localPref: fc.constantFrom(100, 101) }),
    cost: fc.option(fc.nat(2), { nil: undefined }),
    peer: fc.record({ kind: fc.constantFrom("internal" as const, "external" as const) }),
  });
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 5 }), fc.infiniteStream(fc.nat(4)), (some, swaps) => {
      for (const paths of [ring, some.map((one, at) => pathOf(String.fromCharCode(97 + at), one))]) {
        const expected = decide(paths);
        const shuffled = [...paths];
        for (let at = shuffled.length - 1; at > 0; at--) {
          const other = (swaps.next().value ?? 0) % (at + 1);
          [shuffled[at], shuffled[other]] = [shuffled[other]!, shuffled[at]!];
        }
        assert.deepEqual(
          decide(shuffled).map(({ peer }) => peer?.session.name),
          expected.map(({ peer }) => peer?.session.name),
        );
      }
    }),
    { numRuns: 300 },
  );
});

test("a path whose next hop cannot be reached is no candidate", () => {
  assert.deepEqual(duel({ set: { localPref: 500 }, cost: undefined }, {}), { winner: "b", rule: undefined });
  assert.deepEqual(decide([pathOf("a", { cost: undefined })]), []);
});

test("paths that tie up to the interior cost are used together, one for each next hop, so many at most", () => {
  const shared = pathOf("a", {});
  const equals = decide([
    new Path({ peer: new Peer(session("z", 9)) }, shared.received, { attributes: shared.received }, shared.hop),
    shared,
    pathOf("b", { hop: "10.9.0.2" }),
    pathOf("c", { hop: "10.9.0.3" }),
    pathOf("d", { hop: "10.9.0.4", cost: 2 }),
  ]);
  const names = (maxPaths: number) => multipath(equals, maxPaths).map(({ peer }) => peer?.session.name);
  assert.deepEqual(names(8), ["a", "b", "c"]);
  assert.deepEqual(names(2), ["a", "b"]);
});
