/**
 * What becomes of a route on its way to peers of one update group: reflection (RFC 4456 section 8), the communities of RFC 1997,
 * the export filter, and the attributes that a peer of this kind may see (RFC 4271 section 5). What depends on the one peer, where
 * the route came from and whose address its next hop is, `hiddenFrom` says.
 */
import type { Family, IpAddress } from "../../ip/address.ts";
import { familyOfCode, type PrefixCode } from "../../ip/prefix-code.ts";
import { prepend } from "../filter/actions.ts";
import { DEFAULT_LOCAL_PREF } from "../filter/conditions.ts";
import { evaluate } from "../filter/evaluate.ts";
import type { Term } from "../filter/types.ts";
import type { AttributeSet } from "../message/types.ts";
import type { Path } from "./path.ts";
import type { Peer } from "./peer.ts";
import type { RibSession } from "./types.ts";

/** What sessions of one update group have in common; all that an export depends on but the peer itself. */
export type ExportPolicy = Pick<
  RibSession,
  "kind" | "localAs" | "families" | "isReflectorClient" | "clusterId" | "nextHop" | "ownNextHops" | "exportFilter"
>;

/** Why a best route is not sent to a session. */
export type ExportRejection =
  | { readonly rule: "family"; readonly family: Family }
  /** RFC 4456 section 8: between internal peers that are no clients. */
  | { readonly rule: "notReflected" }
  /** RFC 1997. */
  | { readonly rule: "noAdvertise" | "noExport" | "noExportSubconfed" }
  | { readonly rule: "exportFilter"; readonly filter: string; readonly term: Term | undefined }
  /** We have no address of the family on this session to put in. */
  | { readonly rule: "noOwnNextHop"; readonly family: Family }
  /** It came from there. */
  | { readonly rule: "splitHorizon" }
  /** RFC 4271 section 5.1.3: its next hop is the peer itself. */
  | { readonly rule: "peersNextHop" };

/** A route as a group's peers are told it. */
export interface Exported {
  /** Whose route it is; undefined: ours. */
  readonly peer: Peer | undefined;
  readonly attributes: AttributeSet;
}

/** RFC 1997, well-known communities. */
const NO_EXPORT = 0xffff_ff01;
const NO_ADVERTISE = 0xffff_ff02;
const NO_EXPORT_SUBCONFED = 0xffff_ff03;

/** Why this peer of the group is not told a route that the others are. */
export function hiddenFrom(exported: Exported, peer: Peer): ExportRejection | undefined {
  if (exported.peer === peer) return { rule: "splitHorizon" };
  return exported.attributes.nextHop === peer.session.peerAddress ? { rule: "peersNextHop" } : undefined;
}

/** What does not depend on the prefix and needs no look at the filter. */
export function exportRefusal(path: Path, policy: ExportPolicy): ExportRejection | undefined {
  const from = path.peer?.session;
  if (from?.kind === "internal" && policy.kind === "internal" && !from.isReflectorClient && !policy.isReflectorClient)
    return { rule: "notReflected" };
  const { communities } = path.attributes;
  if (communities.length === 0 || path.peer === undefined) return undefined;
  if (communities.includes(NO_ADVERTISE)) return { rule: "noAdvertise" };
  if (policy.kind === "internal") return undefined;
  if (communities.includes(NO_EXPORT)) return { rule: "noExport" };
  return communities.includes(NO_EXPORT_SUBCONFED) ? { rule: "noExportSubconfed" } : undefined;
}

/** The attributes that the filter leaves, not interned where it changed them. */
export function exportPrefix(
  path: Path,
  prefix: PrefixCode,
  policy: ExportPolicy,
): { readonly attributes: AttributeSet } | { readonly rejection: ExportRejection } {
  const family = familyOfCode(prefix);
  if (!policy.families.includes(family)) return { rejection: { rule: "family", family } };
  const from = path.peer?.session.kind;
  const { exportFilter: filter } = policy;
  const outcome = evaluate(
    filter,
    {
      prefix,
      attributes: path.attributesFor(policy.kind),
      source: from === undefined ? "local" : from === "internal" ? "internalPeer" : "externalPeer",
      ...(path.origination?.device === undefined ? {} : { device: path.origination.device }),
    },
    { peerType: policy.kind },
  );
  if (outcome.verdict === "reject")
    return { rejection: { rule: "exportFilter", filter: filter.name, term: outcome.term } };
  return { attributes: outcome.attributes };
}

/**
 * The attributes that go out, from what the filter left; undefined: a next hop of our own is needed and there is none.
 * Not interned.
 */
export function outgoingAttributes(
  path: Path,
  filtered: AttributeSet,
  family: Family,
  policy: ExportPolicy,
): AttributeSet | undefined {
  const located = withNextHop(path, filtered, family, policy);
  if (!located) return undefined;
  return policy.kind === "internal" ? forInternal(path, located, policy) : forExternal(located, policy);
}

/** RFC 4271 section 5.1.3. A next hop that the filter has set stays. */
function withNextHop(
  path: Path,
  filtered: AttributeSet,
  family: Family,
  policy: ExportPolicy,
): AttributeSet | undefined {
  const isSet = filtered.nextHop !== path.attributes.nextHop;
  const keeps = policy.nextHop === "keep" || (policy.nextHop === "normal" && policy.kind === "internal");
  if (isSet || (keeps && path.peer)) return filtered;
  const nextHop: IpAddress | undefined = policy.ownNextHops[family];
  if (nextHop === undefined) return undefined;
  const { linkLocalNextHop: _, ...others } = filtered;
  const { linkLocal } = policy.ownNextHops;
  return family === 6 && linkLocal !== undefined
    ? { ...others, nextHop, linkLocalNextHop: linkLocal }
    : { ...others, nextHop };
}

/** RFC 4271 section 5.1.5, RFC 4456 section 8. */
function forInternal(path: Path, attributes: AttributeSet, policy: ExportPolicy): AttributeSet {
  const { localPref = DEFAULT_LOCAL_PREF } = attributes;
  const from = path.peer?.session;
  if (from?.kind !== "internal") return { ...attributes, localPref };
  return {
    ...attributes,
    localPref,
    originatorId: attributes.originatorId ?? from.peerRouterId,
    clusterList: [policy.clusterId, ...attributes.clusterList],
  };
}

/** RFC 4271 sections 5.1.2 and 5.1.5: our AS in front, and nothing that only our AS may hear. */
function forExternal(attributes: AttributeSet, policy: ExportPolicy): AttributeSet {
  const { localPref: _, originatorId: __, ...others } = attributes;
  return { ...others, asPath: prepend(attributes.asPath, [policy.localAs]), clusterList: [] };
}
