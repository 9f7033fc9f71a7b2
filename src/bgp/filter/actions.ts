/** What a term's actions make of attributes: another set, or the same where nothing changes. */
import type { Asn, AsPathSegment, AttributeSet } from "../message/types.ts";
import { isSameCommunity } from "./conditions.ts";
import type { Action } from "./types.ts";

/** RFC 4271 section 4.3: a segment's length is one octet. */
const MAX_SEGMENT_ASNS = 255;

export function applyAction(action: Action, attributes: AttributeSet): AttributeSet {
  switch (action.kind) {
    case "addCommunity": {
      const { communities } = attributes;
      if (communities.includes(action.community)) return attributes;
      return { ...attributes, communities: [...communities, action.community] };
    }
    case "addLargeCommunity": {
      const { largeCommunities } = attributes;
      if (largeCommunities.some((community) => isSameCommunity(community, action.community))) return attributes;
      return { ...attributes, largeCommunities: [...largeCommunities, action.community] };
    }
    case "prependAsPath":
      return { ...attributes, asPath: prepend(attributes.asPath, action.asns) };
    case "setLocalPref":
      return { ...attributes, localPref: action.value };
    case "setMed":
      return { ...attributes, med: action.value };
    case "setNextHop": {
      const { linkLocalNextHop: _, ...others } = attributes;
      return { ...others, nextHop: action.address };
    }
  }
}

/** RFC 4271 section 5.1.2: into the leading sequence while it has room, else into one of their own. */
export function prepend(path: readonly AsPathSegment[], asns: readonly Asn[]): readonly AsPathSegment[] {
  if (asns.length === 0) return path;
  const [first, ...others] = path;
  if (first?.kind === "sequence" && first.asns.length + asns.length <= MAX_SEGMENT_ASNS)
    return [{ kind: "sequence", asns: [...asns, ...first.asns] }, ...others];
  return [{ kind: "sequence", asns }, ...path];
}
