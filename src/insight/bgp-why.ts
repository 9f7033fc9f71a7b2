/**
 * The whole story of a prefix: who told of it, what import made of that, which route won by which rule, what the node makes of
 * the winner, what the kernel was told, and whom it is told on to.
 */
import { describeAttributes } from "../bgp/message/message-text.ts";
import type { CandidateReport, ExportReport } from "../bgp/rib/why.ts";
import { exportInWords, fateInWords } from "../bgp/rib/words.ts";
import { describeRoute } from "../compile/describe.ts";
import { type RouteItem, routeKey } from "../compile/node-state.ts";
import { birdRoute } from "../compile/routing/bird-route.ts";
import type { LearnedDecision } from "../compile/routing/learned.ts";
import { formatPrefix, type Prefix, prefixOf } from "../ip/prefix.ts";
import { type PrefixCode, prefixCode, prefixOfCode } from "../ip/prefix-code.ts";
import type { BgpTables } from "./bgp-routes.ts";

export interface WhyDeps {
  readonly tables: BgpTables;
  /** What becomes of the best learned routes of the prefix. */
  readonly learned: (prefix: PrefixCode) => LearnedDecision | undefined;
  /** The route that the kernel shall hold under a key, who wants it, and what keeps it from being there. */
  readonly wanted: (key: string) => Wanted | undefined;
  /** How long routes of the session are kept at most that it has not told again, since it was lost or removed. */
  readonly keptSeconds: (session: string) => number | undefined;
  /** Sessions that the answer shall speak of. */
  readonly sessions: readonly string[];
}

export interface Wanted {
  readonly route: RouteItem;
  readonly source: string;
  readonly failures: readonly string[];
}

export interface WhyReport {
  readonly asked: string;
  /** The longest prefix that somebody has told of and that covers what was asked; left out: there is none. */
  readonly prefix?: string;
  readonly candidates: readonly WhyCandidate[];
  /** The route that the best become, or why they become none; left out where our own comes first. */
  readonly learned?: { readonly route: string } | { readonly rejected: string };
  readonly kernel?: { readonly route: string; readonly source: string; readonly failures: readonly string[] };
  readonly told: readonly { readonly session: string; readonly outcome: string; readonly attributes?: string }[];
}

export interface WhyCandidate {
  /** Left out: this node. */
  readonly from?: string;
  readonly about?: string;
  readonly received: string;
  /** What import made of them, where that is something else. */
  readonly imported?: string;
  readonly isStale: boolean;
  /** Stale: why it is kept, and for how long at most. */
  readonly kept?: { readonly since: "removed" | "lost"; readonly seconds?: number };
  readonly fate: string;
  readonly why: string;
}

export function whyPrefix(asked: Prefix, deps: WhyDeps): WhyReport {
  const code = known(asked, deps.tables);
  if (code === undefined) return { asked: formatPrefix(asked), candidates: [], told: [] };
  const prefix = formatPrefix(prefixOfCode(code));
  const candidates = deps.tables.why(code)?.candidates ?? [];
  const learned = deps.learned(code);
  const wanted = deps.wanted(routeKey(birdRoute(prefixOfCode(code), [])));
  return {
    asked: formatPrefix(asked),
    prefix,
    candidates: candidates.map((candidate) => candidateOf(candidate, deps.keptSeconds)),
    ...(learned ? { learned: "piece" in learned ? { route: describeRoute(learned.piece.route) } : learned } : {}),
    ...(wanted
      ? { kernel: { route: describeRoute(wanted.route), source: wanted.source, failures: wanted.failures } }
      : {}),
    told: deps.sessions.map((session) => toldOf(session, deps.tables.whyTold(code, session))),
  };
}

/** The longest prefix that the tables know and that covers it. */
function known({ address, length }: Prefix, tables: BgpTables): PrefixCode | undefined {
  for (let shorter = length; shorter >= 0; shorter--) {
    const code = prefixCode(prefixOf(address, shorter));
    if (tables.why(code)) return code;
  }
  return undefined;
}

function candidateOf(candidate: CandidateReport, keptSeconds: WhyDeps["keptSeconds"]): WhyCandidate {
  const { session, about, received, attributes, isStale, isRetired, fate } = candidate;
  const seconds = isStale && session !== undefined ? keptSeconds(session) : undefined;
  const since = isRetired ? "removed" : "lost";
  return {
    ...(session === undefined ? {} : { from: session }),
    ...(about === undefined ? {} : { about }),
    received: describeAttributes(received),
    ...(attributes === received ? {} : { imported: describeAttributes(attributes) }),
    isStale,
    ...(isStale ? { kept: { since, ...(seconds === undefined ? {} : { seconds }) } } : {}),
    fate: fate.fate,
    why: fateInWords(fate),
  };
}

const toldOf = (session: string, report: ExportReport): WhyReport["told"][number] => ({
  session,
  outcome: exportInWords(report),
  ...(report.outcome === "told" ? { attributes: describeAttributes(report.attributes) } : {}),
});
