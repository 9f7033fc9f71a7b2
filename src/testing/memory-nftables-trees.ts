/** Random tables that a kernel accepts: sets of every kind, maps to verdicts and values, chains that jump without loops. */
import fc from "fast-check";
import { formatAddress, ipv4Of } from "../ip/address.ts";
import {
  accept,
  clearMark,
  counter,
  drop,
  goTo,
  jump,
  masquerade,
  orMark,
  returns,
} from "../netlink/nftables/action.ts";
import { ipv4Octets } from "../netlink/nftables/data-type.ts";
import { formatKey } from "../netlink/nftables/element.ts";
import { hashedChain } from "../netlink/nftables/hashed-chain.ts";
import {
  CtState,
  hasAny,
  is,
  isBelow,
  isBetween,
  isIn,
  isMasked,
  isNot,
  isNotIn,
  vmap,
} from "../netlink/nftables/match.ts";
import { rule, type Statement } from "../netlink/nftables/rule.ts";
import { ct, fib, ip, meta, numgen, tcp, th, udp } from "../netlink/nftables/selector.ts";
import type { NftChain, NftMap, NftRule, NftSet, NftTable } from "../netlink/nftables/tree.ts";

const address = fc.nat(0xffffffff).map((value) => formatAddress(ipv4Of(value)));
const port = fc.integer({ min: 1, max: 0xffff });

/** Disjoint ranges, some of them prefixes, some touching each other. */
const intervals = (maxLength: number): fc.Arbitrary<string[]> =>
  fc
    .uniqueArray(
      fc.oneof(
        fc.nat(0xffffffff),
        fc.nat(0xffff).map((high) => high * 0x10000),
      ),
      { maxLength: 2 * maxLength },
    )
    .map((points) => points.toSorted((a, b) => a - b))
    .chain((points) =>
      fc.array(fc.boolean(), { minLength: points.length, maxLength: points.length }).map((used) => {
        const found: string[] = [];
        for (const [index, low] of points.entries()) {
          const high = (points[index + 1] ?? 0x100000000) - 1;
          if (used[index]) found.push(formatKey(["ipv4_addr"], ipv4Octets(low), ipv4Octets(high)));
        }
        return found;
      }),
    );

const serviceKey = fc.tuple(address, fc.constantFrom("tcp", "udp", "sctp"), port).map((fields) => fields.join(" . "));
/** Each in a first field of its own, so that none overlap. */
const rangeKeys = fc
  .uniqueArray(fc.tuple(fc.nat(0xff), port, port), { selector: ([high]) => high, maxLength: 8 })
  .map((keys) =>
    keys.map(([high, a, b]) => `10.${high}.0.0/16 . ${a === b ? a : `${Math.min(a, b)}-${Math.max(a, b)}`}`),
  );

const sets: fc.Arbitrary<NftSet[]> = fc
  .tuple(
    fc
      .uniqueArray(address, { maxLength: 12 })
      .map((elements): NftSet => ({ name: "addresses", key: ["ipv4_addr"], elements })),
    intervals(8).map((elements): NftSet => ({ name: "networks", key: ["ipv4_addr"], interval: true, elements })),
    fc.uniqueArray(serviceKey, { maxLength: 8 }).map(
      (elements): NftSet => ({
        name: "services",
        key: ["ipv4_addr", "inet_proto", "inet_service"],
        comment: "by port",
        elements,
      }),
    ),
    rangeKeys.map(
      (elements): NftSet => ({ name: "ranges", key: ["ipv4_addr", "inet_service"], interval: true, elements }),
    ),
  )
  .chain((all) => fc.subarray(all));

const statementsBySet: Readonly<Record<string, readonly Statement[]>> = {
  addresses: [isIn(ip.saddr, "addresses")],
  networks: [isIn(ip.saddr, "networks"), isNotIn(ip.daddr, "networks")],
  services: [isIn([ip.daddr, ip.protocol, th.dport], "services")],
  ranges: [isIn([ip.saddr, th.dport], "ranges")],
};

const freeMatches: readonly Statement[][] = [
  [],
  [is(meta.iifname, "cali123")],
  [isNot(ip.saddr, "10.0.0.1")],
  [is(tcp.dport, 80)],
  [isBetween(udp.dport, 1000, 2000)],
  [hasAny(ct.state, CtState.established | CtState.related)],
  [isMasked(meta.mark, 0x30000, 0x10000)],
  [isBelow(numgen("random", 100), 30)],
  [is(fib(["daddr"], "type"), 2)],
];
const actions: readonly Statement[] = [accept, drop, returns, orMark(0x10000), clearMark(0x20000)];

interface RuleSpec {
  readonly match: number;
  readonly action: number;
  readonly comment: string | undefined;
}
const ruleSpecs = fc.array(
  fc.record({
    match: fc.nat(20),
    action: fc.nat(20),
    comment: fc.option(fc.constantFrom("a", "why", "Grüße 🐈", "x".repeat(60)), { nil: undefined }),
  }),
  { maxLength: 5 },
);

function rulesOf(
  specs: readonly RuleSpec[],
  matches: readonly (readonly Statement[])[],
  ends: readonly Statement[],
): NftRule[] {
  return specs.map(({ match, action, comment }) =>
    rule("ip", [...(matches[match % matches.length] ?? []), counter, ends[action % ends.length] as Statement], comment),
  );
}

const regularNames = ["first", "second", "third", "fourth"];

const chainSpecs = fc.record({
  regular: fc
    .subarray(regularNames)
    .chain((names) => fc.tuple(...names.map((name) => ruleSpecs.map((specs) => ({ name, specs }))))),
  forward: fc.option(
    fc.record({
      specs: ruleSpecs,
      policy: fc.constantFrom("accept" as const, "drop" as const),
      priority: fc.constantFrom(0, -10),
    }),
  ),
  postrouting: fc.option(ruleSpecs),
  dispatch: fc.uniqueArray(fc.tuple(fc.constantFrom("cali1", "cali2", "cali3", "eth0"), fc.nat(9)), {
    selector: ([name]) => name,
  }),
  targets: fc.uniqueArray(fc.tuple(address, address, port), { selector: ([from]) => from, maxLength: 5 }),
  hasMaps: fc.boolean(),
});

/** A random table under the key `ip` and a name. */
export const tables = (name: string): fc.Arbitrary<NftTable> =>
  fc.tuple(sets, chainSpecs).map(([found, specs]) => {
    const matches = [...freeMatches, ...found.flatMap((set) => (statementsBySet[set.name] ?? []).map((one) => [one]))];
    const names = specs.regular.map((chain) => chain.name);
    const chains: NftChain[] = specs.regular.map((chain, index) => {
      const later = names.slice(index + 1).flatMap((target) => [jump(target), goTo(target)]);
      return { name: chain.name, rules: rulesOf(chain.specs, matches, [...actions, ...later]) };
    });
    const all = names.flatMap((target) => [jump(target), goTo(target)]);
    const hasDispatch = specs.hasMaps && specs.forward !== null;
    if (specs.forward) {
      const { policy, priority } = specs.forward;
      const rules = rulesOf(specs.forward.specs, matches, [...actions, ...all]);
      chains.push(
        hashedChain({
          name: "forward",
          base: { type: "filter", hook: "forward", priority, policy },
          rules: hasDispatch ? [...rules, rule("ip", [vmap(meta.iifname, "dispatch")])] : rules,
        }),
      );
    }
    if (specs.postrouting) {
      const base = { type: "nat", hook: "postrouting", priority: 110, policy: "accept" } as const;
      chains.push({
        name: "postrouting",
        base,
        rules: rulesOf(specs.postrouting, matches, [accept, masquerade({ flags: ["fully-random"] })]),
      });
    }
    const verdicts = ["accept", "drop", ...names.map((target) => `goto ${target}`)];
    const maps: NftMap[] = [
      {
        name: "dispatch",
        key: ["ifname"],
        data: "verdict",
        elements: specs.dispatch.map(
          ([device, verdict]) => [device, verdicts[verdict % verdicts.length] as string] as const,
        ),
      },
      {
        name: "targets",
        key: ["ipv4_addr"],
        data: ["ipv4_addr", "inet_service"],
        elements: specs.targets.map(([from, to, toPort]) => [from, `${to} . ${toPort}`] as const),
      },
    ];
    return { family: "ip", name, sets: found, maps: specs.hasMaps ? maps : [], chains };
  });

/** The same whatever the order of what has none: for comparing what was read with what was written. */
export function normalised(table: NftTable | undefined): unknown {
  if (!table) return undefined;
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  const { family, name, chains } = table;
  const strip = (rules: readonly NftRule[]) =>
    rules.map((one) => ({
      ...one,
      expressions: one.expressions.map((found) => (found.name === "counter" ? { name: "counter" } : found)),
    }));
  return {
    family,
    name,
    sets: (table.sets ?? []).map((set) => ({ ...set, elements: set.elements.toSorted() })).toSorted(byName),
    maps: (table.maps ?? [])
      .map((map) => ({ ...map, elements: map.elements.map((pair) => pair.join(" : ")).toSorted() }))
      .toSorted(byName),
    chains: chains.map((chain) => ({ ...chain, rules: strip(chain.rules) })).toSorted(byName),
  };
}
