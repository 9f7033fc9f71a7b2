/** Verdicts in octets (NFTA_VERDICT_*) and in words. */
import { AttributeSet, type AttributesOf, text, u32Network } from "../attributes.ts";
import { verdictCodes } from "./codes.ts";
import { NftTreeError } from "./errors.ts";
import type { Verdict } from "./expression.ts";
import type { VerdictText } from "./tree.ts";

const verdictTable = { code: [1, u32Network], chain: [2, text] } as const;
export const verdictSet = new AttributeSet(verdictTable);
type VerdictAttributes = AttributesOf<typeof verdictTable>;

/** undefined for a verdict that rules of ours never have (queue, break). */
export function verdictFrom({ code, chain }: VerdictAttributes): Verdict | undefined {
  switch (code === undefined ? undefined : code | 0) {
    case verdictCodes.accept:
      return { verdict: "accept" };
    case verdictCodes.drop:
      return { verdict: "drop" };
    case verdictCodes.return:
      return { verdict: "return" };
    case verdictCodes.continue:
      return { verdict: "continue" };
    case verdictCodes.jump:
      return chain === undefined ? undefined : { verdict: "jump", chain };
    case verdictCodes.goto:
      return chain === undefined ? undefined : { verdict: "goto", chain };
    default:
      return undefined;
  }
}

export function verdictAttributes(verdict: Verdict): VerdictAttributes {
  const code = verdictCodes[verdict.verdict] >>> 0;
  return "chain" in verdict ? { code, chain: verdict.chain } : { code };
}

export const formatVerdict = (verdict: Verdict): VerdictText =>
  "chain" in verdict ? `${verdict.verdict} ${verdict.chain}` : verdict.verdict;

/** Throws NftTreeError `badElement`. */
export function parseVerdict(text: VerdictText, where: string): Verdict {
  if (text === "accept" || text === "drop" || text === "return" || text === "continue") return { verdict: text };
  const [verdict, chain, ...rest] = text.split(" ");
  if ((verdict !== "jump" && verdict !== "goto") || chain === undefined || rest.length > 0) {
    throw new NftTreeError("badElement", `${where}: '${text}' is not a verdict`, { where });
  }
  return { verdict, chain };
}
