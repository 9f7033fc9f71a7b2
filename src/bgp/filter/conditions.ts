/** Whether a condition of a term holds for a route. */
import { contains, type Prefix } from "../../ip/prefix.ts";
import { addressOfCode, lengthOfCode, type PrefixCode, prefixCode } from "../../ip/prefix-code.ts";
import type { Asn, AttributeSet, LargeCommunity } from "../message/types.ts";
import type { FilterContext, FilterRoute } from "./evaluate.ts";
import type { Condition } from "./types.ts";

/** RFC 4271 leaves the degree of preference of external routes to the speaker; every implementation says 100. */
export const DEFAULT_LOCAL_PREF = 100;

/** `attributes` are those of now: earlier terms may have changed them. */
export function holds(
  condition: Condition,
  route: FilterRoute,
  attributes: AttributeSet,
  context: FilterContext,
): boolean {
  switch (condition.kind) {
    case "equals":
      return route.prefix === prefixCode(condition.prefix);
    case "within":
      return isWithin(route.prefix, condition.prefix, condition.least, condition.most);
    case "source":
      return condition.source === "peer" ? route.source !== "local" : route.source === condition.source;
    case "peerType":
      return context.peerType === condition.peerType;
    case "device":
      return route.device !== undefined && matchesPattern(route.device, condition.pattern);
    case "community":
      return attributes.communities.includes(condition.community);
    case "largeCommunity":
      return attributes.largeCommunities.some((community) => isSameCommunity(community, condition.community));
    case "asPathPrefix":
      return beginsWith(attributes, condition.asns);
    case "localPref":
      return (attributes.localPref ?? DEFAULT_LOCAL_PREF) === condition.value;
    case "localPrefAbove":
      return (attributes.localPref ?? DEFAULT_LOCAL_PREF) > condition.value;
    case "nextHop":
      return contains(condition.prefix, attributes.nextHop);
    case "not":
      return !holds(condition.condition, route, attributes, context);
  }
}

/** Whether the condition may tell prefixes apart that share their attributes. */
export function dependsOnPrefix(condition: Condition): boolean {
  if (condition.kind === "not") return dependsOnPrefix(condition.condition);
  return condition.kind === "equals" || condition.kind === "within";
}

export const isSameCommunity = (a: LargeCommunity, b: LargeCommunity): boolean =>
  a.global === b.global && a.local1 === b.local1 && a.local2 === b.local2;

/** Without an object for the route's prefix: this runs for every route and term. */
function isWithin(code: PrefixCode, outer: Prefix, least = 0, most = 128): boolean {
  const length = lengthOfCode(code);
  if (length < outer.length || length < least || length > most) return false;
  const address = addressOfCode(code);
  if (typeof address === "number")
    return (
      typeof outer.address === "number" &&
      (outer.length === 0 || (address ^ outer.address) >>> (32 - outer.length) === 0)
    );
  return typeof outer.address === "bigint" && (address ^ outer.address) >> BigInt(128 - outer.length) === 0n;
}

/** `*` stands for any text, also none. */
export function matchesPattern(text: string, pattern: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop();
  if (tail === undefined) return text === pattern;
  if (!text.startsWith(head)) return false;
  let at = head.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - tail.length >= at && text.endsWith(tail);
}

function beginsWith({ asPath }: AttributeSet, asns: readonly Asn[]): boolean {
  let matched = 0;
  for (const segment of asPath) {
    if (matched === asns.length || segment.kind !== "sequence") break;
    for (const asn of segment.asns) {
      if (matched === asns.length) return true;
      if (asn !== asns[matched++]) return false;
    }
  }
  return matched === asns.length;
}
