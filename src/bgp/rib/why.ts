/** For people: what became of every candidate of a prefix, and why a session is told of it or not. */
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { AttributeSet } from "../message/types.ts";
import { type DecisionRule, decide } from "./decision.ts";
import type { ExportRejection } from "./export.ts";
import type { ImportRejection } from "./import.ts";
import type { Path } from "./path.ts";

export type Fate =
  | { readonly fate: "best" }
  /** Used beside the best (ECMP); the rule is what put it behind. */
  | { readonly fate: "multipath"; readonly rule: DecisionRule }
  | { readonly fate: "worse"; readonly rule: DecisionRule }
  /** RFC 4271 section 9.1.2: no route to its next hop. */
  | { readonly fate: "unreachable" }
  | { readonly fate: "rejected"; readonly rejection: ImportRejection };

export interface CandidateReport {
  /** Undefined: this node itself. */
  readonly session: string | undefined;
  /** Of our own: what it stands for. */
  readonly about: string | undefined;
  readonly received: AttributeSet;
  /** As import left them. */
  readonly attributes: AttributeSet;
  /** RFC 4724: not told again since its session was lost. */
  readonly isStale: boolean;
  /** Its session is over by configuration: it stays until another source tells the prefix, or for some seconds. */
  readonly isRetired: boolean;
  readonly fate: Fate;
}

export interface PrefixReport {
  readonly prefix: PrefixCode;
  /** Those in use first, the best at the head. */
  readonly candidates: readonly CandidateReport[];
}

export type ExportReport =
  | { readonly outcome: "told"; readonly attributes: AttributeSet }
  | { readonly outcome: "rejected"; readonly rejection: ExportRejection }
  /** There is no route that could be told. */
  | { readonly outcome: "noRoute" }
  /** The session is not established. */
  | { readonly outcome: "notUp" };

/** `chosen` are the paths in use, the best first. */
export function reportOf(
  prefix: PrefixCode,
  candidates: readonly Path[],
  chosen: readonly Path[],
  isStale: (path: Path) => boolean,
): PrefixReport {
  const rules = new Map<Path, DecisionRule>();
  decide(candidates, (path, rule) => rules.set(path, rule));
  const rank = (path: Path): number => (chosen.includes(path) ? chosen.indexOf(path) : chosen.length);
  const ordered = candidates.toSorted((a, b) => rank(a) - rank(b));
  return {
    prefix,
    candidates: ordered.map((path) => ({
      session: path.peer?.session.name,
      about: path.origination?.about,
      received: path.received,
      attributes: path.attributes,
      isStale: isStale(path),
      isRetired: path.peer?.isRetired ?? false,
      fate: fateOf(path, chosen, rules),
    })),
  };
}

function fateOf(path: Path, chosen: readonly Path[], rules: ReadonlyMap<Path, DecisionRule>): Fate {
  if (path.rejection) return { fate: "rejected", rejection: path.rejection };
  if (!path.isEligible) return { fate: "unreachable" };
  const rule = rules.get(path);
  if (rule === undefined) return { fate: "best" };
  return { fate: chosen.includes(path) ? "multipath" : "worse", rule };
}
