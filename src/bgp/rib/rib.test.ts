import assert from "node:assert/strict";
import { test } from "node:test";
import type { Family } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { attributes, code, hear, session, type TestWorld, world } from "../../testing/bgp-tables.ts";
import { ipv4 } from "../../testing/bgp-values.ts";
import { acceptAll, type Filter } from "../filter/types.ts";
import type { AttributeSet, Update } from "../message/types.ts";
import { Rib } from "./rib.ts";
import type { Batch, RibOptions, RibSession } from "./types.ts";
import type { ExportReport } from "./why.ts";
import { exportInWords, fateInWords } from "./words.ts";

const P1 = code("192.168.1.0/26");
const P2 = code("192.168.2.0/26");
const V6 = code("fd00::/64");
const client = { isReflectorClient: true };

const announce = (set: AttributeSet, ...prefixes: readonly PrefixCode[]): Update => ({
  type: "update",
  withdrawn: [],
  announced: [{ attributes: set, prefixes }],
  malformed: [],
});

const withdraw = (...prefixes: readonly PrefixCode[]): Update => ({
  type: "update",
  withdrawn: prefixes,
  announced: [],
  malformed: [],
});

const endOfRib = (family: Family): Update => ({
  type: "update",
  withdrawn: [],
  announced: [],
  endOfRib: family,
  malformed: [],
});

/** A reflector with some clients up, and what came from `a`. */
function ribWith(names: readonly string[], over: Partial<RibOptions> = {}, of: TestWorld = world()): Rib {
  const rib = new Rib(of, { routerId: ipv4("10.0.0.254"), maxPaths: 1, ...over });
  rib.keepChanges();
  for (const name of names) rib.sessionUp(facts(name));
  return rib;
}

const facts = (name: string, over: Partial<RibSession> = {}): RibSession =>
  session(name, name.charCodeAt(0) - 96, { ...client, ...over });

function settle(rib: Rib): void {
  while (rib.work(100));
}

/** Everything that the session is sent now. */
function all(rib: Rib, name: string): Batch[] {
  const batches: Batch[] = [];
  settle(rib);
  for (let batch = rib.next(name, 100); batch; batch = rib.next(name, 100)) {
    batches.push(batch);
    settle(rib);
  }
  return batches;
}

/** The prefixes that it knows after that. */
function known(
  rib: Rib,
  name: string,
  before: Map<PrefixCode, AttributeSet> = new Map(),
): Map<PrefixCode, AttributeSet> {
  for (const batch of all(rib, name)) hear(before, batch);
  return before;
}

test("sessions that share their policy are sent the same objects, which are made once", () => {
  const rib = ribWith(["a", "b", "c"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  const [toB, toC] = [all(rib, "b")[0], all(rib, "c")[0]];
  assert.ok(toB);
  assert.equal(toB, toC);
  assert.deepEqual(toB.announced[0]?.prefixes, [P1, P2]);
  assert.equal(rib.counts().updateGroups, 1);
});

test("who announced some of a batch is given the others', and told which places they have in it", () => {
  const rib = ribWith(["a", "b", "c"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  rib.update("b", announce(attributes("10.0.0.2"), P2));
  const [toA, toB, toC] = ["a", "b", "c"].map((name) => all(rib, name)[0]);
  assert.equal(toC?.partOf, undefined);
  assert.deepEqual(toA?.partOf, { whole: toC, without: [0] });
  assert.deepEqual(toA?.announced, [toC?.announced[1]]);
  assert.deepEqual(toB?.partOf, { whole: toC, without: [1] });
  assert.deepEqual(toB?.announced, [toC?.announced[0]]);
});

test("prefixes with equal attributes are announced together, those of a late joiner too", () => {
  const rib = ribWith(["a", "b"]);
  const [first, second] = [attributes("10.0.0.1"), attributes("10.0.0.1", [65001])];
  for (let at = 0; at < 20; at++) rib.update("a", announce(at % 2 ? first : second, code(`10.1.${at}.0/24`)));
  rib.sessionUp(facts("c"));
  for (const name of ["b", "c"])
    assert.deepEqual(
      all(rib, name).flatMap(({ announced }) => announced.map(({ prefixes }) => prefixes.length)),
      [10, 10],
      name,
    );
});

test("newcomers that come together go through the table together", () => {
  const rib = ribWith(["a", "b"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  all(rib, "b");
  rib.sessionUp(facts("c"));
  rib.sessionUp(facts("d"));
  assert.equal(all(rib, "c")[0], all(rib, "d")[0]);
});

test("a session that does not read holds up nobody, and hears the state of things when it reads again", () => {
  const rib = ribWith(["a", "b", "c"], { queueBatches: 2 });
  const fast = new Map<PrefixCode, AttributeSet>();
  for (let round = 0; round < 50; round++) {
    rib.update("a", announce(attributes("10.0.0.1", [round + 1]), P1));
    known(rib, "b", fast);
    assert.equal(fast.get(P1)?.asPath[0]?.asns[0], round + 1);
  }
  const late = all(rib, "c");
  assert.equal(late.flatMap(({ announced }) => announced).length, 1, "not what has been in between");
  assert.equal(late[0]?.announced[0]?.attributes, fast.get(P1));
});

test("what was announced and withdrawn while a session did not read is not mentioned", () => {
  const rib = ribWith(["a", "b", "c"], { queueBatches: 1 });
  all(rib, "c");
  for (const update of [announce(attributes("10.0.0.1"), P1), withdraw(P1), announce(attributes("10.0.0.1"), P2)]) {
    rib.update("a", update);
    all(rib, "b");
  }
  assert.deepEqual(
    all(rib, "c").map(({ withdrawn, announced }) => [withdrawn, announced.flatMap(({ prefixes }) => prefixes)]),
    [[[], [P2]]],
  );
});

test("with many sessions behind, each for itself, fewer prefixes are worked out at once", () => {
  const names = Array.from({ length: 200 }, (_, at) => `z${at}`);
  const rib = ribWith(["a", ...names]);
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  for (const name of ["a", ...names]) all(rib, name);
  for (const name of names.slice(1)) rib.refresh(name, 4);
  const many = Array.from({ length: 100 }, (_, at) => code(`10.1.${at}.0/24`));
  rib.update("a", announce(attributes("10.0.0.1"), ...many));
  rib.work(100);
  const first = rib.next("z0", 100)?.announced[0]?.prefixes.length ?? 0;
  assert.ok(first > 0 && first < 10, `${first} at once`);
  assert.equal(known(rib, "z0").size, 100 - first);
});

test("a peer is not told its own routes, and is told to forget another's when its own becomes the best", () => {
  const rib = ribWith(["a", "b"]);
  rib.update("b", announce(attributes("10.0.0.2", [1, 2]), P1));
  const heard = known(rib, "a");
  assert.ok(heard.has(P1));
  rib.update("a", announce(attributes("10.0.0.1", [1]), P1));
  assert.equal(known(rib, "a", heard).size, 0);
  assert.equal(known(rib, "b").size, 1);
});

test("what the only session told is told to one that joins later, before its End-of-RIB", () => {
  const rib = ribWith(["a"]);
  const set = attributes("10.0.0.1");
  rib.update("a", announce(set, P1, P2));
  assert.deepEqual(known(rib, "a"), new Map());
  rib.update("a", withdraw(P2));
  settle(rib);
  rib.sessionUp(facts("b"));
  const batches = all(rib, "b");
  assert.deepEqual(
    batches.map(({ announced, endOfRib }) => [announced.flatMap(({ prefixes }) => prefixes), endOfRib]),
    [
      [[P1], []],
      [[], [4, 6]],
    ],
  );
});

test("what the only session told is told to one that is alone after it, whose own routes wait in turn", () => {
  const rib = ribWith(["a", "b"]);
  rib.configure(facts("b", { exportFilter: onlyP1 }));
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  known(rib, "a");
  const heard = known(rib, "b");
  rib.configure(facts("b"));
  rib.update("b", announce(attributes("10.0.0.2"), P2));
  rib.configure(facts("a", { exportFilter: onlyP1 }));
  assert.deepEqual([...known(rib, "b", heard).keys()], [P1]);
  rib.configure(facts("a"));
  assert.deepEqual([...known(rib, "a").keys()], [P2]);
});

test("End-of-RIB comes after all that was there, once for each family, and not before routes are decided", () => {
  const rib = ribWith(["a"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  rib.sessionUp(facts("b"));
  assert.equal(rib.next("b", 100), undefined, "P1 has not been decided");
  const batches = all(rib, "b");
  assert.deepEqual(batches.at(-1)?.endOfRib, [4, 6]);
  assert.equal(batches.flatMap((batch) => batch.endOfRib).length, 2);
  assert.deepEqual(batches[0]?.announced[0]?.prefixes, [P1]);
});

test("a refresh tells one family again and ends with a mark", () => {
  const rib = ribWith(["a", "b", "c"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  rib.update("a", announce(attributes("fd00::1"), V6));
  for (const name of ["b", "c"]) all(rib, name);
  rib.refresh("b", 4);
  const again = all(rib, "b");
  assert.deepEqual(
    again.flatMap(({ announced }) => announced.flatMap(({ prefixes }) => prefixes)).sort(),
    [P1, P2].sort(),
  );
  assert.deepEqual(
    again.map(({ refreshed }) => refreshed).filter(({ length }) => length > 0),
    [[4]],
  );
  assert.deepEqual(again.at(-1)?.refreshed, [4]);
  assert.deepEqual(all(rib, "c"), [], "nobody else hears of it");
});

test("routes of a peer that restarts stay, and go with its End-of-RIB unless it has told them again", () => {
  const rib = ribWith(["a", "b"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  const heard = known(rib, "b");
  rib.sessionDown("a", [4]);
  assert.equal(known(rib, "b", heard).size, 2);
  assert.equal(rib.staleCount("a"), 2);
  assert.equal(rib.why(P1)?.candidates[0]?.isStale, true);
  rib.sessionUp(facts("a"));
  rib.update("a", announce(attributes("10.0.0.1"), P2));
  assert.equal(known(rib, "b", heard).size, 2);
  rib.update("a", endOfRib(4));
  assert.deepEqual([...known(rib, "b", heard).keys()], [P2]);
  assert.equal(rib.receivedCount("a"), 1);
});

test("of a family that is not kept, and of a second restart in a row, nothing stays", () => {
  const rib = ribWith(["a", "b"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  rib.update("a", announce(attributes("fd00::1"), V6));
  rib.sessionDown("a", [6]);
  assert.deepEqual([...known(rib, "b").keys()], [V6]);
  rib.sessionUp(facts("a"));
  rib.sessionDown("a", [4, 6]);
  settle(rib);
  assert.deepEqual([rib.counts().routed, rib.counts().sessions], [0, 1]);
});

test("a stale route that its time runs out for goes, a fresh one stays", () => {
  const rib = ribWith(["a"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  rib.markStale("a", 4);
  rib.update("a", announce(attributes("10.0.0.1"), P2));
  rib.sweep("a", [4]);
  settle(rib);
  assert.deepEqual([...rib.prefixes()], [P2]);
});

test("routes of a retired session stay, each until another source has one that can be used", () => {
  const of = world();
  const rib = ribWith(["a", "b", "c"], {}, of);
  const far = ipv4("10.9.0.1");
  of.costs.set(far, undefined);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  rib.update("a", announce(attributes("fd00::1"), V6));
  const heard = known(rib, "c");
  rib.sessionRetired("a", [4, 6]);
  rib.update("b", announce(attributes("10.9.0.1"), P1));
  assert.deepEqual(
    rib.why(P1)?.candidates.map(({ isRetired, isStale }) => [isRetired, isStale]),
    [
      [true, true],
      [false, false],
    ],
  );
  rib.update("b", announce(attributes("10.0.0.2"), P2));
  rib.originate(V6, { about: "ours" });
  assert.deepEqual(
    [...known(rib, "c", heard)].sort().map(([prefix, { nextHop }]) => [prefix, nextHop]),
    [
      [P1, ipv4("10.0.0.1")],
      [P2, ipv4("10.0.0.2")],
    ].sort(),
  );
  assert.equal(rib.staleCount("a"), 1);
  of.costs.set(far, 3);
  rib.nextHopChanged(far);
  known(rib, "c", heard);
  assert.equal(heard.get(P1)?.nextHop, far);
  rib.update("b", withdraw(P1, P2));
  assert.deepEqual([...known(rib, "c", heard).keys()], [], "what was told by others does not come back");
  assert.equal(rib.counts().sessions, 2);
});

test("routes that others have told too go with a retired session, and its own with the sweep", () => {
  const rib = ribWith(["a", "b"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  rib.update("b", announce(attributes("10.0.0.2"), P2));
  settle(rib);
  rib.sessionRetired("a", [4, 6]);
  settle(rib);
  assert.deepEqual(
    [...rib.prefixes()].map((prefix) => rib.why(prefix)?.candidates.map(({ session: by }) => by)),
    [["a"], ["b"]],
  );
  rib.sweep("a", [4, 6]);
  settle(rib);
  assert.deepEqual([...rib.prefixes()], [P2]);
});

test("a retired session that comes again has its routes as after a restart", () => {
  const rib = ribWith(["a"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  rib.sessionRetired("a", [4]);
  settle(rib);
  rib.sessionUp(facts("a"));
  assert.equal(rib.isRetired("a"), false);
  rib.update("a", announce(attributes("10.0.0.1"), P2));
  rib.update("a", endOfRib(4));
  settle(rib);
  assert.deepEqual([...rib.prefixes()], [P2]);
  rib.sessionRetired("a", [6]);
  settle(rib);
  assert.equal(rib.counts().routed, 0, "of a family that is not kept nothing stays");
});

test("a next hop that becomes unreachable takes its routes out, and only those", () => {
  const of = world();
  const rib = ribWith(["a", "b"], {}, of);
  rib.update("a", announce(attributes("10.9.0.1"), P1));
  rib.update("a", announce(attributes("10.9.0.2"), P2));
  settle(rib);
  rib.takeChanges(10);
  of.costs.set(ipv4("10.9.0.1"), undefined);
  rib.nextHopChanged(ipv4("10.9.0.1"));
  settle(rib);
  assert.deepEqual(rib.takeChanges(10), [{ prefix: P1, routes: [] }]);
  assert.equal(fateInWords(rib.why(P1)!.candidates[0]!.fate), "there is no route to its next hop");
});

test("a next hop that becomes our own, or another's, is believed as it is now", () => {
  const of = world();
  const rib = ribWith(["a", "b"], {}, of);
  const hop = ipv4("10.9.0.1");
  const fate = (): string => {
    settle(rib);
    return fateInWords(rib.why(P1)!.candidates[0]!.fate);
  };
  of.own.add(hop);
  rib.update("a", announce(attributes("10.9.0.1"), P1));
  assert.equal(fate(), "its next hop is an address of this host");
  of.own.delete(hop);
  rib.nextHopChanged(hop);
  assert.equal(fate(), "best");
  of.own.add(hop);
  rib.nextHopChanged(hop);
  assert.equal(fate(), "its next hop is an address of this host");
});

test("another router id: what comes again is judged by it", () => {
  const rib = ribWith(["a", "b"]);
  const update = announce(attributes("10.0.0.1", [], { originatorId: ipv4("10.0.0.9") }), P1);
  rib.update("a", update);
  settle(rib);
  for (const name of ["a", "b"]) rib.sessionRetired(name, [4, 6]);
  rib.setRouterId(ipv4("10.0.0.9"));
  rib.sessionUp(facts("a"));
  rib.update("a", update);
  settle(rib);
  assert.equal(fateInWords(rib.why(P1)!.candidates[0]!.fate), "its ORIGINATOR_ID is our router id: it was ours");
});

test("what is on its way out does not count as received", () => {
  const rib = ribWith(["a"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  rib.sessionDown("a", []);
  rib.sessionUp(facts("a"));
  rib.update("a", announce(attributes("10.0.0.1"), V6));
  assert.equal(rib.receivedCount("a"), 1);
  settle(rib);
  assert.equal(rib.receivedCount("a"), 1);
});

test("a next hop that is only nearer or farther moves the choice", () => {
  const of = world();
  const rib = ribWith(["a", "b"], {}, of);
  rib.update("a", announce(attributes("10.9.0.1"), P1));
  rib.update("b", announce(attributes("10.9.0.2"), P1));
  const best = (): string | undefined => {
    settle(rib);
    return rib.why(P1)?.candidates[0]?.session;
  };
  assert.equal(best(), "a");
  of.costs.set(ipv4("10.9.0.1"), 5);
  rib.nextHopChanged(ipv4("10.9.0.1"));
  assert.equal(best(), "b");
  of.costs.set(ipv4("10.9.0.2"), 7);
  rib.nextHopChanged(ipv4("10.9.0.2"));
  assert.equal(best(), "a");
});

test("routes that are used beside each other are handed out together, our own take their place", () => {
  const rib = ribWith(["a", "b"], { maxPaths: 2 });
  rib.update("a", announce(attributes("10.9.0.1"), P1));
  rib.update("b", announce(attributes("10.9.0.2"), P1));
  settle(rib);
  assert.deepEqual(
    rib.takeChanges(10).map(({ routes }) => routes.map((route) => route.session)),
    [["a", "b"]],
  );
  rib.originate(P1, { about: "block" });
  settle(rib);
  assert.deepEqual(rib.takeChanges(10), [{ prefix: P1, routes: [] }]);
});

test("another session with the same attributes is another route to use", () => {
  const rib = ribWith(["a", "b"]);
  const same = attributes("10.9.0.1");
  for (const name of ["a", "b"]) rib.update(name, announce(same, P1));
  settle(rib);
  rib.takeChanges(10);
  rib.update("a", withdraw(P1));
  settle(rib);
  assert.deepEqual(
    rib.takeChanges(10).map(({ routes }) => routes.map((route) => route.session)),
    [["b"]],
  );
});

test("a prefix of ours that stands for something else says so", () => {
  const rib = ribWith([]);
  for (const about of ["block of a node", "address of a service"]) {
    rib.originate(P1, { about });
    settle(rib);
    assert.equal(rib.why(P1)?.candidates[0]?.about, about);
  }
});

const closed: Filter = { name: "closed", terms: [], otherwise: "reject" };
/** Another object of the same content. */
const likewise: Filter = { ...acceptAll };
const onlyP1: Filter = {
  name: "only P1",
  terms: [
    {
      about: "P1",
      conditions: [{ kind: "equals", prefix: { address: ipv4("192.168.1.0"), length: 26 } }],
      actions: [],
      verdict: "accept",
    },
  ],
  otherwise: "reject",
};

test("another import filter is applied to what was received, without the peer", () => {
  const rib = ribWith(["a", "b"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  const heard = known(rib, "b");
  rib.configure(facts("a", { importFilter: onlyP1 }));
  assert.deepEqual([...known(rib, "b", heard).keys()], [P1]);
  rib.configure(facts("a"));
  assert.equal(known(rib, "b", heard).size, 2);
});

test("prefixes with the same attributes that two terms reject name each its own", () => {
  const rejecting = (about: string, third: number): Filter["terms"][number] => ({
    about,
    conditions: [{ kind: "equals", prefix: { address: ipv4(`192.168.${third}.0`), length: 26 } }],
    actions: [],
    verdict: "reject",
  });
  const rib = ribWith([]);
  const importFilter: Filter = {
    name: "two",
    terms: [rejecting("one", 1), rejecting("other", 2)],
    otherwise: "accept",
  };
  rib.sessionUp(facts("a", { importFilter }));
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  assert.deepEqual(
    [P1, P2].map((prefix) => fateInWords(rib.why(prefix)!.candidates[0]!.fate)),
    ["one rejects it (import filter two)", "other rejects it (import filter two)"],
  );
});

test("another export filter sends the difference, and nothing where it says the same", () => {
  const rib = ribWith(["a", "b", "c"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1, P2));
  for (const name of ["b", "c"]) all(rib, name);
  rib.configure(facts("b", { exportFilter: likewise }));
  assert.deepEqual(all(rib, "b"), []);
  for (const name of ["b", "c"]) rib.configure(facts(name, { exportFilter: onlyP1 }));
  const [toB, toC] = [all(rib, "b"), all(rib, "c")];
  assert.deepEqual([toB.length, toB[0]?.withdrawn, toB[0]?.announced], [1, [P2], []]);
  assert.equal(toC[0], toB[0], "worked out once for both");
});

test("a session that follows into a group later hears what its own group has told since", () => {
  const rib = ribWith(["a", "b", "c"]);
  const heard = known(rib, "c");
  rib.configure(facts("b", { exportFilter: closed }));
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  known(rib, "c", heard);
  assert.equal(heard.size, 1);
  rib.configure(facts("c", { exportFilter: closed }));
  assert.equal(known(rib, "c", heard).size, 0);
});

test("a session that follows into a group that has told something since hears the difference", () => {
  const rib = ribWith(["a", "b", "c"]);
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  const heard = known(rib, "c");
  known(rib, "b");
  rib.configure(facts("b", { exportFilter: closed }));
  all(rib, "b");
  rib.configure(facts("c", { exportFilter: closed }));
  assert.equal(known(rib, "c", heard).size, 0);
});

test("a peer that becomes a client is reflected to, and its routes are", () => {
  const rib = new Rib(world(), { routerId: ipv4("10.0.0.254"), maxPaths: 1 });
  for (const name of ["a", "b"]) rib.sessionUp(facts(name, { isReflectorClient: false }));
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  const heard = known(rib, "b");
  assert.equal(heard.size, 0);
  rib.configure(facts("a"));
  assert.equal(known(rib, "b", heard).size, 1);
});

test("work stops at its limit and goes on where it stopped", () => {
  const rib = ribWith(["a"]);
  rib.update("a", announce(attributes("10.0.0.1"), ...Array.from({ length: 50 }, (_, at) => code(`10.1.${at}.0/24`))));
  let calls = 1;
  while (rib.work(10)) calls++;
  assert.ok(calls >= 5, `${calls} calls`);
  assert.equal(rib.counts().routed, 50);
  assert.equal(rib.takeChanges(20).length, 20);
  assert.equal(rib.takeChanges(100).length, 30);
});

test("why names for each candidate what decided, and for each session what it is told", () => {
  const rib = ribWith(["a", "b", "c"], { maxPaths: 2 });
  rib.sessionUp(facts("d", { importFilter: closed, exportFilter: onlyP1 }));
  rib.sessionUp(facts("e", { exportFilter: closed }));
  rib.update("a", announce(attributes("10.0.0.1", [1]), P1, P2));
  rib.update("b", announce(attributes("10.0.0.2", [2]), P1));
  rib.update("c", announce(attributes("10.0.0.3", [3, 4]), P1));
  rib.update("d", announce(attributes("10.0.0.4"), P1));
  rib.update("e", announce(attributes("10.0.0.5", [64512]), P1));
  settle(rib);
  assert.deepEqual(
    rib.why(P1)?.candidates.map(({ session: of, fate }) => [of, fateInWords(fate)]),
    [
      ["a", "best"],
      ["b", "used beside the best"],
      ["c", "another route has a shorter AS_PATH"],
      ["d", "no term of the import filter closed accepts it"],
      ["e", "our own AS stands in its AS_PATH (times: 1, allowed: 0)"],
    ],
  );
  assert.equal(rib.why(code("10.0.0.0/8")), undefined);
  const words = (prefix: PrefixCode, name: string): string => exportInWords(rib.whyTold(prefix, name));
  assert.equal(words(P1, "a"), "it comes from this peer");
  assert.equal(words(P1, "b"), "announced");
  assert.equal(words(P2, "d"), "no term of the export filter only P1 accepts it");
  assert.equal(words(code("10.0.0.0/8"), "b"), "there is no usable route to announce");
  assert.equal(words(P1, "nobody"), "the session is not established");
  const told = rib.whyTold(P1, "b") as Extract<ExportReport, { outcome: "told" }>;
  assert.equal(known(rib, "b").get(P1), told.attributes);
});

test("what a session says that is not up is not heard", () => {
  const rib = ribWith(["a"]);
  rib.sessionDown("a", []);
  settle(rib);
  rib.update("a", announce(attributes("10.0.0.1"), P1));
  assert.deepEqual(rib.counts(), { prefixes: 0, routed: 0, sessions: 0, nextHops: 0, updateGroups: 0 });
});
