import assert from "node:assert/strict";
import { test } from "node:test";
import { attributes, code, session } from "../../testing/bgp-tables.ts";
import { ipv4 } from "../../testing/bgp-values.ts";
import type { Filter } from "../filter/types.ts";
import { AttributeTable } from "../message/attribute-table.ts";
import type { AttributeSet } from "../message/types.ts";
import { type ImportContext, type Imported, importAttributes, importPrefix } from "./import.ts";
import type { RibSession } from "./types.ts";

const OWN = ipv4("10.0.0.254");

const contextOf = (over: Partial<RibSession>): ImportContext => ({
  session: session("a", 1, over),
  routerId: OWN,
  attributes: new AttributeTable(),
  isOwnAddress: (address) => address === OWN,
});

const imported = (received: AttributeSet, over: Partial<RibSession> = {}): Imported =>
  importAttributes(received, contextOf(over));

test("our own AS in a path is a loop, beyond the times that are allowed", () => {
  const received = attributes("10.0.0.1", [65001, 64512, 64512]);
  assert.deepEqual(imported(received).rejection, { rule: "ownAs", times: 2, allowed: 0 });
  assert.deepEqual(imported(received, { allowedOwnAs: 1 }).rejection, { rule: "ownAs", times: 2, allowed: 1 });
  assert.equal(imported(received, { allowedOwnAs: 2 }).rejection, undefined);
  assert.equal(imported(received, { localAs: 64513 }).rejection, undefined, "the AS that this session presents");
});

test("our router id or cluster id comes back to us only in a loop", () => {
  const own = attributes("10.0.0.1", [], { originatorId: OWN });
  const reflected = attributes("10.0.0.1", [], { clusterList: [ipv4("1.1.1.1"), ipv4("9.9.9.9")] });
  assert.deepEqual(imported(own).rejection, { rule: "ownOriginatorId" });
  assert.deepEqual(imported(reflected, { clusterId: ipv4("9.9.9.9") }).rejection, { rule: "ownClusterId" });
  assert.equal(imported(reflected).rejection, undefined);
});

test("a next hop that is ours leads nowhere", () => {
  assert.deepEqual(imported(attributes("10.0.0.254")).rejection, { rule: "ownNextHop" });
});

test("from external peers, what only our own AS may say is left out, and is no loop", () => {
  const received = attributes("10.0.0.1", [65001], {
    localPref: 500,
    med: 7,
    originatorId: OWN,
    clusterList: [ipv4("10.0.0.254")],
  });
  const { attributes: left, rejection } = imported(received, { kind: "external" });
  assert.equal(rejection, undefined);
  assert.deepEqual(left, attributes("10.0.0.1", [65001], { med: 7 }));
});

test("what needs no change is the very same object", () => {
  const received = attributes("10.0.0.1", [65001]);
  for (const kind of ["internal", "external"] as const) assert.equal(imported(received, { kind }).attributes, received);
});

test("the import filter names the term that rejects, or none", () => {
  const term = { about: "rule 1", conditions: [], actions: [], verdict: "reject" as const };
  const rejecting: Filter = { name: "f", terms: [term], otherwise: "accept" };
  const closed: Filter = { name: "g", terms: [], otherwise: "reject" };
  const received = attributes("10.0.0.1");
  const through = (importFilter: Filter) =>
    importPrefix(code("10.1.0.0/16"), received, contextOf({ importFilter })).rejection;
  assert.deepEqual(through(rejecting), { rule: "importFilter", filter: "f", term });
  assert.deepEqual(through(closed), { rule: "importFilter", filter: "g", term: undefined });
});

test("the import filter knows the kind of the peer, and what it changes is interned", () => {
  const importFilter: Filter = {
    name: "f",
    terms: [
      {
        about: "prefer",
        conditions: [{ kind: "source", source: "externalPeer" }],
        actions: [{ kind: "setLocalPref", value: 200 }],
        verdict: "accept",
      },
    ],
    otherwise: "reject",
  };
  const context = contextOf({ kind: "external", importFilter });
  const twice = [1, 2].map(() => importPrefix(code("10.1.0.0/16"), attributes("10.0.0.1"), context).attributes);
  assert.equal(twice[0]?.localPref, 200);
  assert.equal(twice[0], twice[1]);
  assert.ok(importPrefix(code("10.1.0.0/16"), attributes("10.0.0.1"), contextOf({ importFilter })).rejection);
});
