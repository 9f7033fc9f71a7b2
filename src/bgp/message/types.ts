/**
 * BGP messages as values (RFC 4271 section 4). What a decoder gives and an encoder takes; octets are the codec's business,
 * and what a field means to the session or to a route is the business of `session/` and `rib/`.
 */
import type { Family, IpAddress, Ipv4, Ipv6 } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";

/** An autonomous system's number, 1 … 2^32−1 (RFC 6793). */
export type Asn = number;

export type Message = Open | Update | Notification | Keepalive | RouteRefresh;

/** A well-formed message that a receiver has to take without acting on it, as the RFC named in `why` says. */
export interface Ignored {
  readonly type: "ignored";
  readonly why: string;
}

/** RFC 4271 section 4.2. */
export interface Open {
  readonly type: "open";
  /** As the message says it, 4 where we speak. */
  readonly version: number;
  /** Of the capability where there is one, else the field of two octets. */
  readonly asn: Asn;
  /** 0, or 3 … 65535. */
  readonly holdTimeSeconds: number;
  /** Not 0 (RFC 6286). */
  readonly routerId: Ipv4;
  readonly capabilities: readonly Capability[];
}

/** RFC 5492; kinds that we have no words for are kept as octets. */
export type Capability =
  /** RFC 4760 section 8, unicast. */
  | { readonly kind: "multiprotocol"; readonly family: Family }
  /** RFC 2918. */
  | { readonly kind: "routeRefresh" }
  /** RFC 7313. */
  | { readonly kind: "enhancedRouteRefresh" }
  /** RFC 6793. */
  | { readonly kind: "fourOctetAs"; readonly asn: Asn }
  /** RFC 4724 section 3. */
  | {
      readonly kind: "gracefulRestart";
      readonly isRestarting: boolean;
      /** RFC 8538 section 2. */
      readonly notification: boolean;
      /** 0 … 4095. */
      readonly restartTimeSeconds: number;
      readonly families: readonly { readonly family: Family; readonly isForwarding: boolean }[];
    }
  /** RFC 8654. */
  | { readonly kind: "extendedMessage" }
  | { readonly kind: "other"; readonly code: number; readonly octets: Uint8Array };

/** RFC 4271 section 4.3 with RFC 4760: what goes and what comes, of either family. */
export interface Update {
  readonly type: "update";
  readonly withdrawn: readonly PrefixCode[];
  /** Prefixes that share their attributes, the next hop included: one entry a family at most. */
  readonly announced: readonly { readonly attributes: AttributeSet; readonly prefixes: readonly PrefixCode[] }[];
  /** RFC 4724 section 2: the peer has sent all that it has of this family. */
  readonly endOfRib?: Family;
  /** RFC 7606: attributes that were wrong and what was done about them; the prefixes stand in `withdrawn` then. */
  readonly malformed: readonly MalformedAttribute[];
}

/** RFC 7606 section 2. A message that asks for a reset is no value but a DecodeError. */
export interface MalformedAttribute {
  /** The attribute's; 0 for the fields of prefixes that belong to no attribute. */
  readonly code: number;
  readonly action: "withdraw" | "discard";
  /** In words, with the section. */
  readonly why: string;
}

/** RFC 4271 section 4.5, RFC 4486, RFC 9003. */
export interface Notification {
  readonly type: "notification";
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

export interface Keepalive {
  readonly type: "keepalive";
}

/** RFC 2918 section 3, RFC 7313 section 3.2. */
export interface RouteRefresh {
  readonly type: "routeRefresh";
  readonly family: Family;
  readonly subtype: "request" | "begin" | "end";
}

/** RFC 4271 section 5.1.1. */
export type Origin = "igp" | "egp" | "incomplete";

/** RFC 4271 section 5.1.2, RFC 5065. */
export interface AsPathSegment {
  readonly kind: "set" | "sequence" | "confederationSequence" | "confederationSet";
  readonly asns: readonly Asn[];
}

/** RFC 8092. */
export interface LargeCommunity {
  readonly global: number;
  readonly local1: number;
  readonly local2: number;
}

/** An optional transitive attribute without words of ours: passed on octet for octet, Partial set (RFC 4271 section 9). */
export interface OpaqueAttribute {
  readonly code: number;
  readonly flags: number;
  readonly octets: Uint8Array;
}

/**
 * What a route's attributes say. Interned (`attribute-table.ts`): equal sets are one object, so that `===` compares them and a
 * table of a million routes holds each once. Never changed.
 */
export interface AttributeSet {
  readonly origin: Origin;
  readonly asPath: readonly AsPathSegment[];
  readonly nextHop: IpAddress;
  /** RFC 2545 section 3. */
  readonly linkLocalNextHop?: Ipv6;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate: boolean;
  readonly aggregator?: { readonly asn: Asn; readonly routerId: Ipv4 };
  /** RFC 1997, each 4 octets. */
  readonly communities: readonly number[];
  /** RFC 4360, each 8 octets. */
  readonly extendedCommunities: readonly bigint[];
  readonly largeCommunities: readonly LargeCommunity[];
  /** RFC 4456. */
  readonly originatorId?: Ipv4;
  readonly clusterList: readonly Ipv4[];
  /** By code, each code once. */
  readonly opaque: readonly OpaqueAttribute[];
  /** Codes, ascending, of attributes above that came with the Partial bit, which nobody may clear (RFC 4271 section 5). */
  readonly partial?: readonly number[];
}
