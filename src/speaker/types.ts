/** What a speaker tells of itself, and what it is told of the world. */
import type { Asn } from "../bgp/message/types.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import type { State } from "../bgp/session/types.ts";
import type { Family, IpAddress } from "../ip/address.ts";
import type { FailureReason } from "../port/bgp-transport.ts";

/** A moment and what was said then. */
export interface Said {
  readonly at: Date;
  /** The same moment in whole milliseconds of the clock that nobody sets: what was said last is found by it. */
  readonly monotonicMs: number;
  readonly message: string;
}

/** A NOTIFICATION (RFC 4271 section 4.5). */
export interface Notified extends Said {
  readonly code: number;
  readonly subcode: number;
}

/** Since the session was configured. */
export interface SessionCounters {
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly updatesReceived: number;
  readonly updatesSent: number;
  /** RFC 7606: attributes that were malformed, whatever became of their routes. */
  readonly malformedAttributes: number;
  /** Routes that no message to this peer has room for. */
  readonly unsendable: number;
}

export type SessionTotals = SessionCounters & { readonly flaps: number };

export interface SessionStatus {
  readonly name: string;
  readonly peer: { readonly address: IpAddress; readonly port: number; readonly asn: Asn };
  readonly localAs: Asn;
  /** It waits for the peer to dial. */
  readonly passive: boolean;
  /** RFC 4271 section 8.2.2, of the connection that got further. */
  readonly state: State["name"];
  /** When it came into this state. */
  readonly since: Date;
  /** The addresses of the connection that is used. */
  readonly local?: { readonly address: IpAddress; readonly port: number };
  readonly negotiated?: Negotiated;
  /** Why the last NOTIFICATIONs were sent and received, and what TCP said of the last attempt or connection. */
  readonly sent?: Notified;
  readonly received?: Notified;
  readonly tcp?: Said & { readonly reason: FailureReason };
  /** Times that an established session was lost. */
  readonly flaps: number;
  /** When the rest after a failure ends. */
  readonly restsUntil?: Date;
  /** Prefixes that the peer has told, and those of them from before its restart. */
  readonly receivedPrefixes: number;
  readonly stalePrefixes: number;
  /** Prefixes that its update group is told: without what it told itself, that is what the peer is told. */
  readonly toldPrefixes: number;
  /** Octets that wait for the peer to read. */
  readonly waitingOctets: number;
  readonly counters: SessionCounters;
  /** What is wrong with the configuration or the peers, in words: duplicates of addresses and router ids. */
  readonly problems: readonly string[];
}

export interface ListenerStatus {
  readonly family: Family;
  readonly address?: IpAddress;
  readonly port: number;
  /** Why it does not listen. */
  readonly failure?: string;
}

export interface SpeakerStatus {
  readonly sessions: readonly SessionStatus[];
  /** Of all sessions, those that are configured no longer included. */
  readonly totals: SessionTotals;
  readonly listeners: readonly ListenerStatus[];
  /** Connections from addresses that are no peer's. */
  readonly strangers: { readonly count: number; readonly last?: IpAddress };
  /** RFC 4724 section 4.1: routes are not chosen yet, since these sessions have not told theirs. */
  readonly waitsFor: readonly string[];
  /** Of sessions that are configured no longer: how many of their prefixes are kept, and for how long at most. */
  readonly retired: readonly RetiredStatus[];
}

export interface RetiredStatus {
  readonly session: string;
  readonly prefixes: number;
  readonly seconds: number;
}

/** What the speaker asks of the host that it runs on. Answers may change: `nextHopChanged` says so. */
export interface Surroundings {
  /** RFC 4271 section 9.1.2.1: cost to a next hop; undefined: it cannot be reached. */
  costOf(nextHop: IpAddress): number | undefined;
  /** No route leads over the next hop any more; when one does again, its cost is asked for again. */
  nextHopUnused?(nextHop: IpAddress): void;
  isOwnAddress(address: IpAddress): boolean;
  /** Next hop for routes of a family that the session itself does not run over. */
  ownAddress(family: Family): IpAddress | undefined;
}
