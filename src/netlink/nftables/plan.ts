/**
 * Desired table against actual: the changes that make one the other in one transaction, in an order that the kernel
 * accepts. Pure.
 *
 *     table → flush changed and dying chains → remove elements, then dying sets and chains → new chains → new sets →
 *     new elements → rules
 *
 * A changed chain is rewritten whole, so that no rule handles are needed; sets and maps change by element. Comments of
 * tables, chains and sets are written when those are made and not compared afterwards.
 */
import { canonicalKey } from "./element.ts";
import type { ElementShape, Entry } from "./element-codec.ts";
import { expressionsKey } from "./expression-codec.ts";
import type { BaseChain, NftChain, NftMap, NftRule, NftSet, NftTable } from "./tree.ts";

export type TableChange =
  | { readonly change: "addTable" | "deleteTable" }
  | { readonly change: "flushChain" | "deleteChain" | "deleteSet"; readonly name: string }
  | { readonly change: "addChain" | "setPolicy"; readonly chain: NftChain }
  | { readonly change: "addRules"; readonly chain: NftChain }
  | { readonly change: "addSet"; readonly set: NftSet | NftMap }
  | {
      readonly change: "addElements" | "deleteElements";
      readonly shape: ElementShape;
      readonly entries: readonly Entry[];
    };

/** What the kernel holds: a tree, and what no tree of ours has words for. */
export interface ActualTable {
  readonly table: NftTable;
  /** Names of sets of foreign kinds. */
  readonly foreignSets: readonly string[];
  /** Names of base chains of foreign kinds; their rules are not read. */
  readonly foreignChains: readonly string[];
}

export interface TablePlan {
  readonly changes: readonly TableChange[];
  /** The differences in words, for people: what was found, not what will be done. */
  readonly differences: readonly string[];
}

/** Throws NftTreeError. */
export function planTable(desired: NftTable | undefined, actual: ActualTable | undefined): TablePlan {
  if (!desired) {
    if (!actual) return { changes: [], differences: [] };
    return { changes: [{ change: "deleteTable" }], differences: ["the table is there"] };
  }
  const empty: ActualTable = {
    table: { ...desired, sets: [], maps: [], chains: [] },
    foreignSets: [],
    foreignChains: [],
  };
  const { table, foreignSets, foreignChains } = actual ?? empty;
  const sets = planSets(desired, table);
  const chains = planChains(desired, table, sets.recreated);
  const doomedSets = [...sets.dying, ...foreignSets];
  const doomedChains = [...chains.dying, ...foreignChains];
  const changes: TableChange[] = [
    ...(actual ? [] : [{ change: "addTable" } as const]),
    ...[...chains.flushed, ...foreignChains].map((name) => ({ change: "flushChain", name }) as const),
    ...sets.deletions,
    ...doomedSets.map((name) => ({ change: "deleteSet", name }) as const),
    ...doomedChains.map((name) => ({ change: "deleteChain", name }) as const),
    ...chains.added.map((chain) => ({ change: "addChain", chain }) as const),
    ...chains.repoliced.map((chain) => ({ change: "setPolicy", chain }) as const),
    ...sets.added.map((set) => ({ change: "addSet", set }) as const),
    ...sets.additions,
    ...chains.rewritten.map((chain) => ({ change: "addRules", chain }) as const),
  ];
  const foreign = [...foreignSets, ...foreignChains].map((name) => `${name} is not ours`);
  const missing = actual ? [] : ["the table is missing"];
  const differences = actual ? [...sets.differences, ...chains.differences, ...foreign] : missing;
  return { changes, differences };
}

interface SetsPlan {
  /** Names to remove, those to be made anew included. */
  readonly dying: string[];
  readonly recreated: Set<string>;
  readonly added: (NftSet | NftMap)[];
  readonly deletions: TableChange[];
  readonly additions: TableChange[];
  readonly differences: string[];
}

const allSets = (table: NftTable): (NftSet | NftMap)[] => [...(table.sets ?? []), ...(table.maps ?? [])];

function planSets(desired: NftTable, actual: NftTable): SetsPlan {
  const plan: SetsPlan = { dying: [], recreated: new Set(), added: [], deletions: [], additions: [], differences: [] };
  const actualByName = new Map(allSets(actual).map((set) => [set.name, set]));
  for (const set of allSets(desired)) {
    const was = actualByName.get(set.name);
    actualByName.delete(set.name);
    if (was === set) continue;
    if (was && sameKind(set, was)) planElements(set, was, plan);
    else planNewSet(set, was !== undefined, plan);
  }
  for (const name of actualByName.keys()) {
    plan.dying.push(name);
    plan.differences.push(`set ${name} is not ours`);
  }
  return plan;
}

function planNewSet(set: NftSet | NftMap, existsAsOther: boolean, plan: SetsPlan): void {
  plan.added.push(set);
  const entries = [...entriesByKey(set, new Map())].map(([, entry]) => entry);
  if (entries.length > 0) plan.additions.push({ change: "addElements", shape: set, entries });
  if (existsAsOther) {
    plan.dying.push(set.name);
    plan.recreated.add(set.name);
  }
  plan.differences.push(existsAsOther ? `set ${set.name} is of another kind` : `set ${set.name} is missing`);
}

function planElements(set: NftSet | NftMap, was: NftSet | NftMap, plan: SetsPlan): void {
  if (set.elements === was.elements) return;
  const actual = new Map<string, Entry>();
  for (const element of was.elements) {
    const entry = entryOf(element);
    actual.set(entry[0], entry);
  }
  const wanted = entriesByKey(set, actual);
  const additions: Entry[] = [];
  const deletions: Entry[] = [];
  for (const [key, entry] of wanted) {
    const found = actual.get(key);
    if (found && found[1] === entry[1]) continue;
    additions.push(entry);
    if (found) deletions.push([key]);
  }
  const changed = deletions.length;
  for (const key of actual.keys()) if (!wanted.has(key)) deletions.push([key]);
  if (deletions.length > 0) plan.deletions.push({ change: "deleteElements", shape: set, entries: deletions });
  if (additions.length > 0) plan.additions.push({ change: "addElements", shape: set, entries: additions });
  const missing = additions.length - changed;
  const extra = deletions.length - changed;
  const counts = [
    missing > 0 ? `lacks ${elements(missing)}` : "",
    extra > 0 ? `has ${elements(extra)} too many` : "",
    changed > 0 ? `has ${elements(changed)} with another value` : "",
  ];
  const text = counts.filter(Boolean).join(", ");
  if (text !== "") plan.differences.push(`set ${set.name} ${text}`);
}

const elements = (count: number): string => (count === 1 ? "1 element" : `${count} elements`);

const entryOf = (element: string | readonly [string, string]): Entry =>
  typeof element === "string" ? [element] : element;

/** Desired entries by canonical key: what is written otherwise (`10.0.0.1/32`) is found by what the kernel lists. */
function entriesByKey(set: NftSet | NftMap, actual: ReadonlyMap<string, unknown>): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const data = "data" in set && set.data !== "verdict" ? set.data : undefined;
  for (const element of set.elements) {
    const [key, value] = entryOf(element);
    const where = `set ${set.name}`;
    const canonical = actual.has(key) ? key : canonicalKey(set.key, set.interval === true, key, where);
    const text = data && value !== undefined ? canonicalKey(data, false, value, where) : value;
    entries.set(canonical, text === undefined ? [canonical] : [canonical, text]);
  }
  return entries;
}

const dataWords = (set: NftSet | NftMap): string => ("data" in set ? [set.data].flat().join(" ") : "");

const sameKind = (a: NftSet | NftMap, b: NftSet | NftMap): boolean =>
  a.key.join(" ") === b.key.join(" ") &&
  (a.interval ?? false) === (b.interval ?? false) &&
  dataWords(a) === dataWords(b);

interface ChainsPlan {
  readonly flushed: string[];
  /** Names to remove, those to be made anew included. */
  readonly dying: string[];
  readonly added: NftChain[];
  readonly repoliced: NftChain[];
  readonly rewritten: NftChain[];
  readonly differences: string[];
}

function planChains(desired: NftTable, actual: NftTable, recreatedSets: ReadonlySet<string>): ChainsPlan {
  const plan: ChainsPlan = { flushed: [], dying: [], added: [], repoliced: [], rewritten: [], differences: [] };
  const actualByName = new Map(actual.chains.map((chain) => [chain.name, chain]));
  for (const chain of desired.chains) {
    const was = actualByName.get(chain.name);
    actualByName.delete(chain.name);
    if (was) planChain(chain, was, recreatedSets, plan);
    else {
      plan.added.push(chain);
      if (chain.rules.length > 0) plan.rewritten.push(chain);
      plan.differences.push(`chain ${chain.name} is missing`);
    }
  }
  for (const [name, was] of actualByName) {
    if (was.rules.length > 0) plan.flushed.push(name);
    plan.dying.push(name);
    plan.differences.push(`chain ${name} is not ours`);
  }
  return plan;
}

function planChain(chain: NftChain, was: NftChain, recreatedSets: ReadonlySet<string>, plan: ChainsPlan): void {
  if (hookWords(chain.base) !== hookWords(was.base)) {
    plan.flushed.push(chain.name);
    plan.dying.push(chain.name);
    plan.added.push(chain);
    if (chain.rules.length > 0) plan.rewritten.push(chain);
    plan.differences.push(`chain ${chain.name} has another hook: ${hookWords(was.base)}`);
    return;
  }
  if (chain.base && chain.base.policy !== was.base?.policy) {
    plan.repoliced.push(chain);
    plan.differences.push(`chain ${chain.name} has the policy ${was.base?.policy}`);
  }
  const difference = rulesDifference(chain.rules, was.rules);
  if (difference !== undefined) plan.differences.push(`chain ${chain.name} ${difference}`);
  if (difference === undefined && !refersTo(chain, recreatedSets)) return;
  if (was.rules.length > 0) plan.flushed.push(chain.name);
  if (chain.rules.length > 0) plan.rewritten.push(chain);
}

const hookWords = (base: BaseChain | undefined): string =>
  base
    ? `type ${base.type} hook ${base.hook}${(base.devices ?? [])
        .toSorted()
        .map((name) => ` ${name}`)
        .join()} priority ${base.priority}`
    : "none";

const refersTo = (chain: NftChain, sets: ReadonlySet<string>): boolean =>
  sets.size > 0 &&
  chain.rules.some(({ expressions }) => expressions.some((found) => found.name === "lookup" && sets.has(found.set)));

const ruleKey = ({ expressions, comment }: NftRule): string => `${comment ?? ""}\n${expressionsKey(expressions)}`;

/** How rules differ from the wanted ones, in words; undefined when they do not. */
function rulesDifference(wanted: readonly NftRule[], actual: readonly NftRule[]): string | undefined {
  if (wanted === actual) return undefined;
  const wantedKeys = wanted.map(ruleKey);
  const actualKeys = actual.map(ruleKey);
  const [wantedSet, actualSet] = [new Set(wantedKeys), new Set(actualKeys)];
  if (wantedKeys.length === actualKeys.length && wantedKeys.every((key, index) => key === actualKeys[index]))
    return undefined;
  if (actual.length === 0) return "is empty";
  const missing = wantedKeys.filter((key) => !actualSet.has(key)).length;
  const extra = actualKeys.filter((key) => !wantedSet.has(key)).length;
  if (missing === 0 && extra === 0) return "has its rules in another order or number";
  return [missing > 0 ? `lacks ${rules(missing)}` : "", extra > 0 ? `has ${rules(extra)} that is not ours` : ""]
    .filter(Boolean)
    .join(", ");
}

const rules = (count: number): string => (count === 1 ? "1 rule" : `${count} rules`);
