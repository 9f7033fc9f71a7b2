/** Random histories of one speaker: whatever happened in whatever order, its tables are those computed from scratch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Family, IpAddress, Ipv4 } from "../../ip/address.ts";
import { familyOfCode, type PrefixCode } from "../../ip/prefix-code.ts";
import { attributes, code, hear, session, world } from "../../testing/bgp-tables.ts";
import { ipv4, ipv6 } from "../../testing/bgp-values.ts";
import { HISTORIES } from "../../testing/fuzz.ts";
import { plainRib } from "../../testing/plain-rib.ts";
import type { Origination } from "../config.ts";
import { acceptAll, type Filter } from "../filter/types.ts";
import { AttributeTable } from "../message/attribute-table.ts";
import type { AttributeSet } from "../message/types.ts";
import { Rib } from "./rib.ts";
import type { Batch, BestChange, RibSession } from "./types.ts";

const NAMES = ["a", "b", "c", "d"] as const;
const PREFIXES = ["10.1.0.0/16", "10.1.0.0/24", "192.168.0.0/26", "fd00::/64"].map(code);
const COMMUNITIES = [0xffff_ff01, 0xffff_ff02, 0xffff_ff03, 100];

/** Of either family by the prefix that they go with; few, so that ties are common. */
const attributesOf = (family: Family) =>
  fc
    .record({
      hop: fc.constantFrom(...(family === 4 ? ["10.0.0.1", "10.0.0.2", "10.9.9.9"] : ["fd00::1", "fd00::9"])),
      path: fc.subarray([64512, 65001, 65002, 65003]),
      med: fc.option(fc.constantFrom(5, 10), { nil: undefined }),
      localPref: fc.option(fc.constantFrom(100, 200), { nil: undefined }),
      communities: fc.subarray(COMMUNITIES, { maxLength: 1 }),
      originatorId: fc.option(fc.constantFrom(ipv4("10.0.0.7"), ipv4("10.0.0.254")), { nil: undefined }),
      clusterList: fc.subarray([ipv4("1.1.1.1"), ipv4("10.0.0.254")]),
      origin: fc.constantFrom("igp" as const, "egp" as const),
    })
    .map(({ hop, path, med, localPref, originatorId, ...rest }) =>
      attributes(hop, path, {
        ...rest,
        ...(med === undefined ? {} : { med }),
        ...(localPref === undefined ? {} : { localPref }),
        ...(originatorId === undefined ? {} : { originatorId }),
      }),
    );

const FILTERS: readonly Filter[] = [
  { name: "all", terms: [], otherwise: "accept" },
  { name: "none", terms: [], otherwise: "reject" },
  {
    name: "by prefix",
    terms: [
      {
        about: "only /24 of 10.1",
        conditions: [{ kind: "within", prefix: { address: ipv4("10.1.0.0"), length: 16 }, least: 24 }],
        actions: [{ kind: "setLocalPref", value: 150 }],
        verdict: "accept",
      },
      { about: "count", conditions: [], actions: [{ kind: "addCommunity", community: 7 }] },
      { about: "own", conditions: [{ kind: "source", source: "local" }], actions: [], verdict: "accept" },
    ],
    otherwise: "reject",
  },
  {
    name: "by attributes",
    terms: [
      { about: "100", conditions: [{ kind: "community", community: 100 }], actions: [], verdict: "reject" },
      { about: "med", conditions: [], actions: [{ kind: "setMed", value: 5 }], verdict: "accept" },
    ],
    otherwise: "accept",
  },
];

/** Few, so that sessions meet in update groups and move between the same ones. */
const ROLES: readonly Partial<RibSession>[] = [
  {},
  { isReflectorClient: true, families: [4] },
  { isReflectorClient: true, families: [6] },
  { isReflectorClient: true, exportFilter: FILTERS[2] ?? acceptAll },
  { kind: "external", importFilter: FILTERS[3] ?? acceptAll },
];

const roles = fc.record({
  kind: fc.constantFrom("internal" as const, "external" as const),
  isReflectorClient: fc.boolean(),
  families: fc.constantFrom<(readonly Family[])[]>([4], [6], [4, 6]),
  /** A next hop of theirs, of others', or nobody's. */
  peerAddress: fc.constantFrom<IpAddress[]>(ipv4("10.0.0.1"), ipv4("10.9.9.9"), ipv6("fd00::1"), ipv4("10.8.8.8")),
  nextHop: fc.constantFrom("normal" as const, "self" as const, "keep" as const),
  importFilter: fc.constantFrom(...FILTERS),
  exportFilter: fc.constantFrom(...FILTERS),
  allowedOwnAs: fc.nat(1),
});

const facts = fc
  .tuple(
    fc.constantFrom(...NAMES),
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...ROLES) }, { weight: 1, arbitrary: roles }),
  )
  .map(([of, role]): RibSession => session(of, NAMES.indexOf(of) + 1, role));

const name = fc.constantFrom(...NAMES);
const prefixes = fc.uniqueArray(fc.constantFrom(...PREFIXES), { minLength: 1, maxLength: 4 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("up" as const), session: facts }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("configure" as const), session: facts }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("down" as const), name, keep: fc.subarray<Family>([4, 6]) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("retire" as const), name, keep: fc.subarray<Family>([4, 6]) }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("announce" as const),
      name,
      prefixes,
      set4: attributesOf(4),
      set6: attributesOf(6),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("withdraw" as const), name, prefixes }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("endOfRib" as const), name, family: fc.constantFrom<Family>(4, 6) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("mark" as const), name, family: fc.constantFrom<Family>(4, 6) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("originate" as const),
      prefix: fc.constantFrom(...PREFIXES),
      is: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("cost" as const),
      hop: fc.constantFrom("10.0.0.1", "10.0.0.2", "10.9.9.9"),
      cost: fc.option(fc.nat(3), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("own" as const),
      hop: fc.constantFrom("10.0.0.1", "10.0.0.2", "10.9.9.9"),
      is: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("routerId" as const),
      routerId: fc.constantFrom(ipv4("10.0.0.254"), ipv4("10.0.0.7")),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("sweep" as const), name, families: fc.subarray<Family>([4, 6]) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("churn" as const),
      name,
      reader: name,
      set4: attributesOf(4),
      set6: attributesOf(6),
      rounds: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("refresh" as const), name, family: fc.constantFrom<Family>(4, 6) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("work" as const), limit: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("next" as const), name, limit: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("take" as const), limit: fc.integer({ min: 1, max: 3 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const histories = fc.array(step, { minLength: 1, maxLength: 150, size: "max" });
const queueBatches = fc.integer({ min: 1, max: 5 });

interface Told {
  session: RibSession;
  isUp: boolean;
  isRetired: boolean;
  readonly received: Map<PrefixCode, AttributeSet>;
  readonly stale: Set<PrefixCode>;
}

/** A Rib beside what was done to it, and the peers' ends of its sessions. */
class Trial {
  readonly world = world(new AttributeTable());
  readonly rib: Rib;
  readonly options: { routerId: Ipv4; readonly maxPaths: number; readonly queueBatches: number };
  readonly sessions = new Map<string, Told>();
  readonly originated = new Map<PrefixCode, Origination>();
  readonly heard = new Map<string, Map<PrefixCode, AttributeSet>>();
  readonly used = new Map<PrefixCode, BestChange["routes"]>();
  readonly marks = new Map<string, Family[]>();
  /** What each that is told again was told before, and not since, from the mark that began it. */
  readonly again = new Map<string, Map<Family, Set<PrefixCode>>>();

  constructor(most: number) {
    this.options = { routerId: ipv4("10.0.0.254"), maxPaths: 2, queueBatches: most };
    this.rib = new Rib(this.world, this.options);
    this.rib.keepChanges();
  }

  carryOut(done: Step): void {
    this.#carryOut(done);
    for (const [of, { isRetired, received }] of this.sessions)
      if (!isRetired) assert.equal(this.rib.receivedCount(of), received.size, `received from ${of} at any moment`);
    assert.equal(this.world.inUse.size, this.rib.counts().nextHops, "the world is told of next hops that are unused");
  }

  #carryOut(done: Step): void {
    switch (done.do) {
      case "up": {
        const { name: of } = done.session;
        const was = this.sessions.get(of);
        if (was?.isUp) return;
        if (was) this.#forgetSuperseded(was);
        this.sessions.set(of, {
          received: new Map(),
          stale: new Set(),
          ...was,
          session: done.session,
          isUp: true,
          isRetired: false,
        });
        this.heard.set(of, new Map());
        this.marks.set(of, []);
        this.again.set(of, new Map());
        this.rib.sessionUp(done.session);
        break;
      }
      case "configure": {
        const was = this.sessions.get(done.session.name);
        if (!was) return;
        // A session keeps what its OPENs made of it.
        const { kind, families, peerAddress } = was.session;
        was.session = { ...done.session, kind, families, peerAddress };
        this.rib.configure(was.session);
        break;
      }
      case "down":
        this.#down(done.name, done.keep);
        break;
      case "retire":
        this.#retire(done.name, done.keep);
        break;
      case "announce":
        this.#announce(done);
        break;
      case "withdraw": {
        const told = this.sessions.get(done.name);
        if (told?.isUp) for (const prefix of done.prefixes) this.#forget(told, prefix);
        this.rib.update(done.name, { type: "update", withdrawn: done.prefixes, announced: [], malformed: [] });
        break;
      }
      case "endOfRib": {
        const told = this.sessions.get(done.name);
        if (!told?.isUp) return;
        this.#sweep(told, [done.family]);
        const { family: endOfRib } = done;
        this.rib.update(done.name, { type: "update", withdrawn: [], announced: [], endOfRib, malformed: [] });
        break;
      }
      case "mark": {
        const told = this.sessions.get(done.name);
        if (!told?.isUp) return;
        for (const prefix of told.received.keys()) if (familyOfCode(prefix) === done.family) told.stale.add(prefix);
        this.rib.markStale(done.name, done.family);
        break;
      }
      case "originate": {
        const origination = done.is ? { about: "ours" } : undefined;
        if (origination) this.originated.set(done.prefix, origination);
        else this.originated.delete(done.prefix);
        this.rib.originate(done.prefix, origination);
        break;
      }
      case "cost": {
        const hop: IpAddress = ipv4(done.hop);
        this.world.costs.set(hop, done.cost);
        this.rib.nextHopChanged(hop);
        break;
      }
      case "own": {
        const hop: IpAddress = ipv4(done.hop);
        if (done.is) this.world.own.add(hop);
        else this.world.own.delete(hop);
        this.rib.nextHopChanged(hop);
        break;
      }
      case "routerId":
        this.options.routerId = done.routerId;
        this.rib.setRouterId(done.routerId);
        break;
      case "sweep": {
        const told = this.sessions.get(done.name);
        if (told) this.#sweep(told, done.families);
        this.rib.sweep(done.name, done.families);
        break;
      }
      case "churn":
        this.#churn(done);
        break;
      case "refresh":
        // Of other families nothing is heard.
        if (this.sessions.get(done.name)?.session.families.includes(done.family))
          this.rib.refresh(done.name, done.family);
        break;
      case "work":
        this.rib.work(done.limit);
        break;
      case "next":
        this.next(done.name, done.limit);
        break;
      case "take":
        this.take(done.limit);
    }
  }

  /** Works until nothing is left, and lets all sessions hear all. */
  settle(): void {
    for (let more = true; more || this.rib.hasWork; ) {
      while (this.rib.work(3));
      more = false;
      for (const of of this.heard.keys()) while (this.next(of, 2)) more = true;
    }
    while (this.take(5) > 0);
  }

  next(of: string, limit: number): boolean {
    const batch = this.rib.next(of, limit);
    const known = this.heard.get(of);
    if (!batch || !known) return false;
    this.#comparePart(batch);
    this.#followRefresh(of, known, batch);
    hear(known, batch);
    this.marks.get(of)?.push(...batch.endOfRib);
    return true;
  }

  /** What a batch was made from says the same as the batch. */
  #comparePart({ announced, partOf }: Batch): void {
    if (!partOf) return;
    const { whole, without } = partOf;
    assert.deepEqual(
      announced,
      whole.announced.filter((_, place) => !without.includes(place)),
    );
  }

  /** RFC 7313: what was known when a refresh began has been told again, or withdrawn, when it ends. */
  #followRefresh(of: string, known: ReadonlyMap<PrefixCode, AttributeSet>, batch: Batch): void {
    const again = this.again.get(of) ?? assert.fail();
    for (const family of batch.refreshing) {
      assert.ok(this.marks.get(of)?.includes(family), "no refresh begins before the End-of-RIB");
      again.set(family, new Set([...known.keys()].filter((prefix) => familyOfCode(prefix) === family)));
    }
    const said = [...batch.withdrawn, ...batch.announced.flatMap(({ prefixes: all }) => all)];
    for (const left of again.values()) for (const prefix of said) left.delete(prefix);
    for (const family of batch.refreshed) {
      assert.deepEqual(again.get(family), new Set(), `all that ${of} knows is told again`);
      again.delete(family);
    }
  }

  take(limit: number): number {
    const changes = this.rib.takeChanges(limit);
    for (const { prefix, routes } of changes)
      if (routes.length > 0) this.used.set(prefix, routes);
      else this.used.delete(prefix);
    return changes.length;
  }

  /** The tables, worked until nothing is left, are those computed from scratch. */
  check(): void {
    this.settle();
    for (const told of this.sessions.values()) this.#forgetSuperseded(told);
    const plain = plainRib({
      world: this.world,
      options: this.options,
      sessions: [...this.sessions.values()],
      originated: this.originated,
    });
    assert.deepEqual(sorted(this.used), sorted(plain.best), "the routes to use");
    for (const [of, told] of plain.told)
      assert.deepEqual(sorted(this.heard.get(of) ?? new Map()), sorted(told), `what ${of} has heard`);
    for (const [of, { isUp, received }] of this.sessions)
      assert.equal(this.rib.receivedCount(of), received.size, `received from ${of}, up ${isUp}`);
    for (const prefix of this.rib.prefixes()) {
      const candidates = this.rib.why(prefix)?.candidates ?? [];
      const usable = candidates.filter(({ fate: { fate } }) => fate !== "rejected" && fate !== "unreachable");
      const isTold = usable.some(({ isRetired }) => !isRetired);
      assert.ok(!isTold || candidates.every(({ isRetired }) => !isRetired), `${prefix} is kept, and others tell it`);
    }
  }

  /** When the tables find that another source tells what a retired session told depends on how far they were worked. */
  #forgetSuperseded(told: Told): void {
    if (!told.isRetired) return;
    for (const prefix of [...told.received.keys()]) {
      const candidates = this.rib.why(prefix)?.candidates ?? [];
      if (!candidates.some(({ session: by }) => by === told.session.name)) this.#forget(told, prefix);
    }
  }

  #retire(of: string, keep: readonly Family[]): void {
    const told = this.sessions.get(of);
    this.rib.sessionRetired(of, keep);
    this.heard.delete(of);
    if (!told) return;
    told.isUp = false;
    told.isRetired = true;
    for (const prefix of [...told.received.keys()]) {
      if (keep.includes(familyOfCode(prefix))) told.stale.add(prefix);
      else this.#forget(told, prefix);
    }
  }

  #announce({ name: of, prefixes: all, set4, set6 }: Extract<Step, { do: "announce" }>): void {
    const told = this.sessions.get(of);
    const announced = ([4, 6] as const).flatMap((family) => {
      const set = this.world.attributes.intern(family === 4 ? set4 : set6);
      const some = all.filter((prefix) => familyOfCode(prefix) === family);
      return told?.session.families.includes(family) && some.length > 0 ? [{ attributes: set, prefixes: some }] : [];
    });
    for (const { attributes: set, prefixes: some } of told?.isUp ? announced : [])
      for (const prefix of some) {
        told?.received.set(prefix, set);
        told?.stale.delete(prefix);
      }
    this.rib.update(of, { type: "update", withdrawn: [], announced, malformed: [] });
  }

  /** One tells the same and something else in turn, and another takes all of it at once: the rest fall behind. */
  #churn({ name: of, reader, set4, set6, rounds }: Extract<Step, { do: "churn" }>): void {
    for (let round = 0; round < rounds; round++) {
      const turned = (set: AttributeSet): AttributeSet => ({ ...set, med: round });
      const all = PREFIXES.slice(round % 2, 3 + (round % 2));
      this.#announce({ do: "announce", name: of, prefixes: all, set4: turned(set4), set6: turned(set6) });
      while (this.rib.work(5) && this.next(reader, 3));
      while (this.next(reader, 3));
    }
  }

  #down(of: string, keep: readonly Family[]): void {
    const told = this.sessions.get(of);
    if (told) this.#forgetSuperseded(told);
    this.rib.sessionDown(of, keep);
    this.heard.delete(of);
    if (!told) return;
    this.#sweep(told, [4, 6]);
    told.isUp = false;
    const { families } = told.session;
    for (const prefix of told.received.keys()) {
      const family = familyOfCode(prefix);
      if (families.includes(family) && keep.includes(family)) told.stale.add(prefix);
      else this.#forget(told, prefix);
    }
    if (told.received.size === 0) this.sessions.delete(of);
  }

  #sweep(told: Told, families: readonly Family[]): void {
    const { families: spoken } = told.session;
    const isWhole = spoken.every((family) => families.includes(family));
    for (const prefix of [...told.stale])
      if (isWhole || families.includes(familyOfCode(prefix))) this.#forget(told, prefix);
  }

  #forget(told: Told, prefix: PrefixCode): void {
    told.received.delete(prefix);
    told.stale.delete(prefix);
  }
}

const sorted = <V>(map: ReadonlyMap<PrefixCode, V>): [string, V][] =>
  [...map].map(([prefix, value]): [string, V] => [String(prefix), value]).sort(([a], [b]) => (a < b ? -1 : 1));

test("after any history the tables are those computed from scratch, and every peer has heard what they say", () => {
  fc.assert(
    fc.property(histories, queueBatches, (history, most) => {
      const trial = new Trial(most);
      for (const done of history) trial.carryOut(done);
      trial.check();
      for (const [of, { session: facts_, isUp }] of trial.sessions)
        if (isUp) assert.deepEqual(trial.marks.get(of)?.sort(), [...facts_.families], `End-of-RIB once to ${of}`);
    }),
    { numRuns: HISTORIES },
  );
});

test("when all sessions are down and nothing is ours, nothing stays", () => {
  fc.assert(
    fc.property(histories, queueBatches, (history, most) => {
      const trial = new Trial(most);
      for (const done of history) trial.carryOut(done);
      for (const of of NAMES) trial.carryOut({ do: "down", name: of, keep: [] });
      for (const prefix of PREFIXES) trial.carryOut({ do: "originate", prefix, is: false });
      trial.settle();
      assert.equal(trial.used.size, 0);
      const { updateGroups: _, ...counts } = trial.rib.counts();
      assert.deepEqual(counts, { prefixes: 0, routed: 0, sessions: 0, nextHops: 0 });
    }),
    { numRuns: HISTORIES },
  );
});
