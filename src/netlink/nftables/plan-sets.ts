/** The part of a plan that is about sets and maps: which come and go whole, and which elements. */
import { canonicalKey } from "./element.ts";
import type { Entry } from "./element-codec.ts";
import type { ElementChange } from "./plan.ts";
import type { Steps } from "./steps.ts";
import type { NftMap, NftSet, NftTable } from "./tree.ts";

export interface SetsPlan {
  /** Names to remove, those to be made anew included. */
  readonly dying: string[];
  readonly recreated: Set<string>;
  readonly added: (NftSet | NftMap)[];
  readonly deletions: ElementChange[];
  readonly additions: ElementChange[];
  readonly differences: string[];
}

/** Elements between two pauses. */
const PAUSE_ENTRIES = 512;

const allSets = ({ sets = [], maps = [] }: NftTable): readonly (NftSet | NftMap)[] => [...sets, ...maps];

export function* planSets(desired: NftTable, actual: NftTable): Steps<SetsPlan> {
  const plan: SetsPlan = { dying: [], recreated: new Set(), added: [], deletions: [], additions: [], differences: [] };
  const actualByName = new Map(allSets(actual).map((set) => [set.name, set]));
  for (const set of allSets(desired)) {
    const was = actualByName.get(set.name);
    actualByName.delete(set.name);
    if (was === set) continue;
    if (was && sameKind(set, was)) yield* planElements(set, was, plan);
    else yield* planNewSet(set, was !== undefined, plan);
  }
  for (const name of actualByName.keys()) {
    plan.dying.push(name);
    plan.differences.push(`set ${name} is not ours`);
  }
  return plan;
}

function* planNewSet(set: NftSet | NftMap, existsAsOther: boolean, plan: SetsPlan): Steps<void> {
  plan.added.push(set);
  const entries: Entry[] = [];
  for (const [key, value] of yield* valuesByKey(set, NOTHING)) {
    entries.push(entryOf(key, value));
    if (entries.length % PAUSE_ENTRIES === 0) yield;
  }
  if (entries.length > 0) plan.additions.push({ change: "addElements", shape: set, entries });
  if (existsAsOther) {
    plan.dying.push(set.name);
    plan.recreated.add(set.name);
  }
  plan.differences.push(existsAsOther ? `set ${set.name} is of another kind` : `set ${set.name} is missing`);
}

function* planElements(set: NftSet | NftMap, was: NftSet | NftMap, plan: SetsPlan): Steps<void> {
  if (set.elements === was.elements) return;
  const actual = new Map<string, string | undefined>();
  let seen = 0;
  for (const element of was.elements) {
    if (++seen % PAUSE_ENTRIES === 0) yield;
    if (typeof element === "string") actual.set(element, undefined);
    else actual.set(...element);
  }
  const wanted = yield* valuesByKey(set, actual);
  const additions: Entry[] = [];
  const deletions: Entry[] = [];
  for (const [key, value] of wanted) {
    if (++seen % PAUSE_ENTRIES === 0) yield;
    const isThere = actual.has(key);
    if (isThere && actual.get(key) === value) continue;
    additions.push(entryOf(key, value));
    if (isThere) deletions.push([key]);
  }
  const changed = deletions.length;
  for (const key of actual.keys()) {
    if (++seen % PAUSE_ENTRIES === 0) yield;
    if (!wanted.has(key)) deletions.push([key]);
  }
  if (deletions.length > 0) plan.deletions.push({ change: "deleteElements", shape: set, entries: deletions });
  if (additions.length > 0) plan.additions.push({ change: "addElements", shape: set, entries: additions });
  const words = differenceWords(additions.length - changed, deletions.length - changed, changed);
  if (words !== "") plan.differences.push(`set ${set.name} ${words}`);
}

function differenceWords(missing: number, extra: number, changed: number): string {
  const words = [
    missing > 0 ? `lacks ${elements(missing)}` : "",
    extra > 0 ? `has ${elements(extra)} too many` : "",
    changed > 0 ? `has ${elements(changed)} with another value` : "",
  ];
  return words.filter(Boolean).join(", ");
}

const elements = (count: number): string => (count === 1 ? "1 element" : `${count} elements`);

const entryOf = (key: string, value: string | undefined): Entry => (value === undefined ? [key] : [key, value]);

/** Values by key, undefined in sets. */
type Values = ReadonlyMap<string, string | undefined>;
const NOTHING: Values = new Map();

/** Desired elements by canonical key: what is written otherwise (`10.0.0.1/32`) is found by what the kernel lists. */
function* valuesByKey(set: NftSet | NftMap, actual: Values): Steps<Values> {
  const values = new Map<string, string | undefined>();
  const data = "data" in set && set.data !== "verdict" ? set.data : undefined;
  const where = `set ${set.name}`;
  const isInterval = set.interval === true;
  let seen = 0;
  for (const element of set.elements) {
    if (++seen % PAUSE_ENTRIES === 0) yield;
    const key = typeof element === "string" ? element : element[0];
    const value = typeof element === "string" ? undefined : element[1];
    const canonical = actual.has(key) ? key : canonicalKey(set.key, isInterval, key, where);
    values.set(canonical, data && value !== undefined ? canonicalKey(data, false, value, where) : value);
  }
  return values;
}

const dataWords = (set: NftSet | NftMap): string => ("data" in set ? [set.data].flat().join(" ") : "");

const sameKind = (a: NftSet | NftMap, b: NftSet | NftMap): boolean =>
  a.key.join(" ") === b.key.join(" ") &&
  (a.interval ?? false) === (b.interval ?? false) &&
  dataWords(a) === dataWords(b);
