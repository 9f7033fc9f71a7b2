/**
 * What a block of path attributes says while it is read, and the rows that read it. A draft becomes an `AttributeSet` when
 * nothing in it asks for the routes' withdrawal.
 */
import type { Family, Ipv4 } from "../../ip/address.ts";
import type { Writer } from "../../wire/writer.ts";
import { mergeAs4Path } from "./as-path.ts";
import { AS_TRANS } from "./asn.ts";
import type { DecodeContext, EncodeContext } from "./codec-context.ts";
import { AttributeCode, AttributeFlag } from "./iana.ts";
import type { NextHops } from "./next-hop.ts";
import type { Span } from "./nlri.ts";
import type {
  AsPathSegment,
  AttributeSet,
  LargeCommunity,
  MalformedAttribute,
  OpaqueAttribute,
  Origin,
} from "./types.ts";

/** One attribute of a message, its value at `at`; the header is at `headAt`. */
export interface AttributeField {
  readonly view: DataView;
  readonly code: number;
  readonly flags: number;
  readonly headAt: number;
  readonly at: number;
  readonly length: number;
}

/** RFC 4271 section 5; well-known ones are transitive all. */
export type AttributeCategory = "wellKnown" | "optionalTransitive" | "optionalNonTransitive";

/** The bits Optional and Transitive of each category. */
export const categoryFlags: { readonly [K in AttributeCategory]: number } = {
  wellKnown: AttributeFlag.transitive,
  optionalTransitive: AttributeFlag.optional | AttributeFlag.transitive,
  optionalNonTransitive: AttributeFlag.optional,
};

/** One path attribute: everything that is to be known of it. */
export interface AttributeRow {
  readonly code: number;
  /** The registry's. */
  readonly name: string;
  /** What defines it. */
  readonly rfc: string;
  readonly category: AttributeCategory;
  /** What becomes of an UPDATE in which it is malformed, and who says so. */
  readonly malformed: "discard" | "withdraw" | "reset";
  readonly malformedRfc: string;
  /** Set aside when it comes from an external peer (RFC 7606 sections 7.5, 7.9, 7.10). */
  readonly isInternalOnly?: true;
  /** Whether its value may have so many octets. */
  fits(length: number, context: DecodeContext): boolean;
  /** Takes the value, whose length fits, into the draft; or says what is wrong with it. */
  decode(field: AttributeField, draft: AttributeDraft, context: DecodeContext): string | undefined;
  /** Octets of the value; undefined: it is not sent. */
  octets(set: AttributeSet, context: EncodeContext): number | undefined;
  encode(writer: Writer, set: AttributeSet, context: EncodeContext): void;
  /** The value for people; undefined: the set has none. */
  print(set: AttributeSet): string | undefined;
}

type Aggregator = NonNullable<AttributeSet["aggregator"]>;

/** RFC 4760 section 4: the prefixes' octets stay in the message. */
export interface MpPrefixes {
  readonly field: AttributeField;
  readonly family: Family;
  readonly prefixes: Span;
}

/** RFC 4760 section 3. */
export interface MpReach extends MpPrefixes, NextHops {}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NONE: readonly never[] = Object.freeze([]);

export class AttributeDraft {
  origin: Origin | undefined = undefined;
  asPath: readonly AsPathSegment[] | undefined = undefined;
  nextHop: Ipv4 | undefined = undefined;
  med: number | undefined = undefined;
  localPref: number | undefined = undefined;
  atomicAggregate = false;
  aggregator: Aggregator | undefined = undefined;
  communities: readonly number[] = NONE;
  originatorId: Ipv4 | undefined = undefined;
  clusterList: readonly Ipv4[] = NONE;
  extendedCommunities: readonly bigint[] = NONE;
  largeCommunities: readonly LargeCommunity[] = NONE;
  as4Path: readonly AsPathSegment[] | undefined = undefined;
  as4Aggregator: Aggregator | undefined = undefined;
  reach: MpReach | undefined = undefined;
  unreach: MpPrefixes | undefined = undefined;
  opaque: readonly OpaqueAttribute[] = NONE;
  partial: readonly number[] = NONE;
  malformed: readonly MalformedAttribute[] = NONE;
  /** MP_REACH_NLRI was there, of whatever family. */
  hasReach = false;
  /** Nothing but MP_UNREACH_NLRI was there. */
  isUnreachOnly = true;

  /** Notes an attribute that was wrong and what is done about it. */
  report(code: number, action: MalformedAttribute["action"], why: string): void {
    this.malformed = [...this.malformed, { code, action, why }];
  }

  get isWithdrawn(): boolean {
    return this.malformed.some(({ action }) => action === "withdraw");
  }

  /** The code of a mandatory attribute that is not there, next hops aside (RFC 4271 section 5). */
  get missing(): number | undefined {
    if (this.origin === undefined) return AttributeCode.origin;
    return this.asPath === undefined ? AttributeCode.asPath : undefined;
  }

  /** The set for prefixes with this next hop; undefined where a mandatory attribute is missing. */
  finish({ nextHop, linkLocalNextHop }: NextHops): AttributeSet | undefined {
    const { origin, asPath } = this;
    if (origin === undefined || asPath === undefined) return undefined;
    const aggregator = this.#mergedAggregator();
    const set: Mutable<AttributeSet> = {
      origin,
      asPath: this.#mergedPath(asPath),
      nextHop,
      atomicAggregate: this.atomicAggregate,
      communities: this.communities,
      extendedCommunities: this.extendedCommunities,
      largeCommunities: this.largeCommunities,
      clusterList: this.clusterList,
      opaque: this.opaque,
    };
    if (linkLocalNextHop !== undefined) set.linkLocalNextHop = linkLocalNextHop;
    if (this.med !== undefined) set.med = this.med;
    if (this.localPref !== undefined) set.localPref = this.localPref;
    if (aggregator !== undefined) set.aggregator = aggregator;
    if (this.originatorId !== undefined) set.originatorId = this.originatorId;
    if (this.partial.length > 0) set.partial = this.partial;
    return set;
  }

  /** RFC 6793 section 4.2.3: an AGGREGATOR that is not AS_TRANS was put there by somebody who ignored the other two. */
  get #isAs4Ignored(): boolean {
    return this.aggregator !== undefined && this.aggregator.asn !== AS_TRANS && this.as4Aggregator !== undefined;
  }

  #mergedPath(asPath: readonly AsPathSegment[]): readonly AsPathSegment[] {
    return this.as4Path === undefined || this.#isAs4Ignored ? asPath : mergeAs4Path(asPath, this.as4Path);
  }

  #mergedAggregator(): Aggregator | undefined {
    return this.aggregator === undefined || this.#isAs4Ignored
      ? this.aggregator
      : (this.as4Aggregator ?? this.aggregator);
  }
}
