/**
 * Networks of speakers: whatever their sessions and policies, and in whatever order messages are delivered, they come to rest
 * where a computation from scratch does.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { code, session, type TestWorld, world } from "../../testing/bgp-tables.ts";
import { ipv4 } from "../../testing/bgp-values.ts";
import { HISTORIES } from "../../testing/fuzz.ts";
import { type PlainOutput, plainRib } from "../../testing/plain-rib.ts";
import type { Origination } from "../config.ts";
import { acceptAll, type Filter } from "../filter/types.ts";
import { AttributeTable } from "../message/attribute-table.ts";
import type { AttributeSet, Update } from "../message/types.ts";
import { Rib } from "./rib.ts";
import type { Batch, BestChange, RibOptions, RibSession } from "./types.ts";

const PREFIXES = ["192.168.0.0/26", "192.168.1.0/26", "192.168.2.0/26"].map(code);
const ANY = { conditions: [], verdict: "accept" as const };

/** What an AS may do to routes on its way out without setting off disputes: fewer of them, or longer paths. */
const EXPORTS: readonly Filter[] = [
  acceptAll,
  {
    name: "not the first",
    terms: [
      {
        about: "first",
        conditions: [{ kind: "equals", prefix: { address: ipv4("192.168.0.0"), length: 26 } }],
        actions: [],
        verdict: "reject",
      },
    ],
    otherwise: "accept",
  },
  {
    name: "longer",
    terms: [{ about: "longer", ...ANY, actions: [{ kind: "prependAsPath", asns: [65100, 65100] }] }],
    otherwise: "reject",
  },
  {
    name: "marked",
    terms: [
      {
        about: "own",
        conditions: [{ kind: "source", source: "local" }],
        actions: [{ kind: "addCommunity", community: 0xffff_ff01 }],
      },
    ],
    otherwise: "accept",
  },
];

/** The same for everybody, and below what is ours: whoever prefers a neighbour to itself need not come to rest. */
const BELOW_OURS: Filter = {
  name: "below ours",
  terms: [
    {
      about: "second",
      conditions: [{ kind: "within", prefix: { address: ipv4("192.168.1.0"), length: 24 } }],
      actions: [{ kind: "setLocalPref", value: 50 }],
      verdict: "accept",
    },
  ],
  otherwise: "accept",
};

const shape = fc.record({
  /** By AS: how many nodes, and how many of them are reflectors; 0: a mesh. */
  systems: fc.array(fc.record({ nodes: fc.integer({ min: 1, max: 4 }), reflectors: fc.nat(2) }), {
    minLength: 1,
    maxLength: 3,
  }),
  /** Between nodes by their places, where their AS differs. */
  external: fc.array(
    fc.record({ a: fc.nat(11), b: fc.nat(11), out: fc.constantFrom(...EXPORTS), back: fc.constantFrom(...EXPORTS) }),
    {
      maxLength: 6,
    },
  ),
  originated: fc.array(fc.record({ node: fc.nat(11), prefix: fc.constantFrom(...PREFIXES) }), {
    minLength: 1,
    maxLength: 6,
  }),
  costs: fc.array(fc.nat(2), { minLength: 12, maxLength: 12 }),
});
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

/** What the schedule does next: a node works, sends, or a link fails or comes back. */
const move = fc.record({
  kind: fc.constantFrom("work" as const, "send" as const, "deliver" as const, "flap" as const, "originate" as const),
  at: fc.nat(1000),
});

interface Node {
  readonly name: string;
  readonly as: number;
  readonly world: TestWorld;
  readonly options: RibOptions;
  readonly rib: Rib;
  readonly sessions: Map<string, RibSession>;
  readonly originated: Map<PrefixCode, Origination>;
}

interface Link {
  readonly ends: readonly [Node, Node];
  /** Sent and not delivered, by the receiving end. */
  readonly wires: readonly [Update[], Update[]];
  isUp: boolean;
}

class Network {
  readonly nodes: Node[] = [];
  readonly links: Link[] = [];

  constructor({ systems, external, originated, costs }: Shape) {
    const attributes = new AttributeTable();
    for (const [as, { nodes }] of systems.entries())
      for (let count = 0; count < nodes; count++) this.#add(65001 + as, world(attributes));
    for (const { world: of } of this.nodes)
      for (const [at, cost] of costs.entries()) of.costs.set(ipv4(`10.0.0.${at + 1}`), cost);
    for (const [as, { reflectors }] of systems.entries()) this.#connectSystem(65001 + as, reflectors);
    for (const { a, b, out, back } of external) {
      const [left, right] = [this.nodes[a % this.nodes.length], this.nodes[b % this.nodes.length]];
      if (left && right && left.as !== right.as && !left.sessions.has(right.name)) {
        const over = { kind: "external" as const, importFilter: BELOW_OURS };
        this.#connect(left, right, { ...over, exportFilter: out }, { ...over, exportFilter: back });
      }
    }
    for (const { node, prefix } of originated) {
      const of = this.nodes[node % this.nodes.length];
      if (of) this.originate(of, prefix, true);
    }
  }

  originate(node: Node, prefix: PrefixCode, is: boolean): void {
    if (is) node.originated.set(prefix, { about: "ours" });
    else node.originated.delete(prefix);
    node.rib.originate(prefix, is ? { about: "ours" } : undefined);
  }

  /** Down loses what is on the wire. */
  flap(link: Link): void {
    link.isUp = !link.isUp;
    for (const [at, node] of link.ends.entries()) {
      const other = link.ends[1 - at];
      const facts = node.sessions.get(other?.name ?? "");
      if (!facts) continue;
      link.wires[at]?.splice(0);
      if (link.isUp) node.rib.sessionUp(facts);
      else node.rib.sessionDown(facts.name, []);
    }
  }

  send(link: Link, end: 0 | 1): boolean {
    const [from, to] = end === 0 ? link.ends : [link.ends[1], link.ends[0]];
    const batch = link.isUp ? from.rib.next(to.name, 2) : undefined;
    if (batch) link.wires[1 - end]?.push(...updatesOf(batch));
    return batch !== undefined;
  }

  deliver(link: Link, end: 0 | 1): boolean {
    const update = link.wires[end]?.shift();
    const [to, from] = end === 0 ? link.ends : [link.ends[1], link.ends[0]];
    if (update) to.rib.update(from.name, update);
    return update !== undefined;
  }

  /** Until nothing happens any more. */
  settle(): void {
    for (let rounds = 0, more = true; more; rounds++) {
      assert.ok(rounds < 200, "it does not come to rest");
      more = false;
      for (const { rib } of this.nodes) while (rib.work(100)) more = true;
      for (const link of this.links) for (const end of [0, 1] as const) while (this.send(link, end)) more = true;
      for (const link of this.links) for (const end of [0, 1] as const) while (this.deliver(link, end)) more = true;
    }
  }

  /** All nodes computed from scratch, again and again from what they told each other the last time, until nothing changes. */
  plain(): ReadonlyMap<string, PlainOutput> {
    let last = new Map<string, PlainOutput>();
    for (let rounds = 0; rounds < 100; rounds++) {
      const next = new Map(this.nodes.map((node) => [node.name, this.#plainNode(node, last)]));
      if (textOf(next) === textOf(last)) return next;
      last = next;
    }
    throw new Error("the computation does not come to rest");
  }

  #plainNode(
    { name, world: of, options, sessions, originated }: Node,
    last: ReadonlyMap<string, PlainOutput>,
  ): PlainOutput {
    const up = this.links.filter(({ isUp, ends }) => isUp && ends.some((end) => end.name === name));
    const neighbours = up.map(({ ends: [a, b] }) => (a.name === name ? b : a));
    return plainRib({
      world: of,
      options,
      originated,
      sessions: neighbours.flatMap((neighbour) => {
        const facts = sessions.get(neighbour.name);
        const received = last.get(neighbour.name)?.told.get(name) ?? new Map<PrefixCode, AttributeSet>();
        return facts ? [{ session: facts, isUp: true, received }] : [];
      }),
    });
  }

  #add(as: number, of: TestWorld): void {
    const host = this.nodes.length + 1;
    const address = ipv4(`10.0.0.${host}`);
    of.own.add(address);
    const options = { routerId: address, maxPaths: 2 };
    const rib = new Rib(of, options);
    rib.keepChanges();
    this.nodes.push({ name: `n${host}`, as, world: of, options, rib, sessions: new Map(), originated: new Map() });
  }

  #connectSystem(as: number, reflectors: number): void {
    const members = this.nodes.filter((node) => node.as === as);
    for (const [at, left] of members.entries())
      for (const [offset, right] of members.slice(at + 1).entries()) {
        const isClient = at < reflectors && at + 1 + offset >= reflectors;
        if (reflectors === 0 || at < reflectors) this.#connect(left, right, { isReflectorClient: isClient }, {});
      }
  }

  #connect(left: Node, right: Node, toRight: Partial<RibSession>, toLeft: Partial<RibSession>): void {
    for (const [node, other, over] of [
      [left, right, toRight],
      [right, left, toLeft],
    ] as const) {
      const own = node.options.routerId;
      const facts = session(other.name, this.nodes.indexOf(other) + 1, {
        localAs: node.as,
        clusterId: own,
        ownNextHops: { 4: own },
        families: [4],
        ...over,
      });
      node.sessions.set(other.name, facts);
      node.rib.sessionUp(facts);
    }
    this.links.push({ ends: [left, right], wires: [[], []], isUp: true });
  }
}

/** As a codec would cut it: here one UPDATE for each withdrawal, list and mark. */
function updatesOf({ withdrawn, announced, endOfRib }: Batch): Update[] {
  const nothing = { type: "update", withdrawn: [], announced: [], malformed: [] } as const;
  return [
    ...withdrawn.map((prefix): Update => ({ ...nothing, withdrawn: [prefix] })),
    ...announced.map((announcement): Update => ({ ...nothing, announced: [announcement] })),
    ...endOfRib.map((family): Update => ({ ...nothing, endOfRib: family })),
  ];
}

const sorted = <V>(map: ReadonlyMap<PrefixCode, V>): [string, V][] =>
  [...map].map(([prefix, value]): [string, V] => [String(prefix), value]).sort(([a], [b]) => (a < b ? -1 : 1));

const textOf = (outputs: ReadonlyMap<string, PlainOutput>): string =>
  JSON.stringify([...outputs].map(([name, { told }]) => [name, [...told].map(([to, routes]) => [to, sorted(routes)])]));

test("a network comes to rest where the computation from scratch does, in whatever order messages arrive", () => {
  fc.assert(
    fc.property(shape, fc.array(move, { maxLength: 80, size: "max" }), (given, schedule) => {
      const network = new Network(given);
      for (const { kind, at } of schedule) {
        const node = network.nodes[at % network.nodes.length];
        const link = network.links[at % Math.max(1, network.links.length)];
        const end = (at >> 4) & 1 ? 1 : 0;
        if (kind === "work") node?.rib.work(1 + (at % 3));
        else if (kind === "originate" && node)
          network.originate(node, PREFIXES[at % PREFIXES.length] ?? code("0.0.0.0/0"), at % 2 === 0);
        else if (link && kind === "flap" && at % 4 === 0) network.flap(link);
        else if (link && kind === "send") network.send(link, end);
        else if (link && kind === "deliver") network.deliver(link, end);
      }
      network.settle();
      const plain = network.plain();
      for (const { name, rib } of network.nodes) {
        const used = new Map<PrefixCode, BestChange["routes"]>();
        for (const { prefix, routes } of rib.takeChanges(1000)) if (routes.length > 0) used.set(prefix, routes);
        assert.deepEqual(sorted(used), sorted(plain.get(name)?.best ?? new Map()), `routes of ${name}`);
      }
    }),
    { numRuns: HISTORIES },
  );
});
