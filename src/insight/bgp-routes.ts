/** What the tables of the BGP speaker hold, one row for each route, in words that a terminal and a program can show. */
import { formatAsPath } from "../bgp/message/as-path.ts";
import { describeAttributes } from "../bgp/message/message-text.ts";
import type { AttributeSet } from "../bgp/message/types.ts";
import type { Rib } from "../bgp/rib/rib.ts";
import type { CandidateReport, ExportReport, Fate } from "../bgp/rib/why.ts";
import { fateInWords } from "../bgp/rib/words.ts";
import { formatAddress } from "../ip/address.ts";
import { covers, formatPrefix, type Prefix } from "../ip/prefix.ts";
import { type PrefixCode, prefixOfCode } from "../ip/prefix-code.ts";

export type BgpTables = Pick<Rib, "prefixes" | "why" | "whyTold">;

export interface BgpRoute {
  readonly prefix: string;
  /** The session that told it; left out: this node's own. */
  readonly from?: string;
  /** Of our own: what it stands for. */
  readonly about?: string;
  readonly nextHop: string;
  readonly asPath: string;
  readonly localPref?: number;
  /** All of them, by their names. */
  readonly attributes: string;
  /** RFC 4724: not told again since the peer has restarted. */
  readonly isStale: boolean;
  readonly fate: Fate["fate"] | "told";
  /** Its fate in words. */
  readonly why: string;
}

export interface RouteQuery {
  /** Routes to it and to what lies in it. */
  readonly within?: Prefix;
  /** Only what this session has told us, or is told. */
  readonly peer?: { readonly session: string; readonly direction: "received" | "advertised" };
}

/** The routes of one prefix that the query asks for. */
export function routesOf(code: PrefixCode, tables: BgpTables, { within, peer }: RouteQuery): readonly BgpRoute[] {
  if (within && !covers(within, prefixOfCode(code))) return [];
  const candidates = tables.why(code)?.candidates ?? [];
  if (!peer) return candidates.map((candidate) => routeOf(code, candidate, candidate.attributes));
  const { session } = peer;
  if (peer.direction === "advertised") return told(code, tables.whyTold(code, session), candidates[0]);
  const theirs = candidates.filter((candidate) => candidate.session === session);
  return theirs.map((candidate) => routeOf(code, candidate, candidate.received));
}

function told(code: PrefixCode, report: ExportReport, best: CandidateReport | undefined): readonly BgpRoute[] {
  if (report.outcome !== "told" || !best) return [];
  return [{ ...routeOf(code, best, report.attributes), fate: "told", why: "announced" }];
}

function routeOf(code: PrefixCode, candidate: CandidateReport, attributes: AttributeSet): BgpRoute {
  const { session, about, isStale, fate } = candidate;
  const { localPref } = attributes;
  return {
    prefix: formatPrefix(prefixOfCode(code)),
    ...(session === undefined ? {} : { from: session }),
    ...(about === undefined ? {} : { about }),
    nextHop: formatAddress(attributes.nextHop),
    asPath: formatAsPath(attributes.asPath),
    ...(localPref === undefined ? {} : { localPref }),
    attributes: describeAttributes(attributes),
    isStale,
    fate: fate.fate,
    why: fateInWords(fate),
  };
}
