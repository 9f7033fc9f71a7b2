/**
 * A filter applied to one route: what becomes of it, with which attributes, and which term said so. Pure; attributes are
 * interned only when a route is let through changed.
 */
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { AttributeSet } from "../message/types.ts";
import { applyAction } from "./actions.ts";
import { dependsOnPrefix, holds } from "./conditions.ts";
import type { Filter, Term } from "./types.ts";

/** A route as a filter sees it. */
export interface FilterRoute {
  readonly prefix: PrefixCode;
  readonly attributes: AttributeSet;
  /** This node itself, or the kind of peer that it was learned from. */
  readonly source: "local" | "internalPeer" | "externalPeer";
  /** That it leads to, where that is known. */
  readonly device?: string;
}

/** The session that the filter runs on. */
export interface FilterContext {
  readonly peerType: "internal" | "external";
}

export interface Outcome {
  readonly verdict: "accept" | "reject";
  /** As the terms left them; not interned where they were changed. */
  readonly attributes: AttributeSet;
  /** Undefined: no term ended it, `otherwise` did. */
  readonly term: Term | undefined;
}

export function evaluate(filter: Filter, route: FilterRoute, context: FilterContext): Outcome {
  let { attributes } = route;
  for (const term of filter.terms) {
    if (!term.conditions.every((condition) => holds(condition, route, attributes, context))) continue;
    for (const action of term.actions) attributes = applyAction(action, attributes);
    if (term.verdict) return { verdict: term.verdict, attributes, term };
  }
  return { verdict: filter.otherwise, attributes, term: undefined };
}

/** Whether prefixes with the same attributes may fare differently: else one evaluation does for all of them. */
export const asksForPrefix = (filter: Filter): boolean =>
  filter.terms.some(({ conditions }) => conditions.some(dependsOnPrefix));
