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
import type { ElementShape, Entry } from "./element-codec.ts";
import { planChains } from "./plan-chains.ts";
import { planSets } from "./plan-sets.ts";
import { finished, type Steps } from "./steps.ts";
import type { NftChain, NftMap, NftSet, NftTable } from "./tree.ts";

export type ElementChange = {
  readonly change: "addElements" | "deleteElements";
  readonly shape: ElementShape;
  readonly entries: readonly Entry[];
};

export type TableChange =
  | { readonly change: "addTable" | "deleteTable" }
  | { readonly change: "flushChain" | "deleteChain" | "deleteSet"; readonly name: string }
  | { readonly change: "addChain" | "setPolicy"; readonly chain: NftChain }
  | { readonly change: "addRules"; readonly chain: NftChain }
  | { readonly change: "addSet"; readonly set: NftSet | NftMap }
  | ElementChange;

export interface TablePlan {
  readonly changes: readonly TableChange[];
  /** The differences in words, for people: what was found, not what will be done. */
  readonly differences: readonly string[];
}

/** Throws NftTreeError. */
export const planTable = (desired: NftTable | undefined, actual: NftTable | undefined): TablePlan =>
  finished(planSteps(desired, actual));

/** The same in several turns. */
export function* planSteps(desired: NftTable | undefined, actual: NftTable | undefined): Steps<TablePlan> {
  if (desired === actual) return { changes: [], differences: [] };
  if (!desired) return { changes: [{ change: "deleteTable" }], differences: ["the table is there"] };
  const table = actual ?? { ...desired, sets: [], maps: [], chains: [] };
  const { sets: foreignSets = [], chains: foreignChains = [] } = actual?.foreign ?? {};
  const sets = yield* planSets(desired, table);
  const chains = yield* planChains(desired, table, sets.recreated);
  const changes: TableChange[] = [
    ...(actual ? [] : [{ change: "addTable" } as const]),
    ...[...chains.flushed, ...foreignChains].map((name) => ({ change: "flushChain", name }) as const),
    ...sets.deletions,
    ...[...sets.dying, ...foreignSets].map((name) => ({ change: "deleteSet", name }) as const),
    ...[...chains.dying, ...foreignChains].map((name) => ({ change: "deleteChain", name }) as const),
    ...chains.added.map((chain) => ({ change: "addChain", chain }) as const),
    ...chains.repoliced.map((chain) => ({ change: "setPolicy", chain }) as const),
    ...sets.added.map((set) => ({ change: "addSet", set }) as const),
    ...sets.additions,
    ...chains.rewritten.map((chain) => ({ change: "addRules", chain }) as const),
  ];
  if (!actual) return { changes, differences: ["the table is missing"] };
  const foreign = [
    ...foreignSets.map((name) => `set ${name} is not ours`),
    ...foreignChains.map((name) => `chain ${name} is not ours`),
  ];
  return { changes, differences: [...sets.differences, ...chains.differences, ...foreign] };
}
