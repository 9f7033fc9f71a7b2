/**
 * A plan cut into transactions. One is the rule. What exceeds what any socket takes at once (a send buffer holds some
 * 400 KB without privileges) is split so that nobody sees a half-done ruleset: new sets, which no rule uses yet, are
 * filled in transactions before the one that uses them; a set in use changes in parts, in each of which what is added
 * comes together with what it takes the place of.
 */

import { keyOctets } from "./element.ts";
import type { ElementShape, Entry } from "./element-codec.ts";
import { groupsOf } from "./element-groups.ts";
import type { ElementChange, TableChange, TablePlan } from "./plan.ts";
import type { Steps } from "./steps.ts";

/** A transaction: changes in the order of the plan. Long lists of elements come in slices. */
export type Stage = readonly TableChange[];

/** Octets of elements in one transaction: well below the smallest send buffer. */
const STAGE_OCTETS = 256 << 10;
/** Elements in one change: what is encoded without giving others a turn. */
const SLICE_ENTRIES = 500;

const isElementChange = (change: TableChange): change is ElementChange =>
  change.change === "addElements" || change.change === "deleteElements";

/** Octets of one entry, from above: two list elements with key, flags and headers; a value with a chain's name. */
const entryOctets = ({ key, data }: ElementShape): number => 48 + 2 * keyOctets(key) + (data === undefined ? 0 : 64);

/** The transactions of a plan, in order; none for an empty plan. */
export function* stagesOf({ changes }: TablePlan): Steps<readonly Stage[]> {
  if (changes.length === 0) return [];
  const elements = changes.filter(isElementChange);
  const total = elements.reduce((sum, { shape, entries }) => sum + entries.length * entryOctets(shape), 0);
  if (total <= STAGE_OCTETS) return [changes.flatMap(slices)];
  const early = new Set(earlyChanges(changes));
  const preparation = [...early].filter((change) => !isElementChange(change));
  const filling = yield* packed([...early].filter(isElementChange));
  const last = changes.filter((change) => !early.has(change)).flatMap(slices);
  return [preparation, ...filling, last].filter((stage) => stage.length > 0);
}

function slices(change: TableChange): TableChange[] {
  if (!isElementChange(change) || change.entries.length <= SLICE_ENTRIES) return [change];
  const found: TableChange[] = [];
  for (let from = 0; from < change.entries.length; from += SLICE_ENTRIES) {
    found.push({ ...change, entries: change.entries.slice(from, from + SLICE_ENTRIES) });
  }
  return found;
}

/**
 * What may be done before everything else: the table, new chains without a hook (an empty base chain with policy drop
 * would be felt), new sets, and elements. Sets and chains that are made anew under their old name stay where they are,
 * and with them the elements that may point to them.
 */
function earlyChanges(changes: readonly TableChange[]): TableChange[] {
  const dyingSets = new Set<string>();
  const dyingChains = new Set<string>();
  for (const change of changes) {
    if (change.change === "deleteSet") dyingSets.add(change.name);
    if (change.change === "deleteChain") dyingChains.add(change.name);
  }
  const isChainRemade = changes.some((change) => change.change === "addChain" && dyingChains.has(change.chain.name));
  return changes.filter((change) => {
    if (change.change === "addTable") return true;
    if (change.change === "addChain") return !change.chain.base && !dyingChains.has(change.chain.name);
    if (change.change === "addSet") return !dyingSets.has(change.set.name);
    if (!isElementChange(change) || dyingSets.has(change.shape.name)) return false;
    return !(isChainRemade && change.shape.data === "verdict");
  });
}

/** Fills transactions with groups of entries that must stay together; one set after the other. */
function* packed(changes: readonly ElementChange[]): Steps<readonly Stage[]> {
  const stages: TableChange[][] = [[]];
  let room = STAGE_OCTETS;
  for (const shape of new Map(changes.map((change) => [change.shape.name, change.shape])).values()) {
    const of = (kind: ElementChange["change"]): readonly Entry[] =>
      changes
        .filter(({ change, ...rest }) => change === kind && rest.shape.name === shape.name)
        .flatMap(({ entries }) => entries);
    let part = { deletions: [] as Entry[], additions: [] as Entry[] };
    const put = (): void => {
      if (part.deletions.length > 0)
        stages.at(-1)?.push(...slices({ change: "deleteElements", shape, entries: part.deletions }));
      if (part.additions.length > 0)
        stages.at(-1)?.push(...slices({ change: "addElements", shape, entries: part.additions }));
      part = { deletions: [], additions: [] };
    };
    for (const { deletions, additions } of yield* groupsOf(shape, of("deleteElements"), of("addElements"))) {
      const octets = (deletions.length + additions.length) * entryOctets(shape);
      if (octets > room && room < STAGE_OCTETS) {
        put();
        stages.push([]);
        room = STAGE_OCTETS;
        yield;
      }
      part.deletions.push(...deletions);
      part.additions.push(...additions);
      room -= octets;
    }
    put();
  }
  return stages;
}
