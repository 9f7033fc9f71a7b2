/**
 * A filter as BIRD 2 has it. What is known when it is written (the family, the kind of the session) is decided here, so that one
 * of our filters may become several of BIRD's; what BIRD asks of every route is asked only of those that have it.
 */
import { type Family, formatAddress, widthOf } from "../../ip/address.ts";
import { formatPrefix, type Prefix, prefixFamily } from "../../ip/prefix.ts";
import type { Action, Condition, Filter, Term } from "../filter/types.ts";
import { formatCommunity } from "../message/list-rows.ts";
import { block, comment, quoted } from "./text.ts";

export interface FilterUse {
  readonly family: Family;
  readonly peerType: "internal" | "external";
  readonly direction: "import" | "export";
}

/** Set on import: BIRD does not remember what kind of peer told a route. */
export const FROM_ATTRIBUTE = "ocicat_from";
const FROM = { internalPeer: 1, externalPeer: 2 } as const;
/** RFC 4271 leaves it to the speaker; BIRD says 100 too, but only on the wire. */
const DEFAULT_LOCAL_PREF = 100;

/** BIRD's static routes have 200. */
const ABOVE_STATIC = 210;

/** The body of `filter NAME { … }`. */
export function filterText(filter: Filter, use: FilterUse): readonly string[] {
  const own =
    use.direction === "import"
      ? [`${FROM_ATTRIBUTE} = ${FROM[use.peerType === "internal" ? "internalPeer" : "externalPeer"]};`]
      : ["if source != RTS_STATIC && source != RTS_BGP then reject;"];
  const preferred = preference(filter, use);
  return [
    ...own,
    ...filter.terms.flatMap((term) => termText(term, use, preferred)),
    ...preferred,
    `${filter.otherwise};`,
  ];
}

/** Before whatever accepts a route, as an acceptance ends the filter: BIRD prefers a static route otherwise, as ours are. */
function preference({ beatsOwnAbove }: Filter, { direction }: FilterUse): readonly string[] {
  if (direction === "export" || beatsOwnAbove === undefined) return [];
  return [`if defined(bgp_local_pref) && bgp_local_pref > ${beatsOwnAbove} then preference = ${ABOVE_STATIC};`];
}

function termText(
  { about, conditions, actions, verdict }: Term,
  use: FilterUse,
  preferred: readonly string[],
): readonly string[] {
  const asked = conditions.map((condition) => conditionText(condition, use)).filter((text) => text !== "true");
  if (asked.includes("false")) return [];
  const accepting = verdict === "accept" ? preferred : [];
  const body = [...actions.flatMap(actionText), ...accepting, ...(verdict === undefined ? [] : [`${verdict};`])];
  if (body.length === 0) return [];
  const lines = asked.length === 0 ? body : block(`if ${asked.join(" && ")} then`, body);
  return [comment(about), ...lines];
}

/** `true` and `false` where it is known already. */
function conditionText(condition: Condition, use: FilterUse): string {
  switch (condition.kind) {
    case "equals":
      return prefixFamily(condition.prefix) === use.family ? `net = ${formatPrefix(condition.prefix)}` : "false";
    case "within":
      return withinText(condition.prefix, use.family, condition.least, condition.most);
    case "source":
      return sourceText(condition.source);
    case "peerType":
      return String(condition.peerType === use.peerType);
    case "device":
      return `(source = RTS_STATIC && ifname ~ ${quoted(condition.pattern)})`;
    case "community":
      return `${pairOf(condition.community)} ~ bgp_community`;
    case "largeCommunity":
      return `${tripleOf(condition.community)} ~ bgp_large_community`;
    case "asPathPrefix":
      return condition.asns.length === 0 ? "true" : `bgp_path ~ [= ${condition.asns.join(" ")} * =]`;
    case "localPref":
      return condition.value === DEFAULT_LOCAL_PREF
        ? `(!defined(bgp_local_pref) || bgp_local_pref = ${condition.value})`
        : `(defined(bgp_local_pref) && bgp_local_pref = ${condition.value})`;
    case "localPrefAbove":
      return condition.value < DEFAULT_LOCAL_PREF
        ? `(!defined(bgp_local_pref) || bgp_local_pref > ${condition.value})`
        : `(defined(bgp_local_pref) && bgp_local_pref > ${condition.value})`;
    case "nextHop":
      return `(defined(bgp_next_hop) && bgp_next_hop ~ ${formatPrefix(condition.prefix)})`;
    case "not": {
      const text = conditionText(condition.condition, use);
      if (text === "true" || text === "false") return String(text === "false");
      return `!(${text})`;
    }
  }
}

export function withinText(prefix: Prefix, family: Family, least = 0, most = 128): string {
  if (prefixFamily(prefix) !== family) return "false";
  const [low, high] = [Math.max(prefix.length, least), Math.min(widthOf(family), most)];
  return low > high ? "false" : `net ~ [ ${formatPrefix(prefix)}{${low},${high}} ]`;
}

function sourceText(source: Extract<Condition, { kind: "source" }>["source"]): string {
  if (source === "local") return "source = RTS_STATIC";
  return source === "peer" ? "source = RTS_BGP" : `(source = RTS_BGP && ${FROM_ATTRIBUTE} = ${FROM[source]})`;
}

const pairOf = (community: number): string => `(${formatCommunity(community).replace(":", ",")})`;
const tripleOf = ({ global, local1, local2 }: { global: number; local1: number; local2: number }): string =>
  `(${global},${local1},${local2})`;

function actionText(action: Action): readonly string[] {
  switch (action.kind) {
    case "addCommunity":
      return [`bgp_community.add(${pairOf(action.community)});`];
    case "addLargeCommunity":
      return [`bgp_large_community.add(${tripleOf(action.community)});`];
    case "prependAsPath":
      return action.asns.toReversed().map((asn) => `bgp_path.prepend(${asn});`);
    case "setLocalPref":
      return [`bgp_local_pref = ${action.value};`];
    case "setMed":
      return [`bgp_med = ${action.value};`];
    case "setNextHop":
      return [`bgp_next_hop = ${formatAddress(action.address)};`];
  }
}
