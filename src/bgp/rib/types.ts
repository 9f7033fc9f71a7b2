/**
 * What the tables are told of sessions and of the world, and what they hand out. Values only: the tables have no clock and
 * do no I/O; the speaker drives them.
 */
import type { Family, IpAddress, Ipv4, Ipv6 } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { Filter } from "../filter/types.ts";
import type { Asn, AttributeSet } from "../message/types.ts";

/** Gives the one object for equal sets, so that `===` compares them. */
export interface Interner {
  intern(value: AttributeSet): AttributeSet;
}

/** A session as far as routes depend on it: what was configured, and what its OPENs made of it. */
export interface RibSession {
  /** As in the speaker's configuration. */
  readonly name: string;
  /** Internal: the peer is of our AS, as this session presents it. */
  readonly kind: "internal" | "external";
  readonly localAs: Asn;
  readonly peerRouterId: Ipv4;
  readonly peerAddress: IpAddress;
  /** Those that both sides can do: nothing of another family is sent. */
  readonly families: readonly Family[];
  /** RFC 4456: the peer is a client of ours. */
  readonly isReflectorClient: boolean;
  /** RFC 4456 section 7: ours on this session, the router id where none was set. */
  readonly clusterId: Ipv4;
  /** `normal`: our own address to external peers and for our own prefixes, else as received (RFC 4271 section 5.1.3). */
  readonly nextHop: "normal" | "self" | "keep";
  /** Our own address by family; a family without one sends nothing that needs it. */
  readonly ownNextHops: OwnNextHops;
  /** Times that our own AS may stand in a received path. */
  readonly allowedOwnAs: number;
  readonly importFilter: Filter;
  readonly exportFilter: Filter;
}

export interface OwnNextHops {
  readonly 4?: Ipv4;
  readonly 6?: Ipv6;
  /** RFC 2545 section 3: sent beside the global one where the peer is on the same link. */
  readonly linkLocal?: Ipv6;
}

/** What the tables ask of the world. Answers may change: `nextHopChanged` says so. */
export interface RibWorld {
  readonly attributes: Interner;
  /** RFC 4271 section 9.1.2.1: the interior cost to a next hop, lower is nearer; undefined: it cannot be reached. */
  costOf(nextHop: IpAddress): number | undefined;
  /** No route leads over the next hop any more; when one does again, its cost is asked for again. */
  nextHopUnused?(nextHop: IpAddress): void;
  /** Whether the address is this host's own: no next hop to be believed (RFC 4271 section 5.1.3). */
  isOwnAddress(address: IpAddress): boolean;
}

export interface RibOptions {
  /** RFC 4271 section 1: our BGP Identifier. */
  readonly routerId: Ipv4;
  /** Routes to one prefix that may be used beside each other, at least 1. */
  readonly maxPaths: number;
  /** Batches that a session may have waiting before it goes its own way; a bound on memory. */
  readonly queueBatches?: number;
}

/** Learned routes to use for a prefix now, the best first, several for ECMP; empty: none any more, or our own comes first. */
export interface BestChange {
  readonly prefix: PrefixCode;
  readonly routes: readonly { readonly attributes: AttributeSet; readonly session: string }[];
}

/** Prefixes of one family that share their attributes. One object for all sessions that are sent it: an encoder may remember it by identity. */
export interface Announcement {
  readonly attributes: AttributeSet;
  readonly prefixes: readonly PrefixCode[];
}

/**
 * What a session shall be sent next: the marks of refreshes that begin, withdrawals of either family, then announcements, then
 * the other marks. No prefix stands in it twice. Sessions of one update group are given the same object, save those that a route
 * of it came from.
 */
export interface Batch {
  readonly withdrawn: readonly PrefixCode[];
  readonly announced: readonly Announcement[];
  /** RFC 4724 section 2: all that there was of these families has been sent. */
  readonly endOfRib: readonly Family[];
  /** RFC 7313 section 4: what the peer asked to hear again follows, */
  readonly refreshing: readonly Family[];
  /** and has been sent. */
  readonly refreshed: readonly Family[];
  /** Its announcements are those of a batch that others are given, but for some, by their ascending places there: what it was made from. */
  readonly partOf?: { readonly whole: Batch; readonly without: readonly number[] };
}

/** A batch that says nothing. */
export const silence: Batch = { withdrawn: [], announced: [], endOfRib: [], refreshing: [], refreshed: [] };

export interface RibCounts {
  /** That something is known of, or has to be told of. */
  readonly prefixes: number;
  /** Of those, with a route. */
  readonly routed: number;
  /** Established, or with routes left. */
  readonly sessions: number;
  readonly nextHops: number;
  readonly updateGroups: number;
}
