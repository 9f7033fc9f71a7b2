/**
 * Filters as data: what a session lets in and out. Terms are asked in order; the first that matches and has a verdict ends it.
 * Calico's BGPFilters and its own export policy compile to this, and so can everything that people write for BIRD's sake.
 */
import type { IpAddress } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import type { Asn, LargeCommunity } from "../message/types.ts";

export interface Filter {
  /** For people: `BGPFilter(name)`, `export to mesh`. */
  readonly name: string;
  readonly terms: readonly Term[];
  /** When no term ends it. */
  readonly otherwise: "accept" | "reject";
  /** On import: a route whose LOCAL_PREF is above this then is used even before our own; left out: none. */
  readonly beatsOwnAbove?: number;
}

/** All conditions must hold; none is always true. */
export interface Term {
  /** Why it is there, for `why`: `pool default-ipv4-ippool`, `rule 2 of BGPFilter(x)`. */
  readonly about: string;
  readonly conditions: readonly Condition[];
  readonly actions: readonly Action[];
  /** Left out: the actions are carried out and the next term is asked. */
  readonly verdict?: "accept" | "reject";
}

export type Condition =
  /** The prefix equals it. */
  | { readonly kind: "equals"; readonly prefix: Prefix }
  /** The prefix lies in it, itself included, and its length is within the bounds where given. */
  | { readonly kind: "within"; readonly prefix: Prefix; readonly least?: number; readonly most?: number }
  /** Where the route comes from: this node itself, or a peer; of which kind. */
  | { readonly kind: "source"; readonly source: "local" | "peer" | "internalPeer" | "externalPeer" }
  /** The session that the filter runs on. */
  | { readonly kind: "peerType"; readonly peerType: "internal" | "external" }
  /** Name of the device that the route leads to, with `*` as wildcard. */
  | { readonly kind: "device"; readonly pattern: string }
  | { readonly kind: "community"; readonly community: number }
  | { readonly kind: "largeCommunity"; readonly community: LargeCommunity }
  /** The AS path begins with these. */
  | { readonly kind: "asPathPrefix"; readonly asns: readonly Asn[] }
  | { readonly kind: "localPref"; readonly value: number }
  | { readonly kind: "localPrefAbove"; readonly value: number }
  | { readonly kind: "nextHop"; readonly prefix: Prefix }
  | { readonly kind: "not"; readonly condition: Condition };

export type Action =
  | { readonly kind: "addCommunity"; readonly community: number }
  | { readonly kind: "addLargeCommunity"; readonly community: LargeCommunity }
  /** The first listed becomes the leftmost. */
  | { readonly kind: "prependAsPath"; readonly asns: readonly Asn[] }
  | { readonly kind: "setLocalPref"; readonly value: number }
  | { readonly kind: "setMed"; readonly value: number }
  | { readonly kind: "setNextHop"; readonly address: IpAddress };

/** Lets everything in, or out, as it is. */
export const acceptAll: Filter = { name: "all", terms: [], otherwise: "accept" };
