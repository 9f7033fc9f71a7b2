import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { tables } from "../../testing/memory-nftables-trees.ts";
import { counter, drop, jump } from "./action.ts";
import { Batch } from "./batch.ts";
import { addChange } from "./change-codec.ts";
import { isIn, vmap } from "./match.ts";
import { planTable, type TableChange } from "./plan.ts";
import { rule } from "./rule.ts";
import { ip, meta } from "./selector.ts";
import { stagesOf } from "./stages.ts";
import { finished } from "./steps.ts";
import type { NftChain, NftTable } from "./tree.ts";

const words = (change: TableChange): string => {
  if ("name" in change) return `${change.change} ${change.name}`;
  if ("chain" in change) return `${change.change} ${change.chain.name}`;
  if ("set" in change) return `${change.change} ${change.set.name}`;
  return "entries" in change ? `${change.change} ${change.shape.name} ${change.entries.length}` : change.change;
};
const planned = (desired: NftTable | undefined, actual: NftTable | undefined): string[] =>
  planTable(desired, actual).changes.map(words);

const input = (...rules: NftChain["rules"]): NftChain => ({
  name: "input",
  base: { type: "filter", hook: "input", priority: 0, policy: "accept" },
  rules,
});
const before: NftTable = {
  family: "ip",
  name: "calico",
  sets: [
    { name: "kept", key: ["ipv4_addr"], elements: ["10.0.0.1", "10.0.0.2"] },
    { name: "dying", key: ["ipv4_addr"], elements: ["10.0.0.1"] },
  ],
  maps: [{ name: "dispatch", key: ["ifname"], data: "verdict", elements: [["cali1", "goto old"]] }],
  chains: [
    { name: "old", rules: [rule("ip", [drop])] },
    input(rule("ip", [isIn(ip.saddr, "dying"), drop]), rule("ip", [vmap(meta.iifname, "dispatch")])),
  ],
};
const after: NftTable = {
  ...before,
  sets: [{ name: "kept", key: ["ipv4_addr"], elements: ["10.0.0.2", "10.0.0.3"] }],
  maps: [{ name: "dispatch", key: ["ifname"], data: "verdict", elements: [["cali1", "goto new"]] }],
  chains: [
    { name: "new", rules: [rule("ip", [counter, drop])] },
    input(rule("ip", [jump("new")]), rule("ip", [vmap(meta.iifname, "dispatch")])),
  ],
};

test("what is referred to is made before and removed after what refers to it", () => {
  assert.deepEqual(planned(after, before), [
    "flushChain input",
    "flushChain old",
    "deleteElements kept 1",
    "deleteElements dispatch 1",
    "deleteSet dying",
    "deleteChain old",
    "addChain new",
    "addElements kept 1",
    "addElements dispatch 1",
    "addRules new",
    "addRules input",
  ]);
  assert.deepEqual(planned(before, undefined), [
    "addTable",
    "addChain old",
    "addChain input",
    "addSet kept",
    "addSet dying",
    "addSet dispatch",
    "addElements kept 2",
    "addElements dying 1",
    "addElements dispatch 1",
    "addRules old",
    "addRules input",
  ]);
  assert.deepEqual(planned(undefined, before), ["deleteTable"]);
  assert.deepEqual(planned(undefined, undefined), []);
});

test("a set of another kind takes along the rules that look into it", () => {
  const other: NftTable = {
    ...before,
    sets: [
      { name: "kept", key: ["ipv4_addr"], elements: [] },
      { name: "dying", key: ["mark"], elements: [] },
    ],
  };
  assert.deepEqual(planned(other, before), [
    "flushChain input",
    "deleteElements kept 2",
    "deleteSet dying",
    "addSet dying",
    "addRules input",
  ]);
});

test("a base chain moves by being made anew, a policy changes in place", () => {
  const [old, base] = before.chains;
  const moved = { ...base!, base: { ...base!.base!, priority: 5, policy: "drop" } } as const;
  assert.deepEqual(planned({ ...before, chains: [old!, moved] }, before), [
    "flushChain input",
    "deleteChain input",
    "addChain input",
    "addRules input",
  ]);
  const repoliced = { ...base!, base: { ...base!.base!, policy: "drop" } } as const;
  assert.deepEqual(planned({ ...before, chains: [old!, repoliced] }, before), ["setPolicy input"]);
});

test("what no tree has words for is removed", () => {
  const foreign = { sets: ["timeouts"], chains: ["strange"] };
  const { changes, differences } = planTable(before, { ...before, foreign });
  assert.deepEqual(changes.map(words), ["flushChain strange", "deleteSet timeouts", "deleteChain strange"]);
  assert.deepEqual(differences, ["set timeouts is not ours", "chain strange is not ours"]);
});

test("a table planned against itself is nothing to do", () => {
  fc.assert(
    fc.property(tables("calico"), (table) =>
      assert.deepEqual(planTable(structuredClone(table), table), { changes: [], differences: [] }),
    ),
  );
});

const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `10.${index >> 14}.${(index >> 6) & 255}.${(index & 63) * 4}/31`);
const large = (elements: readonly string[]): NftTable => ({
  ...before,
  sets: [
    { name: "kept", key: ["ipv4_addr"], elements: ["10.0.0.1", "10.0.0.2"] },
    { name: "dying", key: ["ipv4_addr"], interval: true, elements },
  ],
});

function sizesOf(
  table: NftTable,
  actual: NftTable | undefined,
): { readonly octets: number[]; readonly stages: string[][] } {
  const stages = finished(stagesOf(planTable(table, actual)));
  const octets = stages.map((stage) => {
    const batch = new Batch({ firstSequence: 1, generation: 1 });
    for (const change of stage) addChange(batch, table, change);
    return batch.finish().octets.length;
  });
  return { octets, stages: stages.map((stage) => [...new Set(stage.map(words))]) };
}

test("a set too large for one transaction is filled before anything uses it", () => {
  const { octets, stages } = sizesOf(large(addresses(20_000)), undefined);
  assert.ok(octets.length > 3);
  assert.ok(Math.max(...octets) < 400_000, `${Math.max(...octets)} octets`);
  assert.deepEqual(stages[0], ["addTable", "addChain old", "addSet kept", "addSet dying", "addSet dispatch"]);
  assert.ok(stages.slice(1, -1).every((stage) => stage.every((one) => one.startsWith("addElements"))));
  assert.deepEqual(stages.at(-1), ["addChain input", "addRules old", "addRules input"]);
});

test("a set in use changes in parts that each keep the kernel's order", () => {
  const [from, to] = [addresses(10_000), addresses(10_000).map((text) => text.replace("/31", "/32"))];
  const { octets, stages } = sizesOf(large(to), large(from));
  assert.ok(octets.length > 2 && Math.max(...octets) < 400_000);
  for (const stage of stages) {
    const last = stage.findLastIndex((one) => one.startsWith("deleteElements"));
    assert.ok(stage.slice(0, last).every((one) => !one.startsWith("addElements")));
  }
});

test("a set that is made anew stays with the rules that use it, however large", () => {
  const { stages } = sizesOf(large(addresses(20_000)), before);
  assert.equal(stages.length, 1);
});

test("names, comments and hooks that no kernel takes are refused with their place", () => {
  const encode = (table: NftTable): void => void sizesOf(table, undefined);
  assert.throws(() => encode({ ...before, name: "" }), { code: "badName" });
  assert.throws(() => encode({ ...before, chains: [{ name: "x".repeat(256), rules: [] }] }), { code: "badName" });
  assert.throws(() => encode({ ...before, chains: [{ name: "c", rules: [rule("ip", [drop], "x".repeat(128))] }] }), {
    code: "badName",
    message: /^rule of chain c: a comment has at most 127 octets/,
  });
  const ingress = { type: "filter", hook: "ingress", priority: 0, policy: "accept" } as const;
  assert.throws(() => encode({ ...before, chains: [{ name: "c", base: ingress, rules: [] }] }), { code: "badHook" });
  const wide = { name: "s", key: ["ipv6_addr", "ipv6_addr", "ipv6_addr", "ipv6_addr", "mark"], elements: [] } as const;
  assert.throws(() => encode({ ...before, sets: [wide], maps: [], chains: [] }), { code: "tooLarge" });
});
