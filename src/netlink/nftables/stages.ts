/**
 * A plan cut into transactions. One is the rule. What exceeds what any socket takes at once (a send buffer holds some
 * 400 KB without privileges) is split so that nobody sees a half-done ruleset: new sets, which no rule uses yet, are
 * filled in transactions before the one that uses them; a set in use changes in parts, each of which adds what it
 * removes the room for.
 */
import { fieldOctets, keyOctets, parseKey } from "./element.ts";
import type { ElementShape, Entry } from "./element-codec.ts";
import type { TableChange, TablePlan } from "./plan.ts";

/** Octets of elements in one transaction: well below the smallest send buffer. */
const STAGE_OCTETS = 256 << 10;
/** Elements in one change: what is encoded without giving others a turn. */
const SLICE_ENTRIES = 1_000;

type ElementChange = Extract<TableChange, { readonly entries: readonly Entry[] }>;
const isElementChange = (change: TableChange): change is ElementChange =>
  change.change === "addElements" || change.change === "deleteElements";

/** Octets of one entry, from above: two list elements with key, flags and headers; a value and its chain's name. */
const entryOctets = ({ key, data }: ElementShape): number => 48 + 2 * keyOctets(key) + (data === undefined ? 0 : 64);

const octetsOf = (change: TableChange): number =>
  isElementChange(change) ? change.entries.length * entryOctets(change.shape) : 0;

/** The transactions of a plan, in order; none for an empty plan. Long lists of elements come in slices. */
export function stagesOf({ changes }: TablePlan): readonly (readonly TableChange[])[] {
  if (changes.length === 0) return [];
  const total = changes.reduce((sum, change) => sum + octetsOf(change), 0);
  if (total <= STAGE_OCTETS) return [changes.flatMap(slices)];
  const early = new Set(earlyChanges(changes));
  const preparation = [...early].filter((change) => !isElementChange(change));
  const moved = [...early].filter(isElementChange);
  const last = changes.filter((change) => !early.has(change));
  const stages = [...(preparation.length > 0 ? [preparation] : []), ...packed(moved), last.flatMap(slices)];
  return stages.filter((stage) => stage.length > 0);
}

const slices = (change: TableChange): TableChange[] =>
  isElementChange(change) ? chunks(change.entries, SLICE_ENTRIES).map((entries) => ({ ...change, entries })) : [change];

function chunks<T>(list: readonly T[], size: number): (readonly T[])[] {
  const found: (readonly T[])[] = [];
  for (let from = 0; from < list.length; from += size) found.push(list.slice(from, from + size));
  return found;
}

/**
 * What may be done before everything else: the table, new chains without a hook (an empty base chain with policy drop
 * would be seen), new sets, and elements. Sets and chains that are made anew under their old name stay where they are,
 * and with them the elements that may point to them.
 */
function earlyChanges(changes: readonly TableChange[]): TableChange[] {
  const dying = new Set<string>();
  for (const change of changes) {
    if (change.change === "deleteSet") dying.add(`set ${change.name}`);
    if (change.change === "deleteChain") dying.add(`chain ${change.name}`);
  }
  const isChainRemade = changes.some(
    (change) => change.change === "addChain" && dying.has(`chain ${change.chain.name}`),
  );
  return changes.filter((change) => {
    if (change.change === "addTable") return true;
    if (change.change === "addChain") return !change.chain.base && !dying.has(`chain ${change.chain.name}`);
    if (change.change === "addSet") return !dying.has(`set ${change.set.name}`);
    if (!isElementChange(change) || dying.has(`set ${change.shape.name}`)) return false;
    return !(isChainRemade && change.shape.data === "verdict");
  });
}

/** Fills transactions with groups of entries that must stay together. */
function packed(changes: readonly ElementChange[]): TableChange[][] {
  const stages: TableChange[][] = [];
  let stage: TableChange[] = [];
  let room = STAGE_OCTETS;
  const shapes = new Set(changes.map(({ shape }) => shape.name));
  for (const name of shapes) {
    const ofSet = changes.filter(({ shape }) => shape.name === name);
    const shape = ofSet[0]?.shape as ElementShape;
    const perEntry = entryOctets(shape);
    const deletions = ofSet.filter(({ change }) => change === "deleteElements").flatMap(({ entries }) => entries);
    const additions = ofSet.filter(({ change }) => change === "addElements").flatMap(({ entries }) => entries);
    let part = { deletions: [] as Entry[], additions: [] as Entry[] };
    const flush = (): void => {
      for (const entries of chunks(part.deletions, SLICE_ENTRIES))
        stage.push({ change: "deleteElements", shape, entries });
      for (const entries of chunks(part.additions, SLICE_ENTRIES))
        stage.push({ change: "addElements", shape, entries });
      part = { deletions: [], additions: [] };
    };
    for (const group of groups(shape, deletions, additions)) {
      const octets = (group.deletions.length + group.additions.length) * perEntry;
      if (octets > room && room < STAGE_OCTETS) {
        flush();
        stages.push(stage);
        stage = [];
        room = STAGE_OCTETS;
      }
      part.deletions.push(...group.deletions);
      part.additions.push(...group.additions);
      room -= octets;
    }
    flush();
  }
  if (stage.length > 0) stages.push(stage);
  return stages;
}

interface Group {
  readonly deletions: Entry[];
  readonly additions: Entry[];
}

/** What touches each other must change at once: equal keys, and in interval sets keys that overlap (by their first field). */
function groups(shape: ElementShape, deletions: readonly Entry[], additions: readonly Entry[]): Iterable<Group> {
  if (deletions.length === 0) return additions.map((entry) => ({ deletions: [], additions: [entry] }));
  const spans = [
    ...deletions.map((entry) => ({ entry, isDeletion: true, ...spanOf(shape, entry) })),
    ...additions.map((entry) => ({ entry, isDeletion: false, ...spanOf(shape, entry) })),
  ].toSorted((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  const found: Group[] = [];
  let end = "";
  for (const { entry, isDeletion, low, high } of spans) {
    if (found.length === 0 || low > end) found.push({ deletions: [], additions: [] });
    end = high > end ? high : end;
    const group = found.at(-1) as Group;
    (isDeletion ? group.deletions : group.additions).push(entry);
  }
  return found;
}

/** Both ends of the first field (interval sets) or of the whole key, as text that sorts like the octets. */
function spanOf(shape: ElementShape, [key]: Entry): { readonly low: string; readonly high: string } {
  const { low, high = low } = parseKey(shape.key, shape.interval === true, key, `set ${shape.name}`);
  const [first] = shape.key;
  const length = shape.interval && first ? fieldOctets(first) : low.length;
  const textOf = (octets: Uint8Array) =>
    Buffer.from(octets.buffer, octets.byteOffset, Math.min(length, octets.length)).toString("latin1");
  return { low: textOf(low), high: textOf(high) };
}
