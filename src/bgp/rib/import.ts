/**
 * What becomes of a received route before it is a candidate (RFC 4271 section 9.1.1 and 9.1.2, RFC 4456 section 8): loops, next
 * hops that cannot be meant, attributes that mean nothing from this peer, then the session's filter.
 */
import type { IpAddress, Ipv4 } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { evaluate, type Outcome } from "../filter/evaluate.ts";
import type { Term } from "../filter/types.ts";
import type { AttributeSet } from "../message/types.ts";
import type { Interner, RibSession } from "./types.ts";

/** Why a received route is no candidate. */
export type ImportRejection =
  /** RFC 4271 section 9.1.2. */
  | { readonly rule: "ownAs"; readonly times: number; readonly allowed: number }
  /** RFC 4456 section 8. */
  | { readonly rule: "ownOriginatorId" }
  | { readonly rule: "ownClusterId" }
  /** RFC 4271 section 5.1.3. */
  | { readonly rule: "ownNextHop" }
  /** The term; undefined: no term ended it, and the filter rejects what is left. */
  | { readonly rule: "importFilter"; readonly filter: string; readonly term: Term | undefined };

export interface Imported {
  readonly attributes: AttributeSet;
  readonly rejection?: ImportRejection;
}

export interface ImportContext {
  readonly session: RibSession;
  readonly routerId: Ipv4;
  readonly attributes: Interner;
  isOwnAddress(address: IpAddress): boolean;
}

/** All that does not depend on the prefix. The attributes are interned. */
export function importAttributes(received: AttributeSet, context: ImportContext): Imported {
  const { session } = context;
  const rejection = loopOf(received, context);
  if (rejection) return { attributes: received, rejection };
  if (session.kind === "internal") return { attributes: received };
  const { localPref, originatorId, clusterList, ...rest } = received;
  if (localPref === undefined && originatorId === undefined && clusterList.length === 0)
    return { attributes: received };
  return { attributes: context.attributes.intern({ ...rest, clusterList: [] }) };
}

/** The session's filter on what `importAttributes` let through. */
export function importPrefix(prefix: PrefixCode, attributes: AttributeSet, context: ImportContext): Imported {
  const { session } = context;
  const filter = session.importFilter;
  if (filter.terms.length === 0 && filter.otherwise === "accept") return { attributes };
  const source = session.kind === "internal" ? "internalPeer" : "externalPeer";
  const outcome: Outcome = evaluate(filter, { prefix, attributes, source }, { peerType: session.kind });
  if (outcome.verdict === "reject")
    return { attributes, rejection: { rule: "importFilter", filter: filter.name, term: outcome.term } };
  if (outcome.attributes === attributes) return { attributes };
  return { attributes: context.attributes.intern(outcome.attributes) };
}

/** Attributes that only our own AS may say are ignored from external peers (RFC 7606 section 7), so they are no loops there. */
function loopOf(
  received: AttributeSet,
  { session, routerId, isOwnAddress }: ImportContext,
): ImportRejection | undefined {
  const times = timesIn(received, session.localAs);
  if (times > session.allowedOwnAs) return { rule: "ownAs", times, allowed: session.allowedOwnAs };
  if (session.kind === "internal") {
    if (received.originatorId === routerId) return { rule: "ownOriginatorId" };
    if (received.clusterList.includes(session.clusterId)) return { rule: "ownClusterId" };
  }
  return isOwnAddress(received.nextHop) ? { rule: "ownNextHop" } : undefined;
}

function timesIn({ asPath }: AttributeSet, asn: number): number {
  let times = 0;
  for (const { asns } of asPath) for (const one of asns) if (one === asn) times++;
  return times;
}
