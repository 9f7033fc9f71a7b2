import assert from "node:assert/strict";
import { test } from "node:test";
import type { Filter } from "../bgp/filter/types.ts";
import type { AttributeSet, Update } from "../bgp/message/types.ts";
import { Rib } from "../bgp/rib/rib.ts";
import { birdRoute } from "../compile/routing/bird-route.ts";
import { parseAddress } from "../ip/address.ts";
import { hostPrefix, parsePrefix } from "../ip/prefix.ts";
import { attributes, code, session, world } from "../testing/bgp-tables.ts";
import { ipv4 } from "../testing/bgp-values.ts";
import { type RouteQuery, routesOf } from "./bgp-routes.ts";
import { type WhyDeps, whyPrefix } from "./bgp-why.ts";

const BLOCK = "192.168.1.0/26";
const VIA = ipv4("10.0.0.1");
const refusing: Filter = {
  name: "BGPFilter(no-blocks)",
  otherwise: "accept",
  terms: [{ about: "rule 1 of BGPFilter(no-blocks)", conditions: [], actions: [], verdict: "reject" }],
};

const announce = (set: AttributeSet, ...prefixes: readonly string[]): Update => ({
  type: "update",
  withdrawn: [],
  announced: [{ attributes: set, prefixes: prefixes.map(code) }],
  malformed: [],
});

/** A node that hears one block from `near` and `far`, and one of its own. `deaf` is told nothing. */
function tables(): Rib {
  const rib = new Rib(world(), { routerId: ipv4("10.0.0.254"), maxPaths: 1 });
  rib.sessionUp(session("near", 1));
  rib.sessionUp(session("far", 2));
  rib.sessionUp(session("deaf", 3, { exportFilter: refusing, importFilter: refusing }));
  rib.originate(code("192.168.9.0/26"), { about: "block 192.168.9.0/26" });
  rib.update("near", announce(attributes("10.0.0.1", [], { localPref: 200 }), BLOCK));
  rib.update("far", announce(attributes("10.0.0.2", [], { localPref: 100 }), BLOCK));
  rib.update("deaf", announce(attributes("10.0.0.3"), BLOCK));
  while (rib.work(100));
  return rib;
}

const deps = (changes: Partial<WhyDeps> = {}): WhyDeps => ({
  tables: tables(),
  learned: () => undefined,
  wanted: () => undefined,
  keptSeconds: () => undefined,
  sessions: [],
  ...changes,
});

test("every candidate has its fate: the best, the rule that put one behind, the term that rejected one", () => {
  const { candidates } = whyPrefix(parsePrefix(BLOCK), deps());
  assert.deepEqual(Object.fromEntries(candidates.map(({ from, why }) => [from, why])), {
    near: "best",
    far: "another route has a higher LOCAL_PREF",
    deaf: "rule 1 of BGPFilter(no-blocks) rejects it (import filter BGPFilter(no-blocks))",
  });
  assert.equal(candidates[0]?.from, "near");
  assert.match(candidates[0]?.received ?? "", /^ORIGIN igp.*LOCAL_PREF 200/);
});

test("a stale route says why it is kept, and for how long", () => {
  const rib = tables();
  rib.update("near", announce(attributes("10.0.0.1"), "192.168.2.0/26", "192.168.3.0/26"));
  rib.update("far", announce(attributes("10.0.0.2"), "192.168.4.0/26"));
  rib.sessionRetired("near", [4, 6]);
  rib.sessionDown("far", [4, 6]);
  while (rib.work(100));
  const kept = (prefix: string) =>
    whyPrefix(
      parsePrefix(prefix),
      deps({ tables: rib, keptSeconds: (by) => (by === "near" ? 23 : 119) }),
    ).candidates.map((candidate) => candidate.kept);
  assert.deepEqual(kept("192.168.2.0/26"), [{ since: "removed", seconds: 23 }]);
  assert.deepEqual(kept("192.168.4.0/26"), [{ since: "lost", seconds: 119 }]);
  assert.deepEqual(kept("192.168.9.0/26"), [undefined]);
});

test("an address is answered by the longest prefix that covers it, and what nobody told by nothing", () => {
  assert.equal(whyPrefix(hostPrefix(parseAddress("192.168.1.7")), deps()).prefix, BLOCK);
  assert.equal(whyPrefix(parsePrefix("192.168.1.0/24"), deps()).prefix, undefined);
  assert.deepEqual(whyPrefix(parsePrefix("10.0.0.0/8"), deps()), { asked: "10.0.0.0/8", candidates: [], told: [] });
});

test("what became of the best, what the kernel was told and what it said", () => {
  const route = birdRoute(parsePrefix(BLOCK), [{ device: "tunl0", gateway: VIA, onlink: true }]);
  const report = whyPrefix(
    parsePrefix(BLOCK),
    deps({
      learned: () => ({ piece: { route, preference: 0 }, neighbours: [] }),
      wanted: (key) =>
        key === `254 ${BLOCK} 0` ? { route, source: `learned ${BLOCK}`, failures: ["routes: EPERM"] } : undefined,
    }),
  );
  const text = `${BLOCK} via 10.0.0.1 dev tunl0 proto bird onlink`;
  assert.deepEqual(report.learned, { route: text });
  assert.deepEqual(report.kernel, { route: text, source: `learned ${BLOCK}`, failures: ["routes: EPERM"] });
  const rejected = whyPrefix(parsePrefix(BLOCK), deps({ learned: () => ({ rejected: "it is in no pool" }) }));
  assert.deepEqual(rejected.learned, { rejected: "it is in no pool" });
  assert.equal("kernel" in rejected, false);
});

test("whom it is told to, and the term that keeps it back", () => {
  const own = whyPrefix(parsePrefix("192.168.9.0/26"), deps({ sessions: ["near", "deaf", "gone"] }));
  assert.equal(own.candidates[0]?.about, "block 192.168.9.0/26");
  assert.deepEqual(
    own.told.map(({ outcome }) => outcome),
    [
      "announced",
      "rule 1 of BGPFilter(no-blocks) rejects it (export filter BGPFilter(no-blocks))",
      "the session is not established",
    ],
  );
  assert.match(own.told[0]?.attributes ?? "", /NEXT_HOP 10\.0\.0\.254/);
});

test("routes of one peer, as received and as told", () => {
  const rib = tables();
  const rows = (query: RouteQuery): readonly string[] =>
    [...rib.prefixes()].flatMap((prefix) =>
      routesOf(prefix, rib, query).map((row) => `${row.prefix} ${row.from ?? "own"} ${row.fate}`),
    );
  assert.equal(rows({}).length, 4);
  assert.equal(rows({ within: parsePrefix("192.168.9.0/24") }).length, 1);
  assert.deepEqual(rows({ peer: { session: "far", direction: "received" } }), [`${BLOCK} far worse`]);
  assert.deepEqual(rows({ peer: { session: "far", direction: "advertised" } }), ["192.168.9.0/26 own told"]);
  assert.deepEqual(rows({ peer: { session: "deaf", direction: "advertised" } }), []);
});
