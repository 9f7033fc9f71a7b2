/** The part of a plan that is about chains: which come and go, and whose rules are written anew. */
import { expressionsKey } from "./expression-codec.ts";
import type { Steps } from "./steps.ts";
import type { BaseChain, NftChain, NftRule, NftTable } from "./tree.ts";

export interface ChainsPlan {
  readonly flushed: string[];
  /** Names to remove, those to be made anew included. */
  readonly dying: string[];
  readonly added: NftChain[];
  readonly repoliced: NftChain[];
  readonly rewritten: NftChain[];
  readonly differences: string[];
}

/** Rules between two pauses. */
const PAUSE_RULES = 32;

/** A chain that looks into a set that is made anew is rewritten, since its rules hold on to the old one. */
export function* planChains(
  desired: NftTable,
  actual: NftTable,
  recreatedSets: ReadonlySet<string>,
): Steps<ChainsPlan> {
  const plan: ChainsPlan = { flushed: [], dying: [], added: [], repoliced: [], rewritten: [], differences: [] };
  const actualByName = new Map(actual.chains.map((chain) => [chain.name, chain]));
  for (const chain of desired.chains) {
    const was = actualByName.get(chain.name);
    actualByName.delete(chain.name);
    if (was) yield* planChain(chain, was, recreatedSets, plan);
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

function* planChain(chain: NftChain, was: NftChain, recreatedSets: ReadonlySet<string>, plan: ChainsPlan): Steps<void> {
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
  const difference = yield* rulesDifference(chain.rules, was.rules);
  if (difference !== undefined) plan.differences.push(`chain ${chain.name} ${difference}`);
  if (difference === undefined && !refersTo(chain, recreatedSets)) return;
  if (was.rules.length > 0) plan.flushed.push(chain.name);
  if (chain.rules.length > 0) plan.rewritten.push(chain);
}

const hookWords = (base: BaseChain | undefined): string => {
  if (!base) return "none";
  const devices = (base.devices ?? []).toSorted().map((name) => ` ${name}`);
  return `type ${base.type} hook ${base.hook}${devices.join("")} priority ${base.priority}`;
};

const refersTo = ({ rules }: NftChain, sets: ReadonlySet<string>): boolean =>
  sets.size > 0 &&
  rules.some(({ expressions }) => expressions.some((found) => found.name === "lookup" && sets.has(found.set)));

function* ruleKeys(rules: readonly NftRule[]): Steps<readonly string[]> {
  const keys: string[] = [];
  for (const { expressions, comment } of rules) {
    if (keys.length % PAUSE_RULES === PAUSE_RULES - 1) yield;
    keys.push(`${comment ?? ""}\n${expressionsKey(expressions)}`);
  }
  return keys;
}

/** How rules differ from the wanted ones, in words; undefined when they do not. */
function* rulesDifference(wanted: readonly NftRule[], actual: readonly NftRule[]): Steps<string | undefined> {
  if (wanted === actual) return undefined;
  if (actual.length === 0) return wanted.length === 0 ? undefined : "is empty";
  const wantedKeys = yield* ruleKeys(wanted);
  const actualKeys = yield* ruleKeys(actual);
  if (wantedKeys.length === actualKeys.length && wantedKeys.every((key, index) => key === actualKeys[index])) return;
  const missing = countOutside(wantedKeys, new Set(actualKeys));
  const extra = countOutside(actualKeys, new Set(wantedKeys));
  if (missing === 0 && extra === 0) return "has its rules in another order or number";
  const words = [
    missing > 0 ? `lacks ${counted(missing)}` : "",
    extra > 0 ? `has ${counted(extra)} ${extra === 1 ? "that is" : "that are"} not ours` : "",
  ];
  return words.filter(Boolean).join(", ");
}

const countOutside = (keys: readonly string[], others: ReadonlySet<string>): number =>
  keys.filter((key) => !others.has(key)).length;
const counted = (count: number): string => (count === 1 ? "1 rule" : `${count} rules`);
