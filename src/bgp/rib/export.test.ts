import assert from "node:assert/strict";
import { test } from "node:test";
import { ipv6Of, parseAddress } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { attributes, code, session } from "../../testing/bgp-tables.ts";
import { ipv4 } from "../../testing/bgp-values.ts";
import type { Action, Filter } from "../filter/types.ts";
import { AttributeTable } from "../message/attribute-table.ts";
import type { AttributeSet } from "../message/types.ts";
import { Exporter } from "./exporter.ts";
import { ownAttributes, Path } from "./path.ts";
import { Peer } from "./peer.ts";
import type { RibSession } from "./types.ts";
import type { ExportReport } from "./why.ts";

const PREFIX = code("192.168.1.0/26");
const OWN = ipv4("10.0.0.254");

const from = (over: Partial<RibSession>, received: AttributeSet = attributes("10.0.0.1")): Path =>
  new Path({ peer: new Peer(session("from", 1, over)) }, received, { attributes: received }, undefined);

const ours = (device?: string): Path => {
  const own = ownAttributes(4);
  const origination = { about: "block", ...(device === undefined ? {} : { device }) };
  return new Path({ origination }, own, { attributes: own }, undefined);
};

function report(path: Path, to: Partial<RibSession> = {}, prefix: PrefixCode = PREFIX): ExportReport {
  const peer = new Peer(session("to", 2, to));
  return new Exporter(peer.session, new AttributeTable()).report(path, prefix, peer);
}

function told(path: Path, to: Partial<RibSession> = {}, prefix: PrefixCode = PREFIX): AttributeSet {
  const outcome = report(path, to, prefix);
  assert.ok(outcome.outcome === "told", outcome.outcome);
  return outcome.attributes;
}

function refusal(path: Path, to: Partial<RibSession> = {}, prefix: PrefixCode = PREFIX): string {
  const outcome = report(path, to, prefix);
  assert.ok(outcome.outcome === "rejected", outcome.outcome);
  return outcome.rejection.rule;
}

const doing = (...actions: readonly Action[]): Filter => ({
  name: "f",
  terms: [{ about: "act", conditions: [], actions, verdict: "accept" }],
  otherwise: "reject",
});

const external = { kind: "external" as const };
const client = { isReflectorClient: true };

test("between internal peers a route is passed on where one of them is a client, and marked as reflected", () => {
  assert.equal(refusal(from({})), "notReflected");
  for (const [source, to] of [
    [client, {}],
    [{}, client],
    [client, client],
  ] as const) {
    const { originatorId, clusterList } = told(from(source), { ...to, clusterId: ipv4("9.9.9.9") });
    assert.equal(originatorId, ipv4("10.0.0.1"), "the router id of the peer that told us");
    assert.deepEqual(clusterList, [ipv4("9.9.9.9")]);
  }
});

test("a route that was reflected before keeps its originator, and our cluster id comes first", () => {
  const received = attributes("10.0.0.9", [], { originatorId: ipv4("10.0.0.9"), clusterList: [ipv4("1.1.1.1")] });
  const { originatorId, clusterList } = told(from(client, received), { clusterId: ipv4("9.9.9.9") });
  assert.equal(originatorId, ipv4("10.0.0.9"));
  assert.deepEqual(clusterList, [ipv4("9.9.9.9"), ipv4("1.1.1.1")]);
});

test("our own and external routes go to internal peers without marks of reflection, with a LOCAL_PREF", () => {
  for (const path of [ours(), from(external)]) {
    const { originatorId, clusterList, localPref } = told(path);
    assert.deepEqual([originatorId, clusterList, localPref], [undefined, [], 100]);
  }
  assert.equal(told(from(client, attributes("10.0.0.1", [], { localPref: 7 }))).localPref, 7);
});

test("to external peers our AS goes in front, and what is internal stays here", () => {
  const received = attributes("10.0.0.1", [65001], {
    localPref: 200,
    med: 5,
    originatorId: ipv4("10.0.0.9"),
    clusterList: [ipv4("1.1.1.1")],
  });
  const outgoing = told(from({}, received), { ...external, localAs: 65010 });
  assert.deepEqual(outgoing, attributes("10.0.0.254", [65010, 65001]));
});

test("a MED goes to internal peers as it is, to external ones only when it is our own word", () => {
  const received = attributes("10.0.0.1", [65001], { med: 5 });
  const path = from(external, received);
  assert.equal(told(path).med, 5);
  assert.equal(told(path, external).med, undefined);
  assert.equal(told(path, { ...external, exportFilter: doing({ kind: "setMed", value: 5 }) }).med, 5);
  assert.equal(told(ours(), { ...external, exportFilter: doing({ kind: "setMed", value: 6 }) }).med, 6);
});

test("the next hop is ours, or stays, by the kinds of both and the session's mode", () => {
  const hop = (path: Path, to: Partial<RibSession>) => told(path, to).nextHop;
  const stays = ipv4("10.0.0.1");
  assert.equal(hop(from(client), { nextHop: "normal" }), stays);
  assert.equal(hop(from(external), { nextHop: "normal" }), stays);
  assert.equal(hop(from({}), { ...external, nextHop: "normal" }), OWN);
  assert.equal(hop(from(client), { nextHop: "self" }), OWN);
  assert.equal(hop(from({}), { ...external, nextHop: "keep" }), stays);
  for (const nextHop of ["normal", "self", "keep"] as const) {
    assert.equal(hop(ours(), { nextHop }), OWN, "our own prefixes are reached here");
    const exportFilter = doing({ kind: "setNextHop", address: ipv4("10.0.0.77") });
    assert.equal(hop(from(client), { nextHop, exportFilter }), ipv4("10.0.0.77"), "the filter has the last word");
  }
});

test("an IPv6 next hop of ours brings its link-local address, and another's does not stay", () => {
  const linkLocal = ipv6Of(0xfe80n << 112n);
  const own = ipv6Of(0xfd00n << 112n);
  const received = attributes("fd00::9", [], { linkLocalNextHop: ipv6Of((0xfe80n << 112n) + 9n) });
  const prefix = code("fd01::/64");
  const both = told(from({}, received), { ...external, ownNextHops: { 6: own, linkLocal } }, prefix);
  assert.deepEqual([both.nextHop, both.linkLocalNextHop], [own, linkLocal]);
  const alone = told(from({}, received), { ...external, ownNextHops: { 6: own } }, prefix);
  assert.deepEqual([alone.nextHop, "linkLocalNextHop" in alone], [own, false]);
});

test("without an address of the family there is nothing to tell", () => {
  assert.equal(refusal(ours(), { ownNextHops: {} }), "noOwnNextHop");
  assert.equal(refusal(from({}), { ...external, ownNextHops: { 6: ipv6Of(1n) } }), "noOwnNextHop");
});

test("a family that was not negotiated is not told", () => {
  assert.equal(refusal(ours(), { families: [6] }), "family");
});

test("the communities of RFC 1997 hold routes back", () => {
  const marked = (community: number) => from(client, attributes("10.0.0.1", [], { communities: [1, community] }));
  assert.equal(refusal(marked(0xffff_ff02)), "noAdvertise");
  assert.equal(refusal(marked(0xffff_ff02), external), "noAdvertise");
  assert.equal(refusal(marked(0xffff_ff01), external), "noExport");
  assert.equal(refusal(marked(0xffff_ff03), external), "noExportSubconfed");
  assert.deepEqual(told(marked(0xffff_ff01)).communities, [1, 0xffff_ff01], "internal peers are told, and told so");
});

test("what the export filter adds is said to the peer and holds nothing back", () => {
  const exportFilter = doing({ kind: "addCommunity", community: 0xffff_ff01 });
  assert.deepEqual(told(ours(), { ...external, exportFilter }).communities, [0xffff_ff01]);
});

test("the export filter sees source, device and kind of peer", () => {
  const when = (...conditions: Filter["terms"][number]["conditions"]): Filter => ({
    name: "f",
    terms: [{ about: "when", conditions, actions: [], verdict: "accept" }],
    otherwise: "reject",
  });
  const device = { exportFilter: when({ kind: "device", pattern: "cali*" }) };
  assert.equal(refusal(ours(), device), "exportFilter");
  assert.ok(told(ours("cali1"), device));
  const internalOnly = when({ kind: "source", source: "local" }, { kind: "peerType", peerType: "internal" });
  assert.ok(told(ours(), { exportFilter: internalOnly }));
  assert.equal(refusal(ours(), { ...external, exportFilter: internalOnly }), "exportFilter");
  assert.equal(refusal(from(external), { exportFilter: internalOnly }), "exportFilter");
});

test("a peer is not told its own routes, nor routes that lead over itself", () => {
  const peer = new Peer(session("a", 1, client));
  const received = attributes("10.0.0.1");
  const own = new Path({ peer }, received, { attributes: received }, undefined);
  const rejection = (outcome: ExportReport) => (outcome.outcome === "rejected" ? outcome.rejection.rule : outcome);
  assert.equal(rejection(new Exporter(peer.session, new AttributeTable()).report(own, PREFIX, peer)), "splitHorizon");
  const throughIt = attributes("10.0.0.2");
  assert.equal(throughIt.nextHop, parseAddress("10.0.0.2"));
  assert.equal(refusal(from(client, throughIt)), "peersNextHop");
});

test("prefixes with the same attributes that the filter leaves alike share what is told", () => {
  const path = from(client);
  const exportFilter: Filter = {
    name: "f",
    terms: [
      {
        about: "first",
        conditions: [{ kind: "equals", prefix: { address: ipv4("192.168.1.0"), length: 26 } }],
        actions: [{ kind: "addCommunity", community: 1 }],
      },
      { about: "all", conditions: [], actions: [{ kind: "setMed", value: 1 }], verdict: "accept" },
    ],
    otherwise: "reject",
  };
  const exporter = new Exporter(session("to", 2, { exportFilter }), new AttributeTable());
  const exported = ["192.168.1.0/26", "192.168.2.0/26", "192.168.3.0/26"].map((text) =>
    exporter.exported(path, code(text)),
  );
  assert.deepEqual(
    exported.map((one) => one?.attributes.communities),
    [[1], [], []],
  );
  assert.equal(exported[1], exported[2]);
});

test("what a group has made of a path is forgotten with the group, others' is not", () => {
  const path = from(client);
  const exporters = ["a", "b", "c", "d"].map((name) => new Exporter(session(name, 2), new AttributeTable()));
  const [first, second, third, last] = exporters;
  for (const exporter of [first, second, third]) exporter?.exported(path, PREFIX);
  for (const exporter of [first, third]) if (exporter) exporter.isClosed = true;
  last?.exported(path, PREFIX);
  const makers: unknown[] = [];
  for (let { made } = path; made; made = made.next) makers.push(made.by);
  assert.deepEqual(makers, [last, second]);
});

test("prefixes of both families that share attributes are told next hops of their own", () => {
  const own6 = ipv6Of(0xfd00n << 112n);
  const exporter = new Exporter(
    session("to", 2, { ...external, ownNextHops: { 4: OWN, 6: own6 } }),
    new AttributeTable(),
  );
  const path = from({});
  assert.equal(exporter.exported(path, PREFIX)?.attributes.nextHop, OWN);
  assert.equal(exporter.exported(path, code("fd01::/64"))?.attributes.nextHop, own6);
});
