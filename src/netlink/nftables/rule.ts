/**
 * Rules are written as statements in nft's words, matches (`match.ts`) and then actions (`action.ts`):
 *
 *     rule("ip", [isIn(ip.saddr, "pods"), isNotIn(ip.daddr, "pools"), counter, masquerade({ flags: ["fully-random"] })])
 *
 * A statement adds expressions to a rule under way, which remembers what protocols were matched already.
 */
import type { TableFamily } from "./codes.ts";
import type { Expression } from "./expression.ts";
import type { NftRule } from "./tree.ts";

/** A rule under way. */
export interface RuleContext {
  readonly family: TableFamily;
  readonly expressions: Expression[];
  /** Protocols that hold from here on, by layer. */
  readonly matched: { network?: string; transport?: string };
}
export type Statement = (rule: RuleContext) => void;

/** Throws NftTreeError `badRule`, `badElement`. */
export function rule(family: TableFamily, statements: readonly Statement[], comment?: string): NftRule {
  const matched = family === "ip" || family === "ip6" || family === "arp" ? { network: family } : {};
  const context: RuleContext = { family, expressions: [], matched };
  for (const statement of statements) statement(context);
  return { expressions: context.expressions, ...(comment === undefined ? {} : { comment }) };
}
