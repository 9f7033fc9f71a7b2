/**
 * What two OPENs make of a session: the OPEN that we send, whether the peer's is acceptable (RFC 4271 section 6.2), and what
 * both together allow (RFC 5492). Pure.
 */
import type { Family, Ipv4 } from "../../ip/address.ts";
import { formatAddress } from "../../ip/address.ts";
import type { SessionConfig } from "../config.ts";
import { notification } from "../message/errors.ts";
import { ErrorCode, OpenError } from "../message/iana.ts";
import type { Asn, Capability, Notification, Open } from "../message/types.ts";

/** What a machine knows of itself: the session as configured, and the speaker that it belongs to. */
export interface LocalFacts {
  readonly session: SessionConfig;
  readonly routerId: Ipv4;
  /** Whether this machine dials: not where the session is passive, nor where it exists for one connection of the peer's. */
  readonly dials: boolean;
  /** From a dial that failed to the next. */
  readonly redialSeconds: number;
  /** RFC 4724 section 3: this speaker has restarted and keeps forwarding state of these families. */
  readonly restart: { readonly isRestarting: boolean; readonly forwarding: readonly Family[] };
}

export interface Negotiated {
  /** Both speak them, ours in our order. */
  readonly families: readonly Family[];
  /** The smaller of both, 0 for none. */
  readonly holdTimeSeconds: number;
  /** 0 for none. */
  readonly keepaliveSeconds: number;
  readonly peerAs: Asn;
  readonly peerRouterId: Ipv4;
  readonly fourOctetAs: boolean;
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  readonly extendedMessage: boolean;
  /** What the peer said of its restarts, when we do graceful restart too. */
  readonly gracefulRestart?: GracefulRestart;
}

export type GracefulRestart = Extract<Capability, { kind: "gracefulRestart" }>;

/** RFC 4271 section 4.2: neither is one second or two. */
const LEAST_HOLD_SECONDS = 3;
const VERSION = 4;
/** RFC 4724 section 3: twelve bits. */
const MOST_RESTART_SECONDS = 4095;

export function openOf({ session, routerId, restart }: LocalFacts): Open {
  return {
    type: "open",
    version: VERSION,
    asn: session.localAs,
    holdTimeSeconds: session.holdTimeSeconds,
    routerId,
    capabilities: [
      ...session.families.map((family): Capability => ({ kind: "multiprotocol", family })),
      { kind: "routeRefresh" },
      { kind: "enhancedRouteRefresh" },
      { kind: "fourOctetAs", asn: session.localAs },
      { kind: "extendedMessage" },
      ...gracefulOf(session, restart),
    ],
  };
}

function gracefulOf(session: SessionConfig, restart: LocalFacts["restart"]): Capability[] {
  if (session.restartTimeSeconds === undefined) return [];
  const families = session.families.map((family) => ({ family, isForwarding: restart.forwarding.includes(family) }));
  const restartTimeSeconds = Math.min(session.restartTimeSeconds, MOST_RESTART_SECONDS);
  return [
    { kind: "gracefulRestart", isRestarting: restart.isRestarting, notification: true, restartTimeSeconds, families },
  ];
}

export type Judgement =
  | { readonly isAccepted: true; readonly negotiated: Negotiated }
  | { readonly isAccepted: false; readonly answer: Notification; readonly why: string };

const refuse = (subcode: number, why: string, data?: Uint8Array): Judgement => ({
  isAccepted: false,
  answer: notification(ErrorCode.openMessage, subcode, data),
  why,
});

/** RFC 4271 section 6.2, in its order. */
export function judgeOpen(open: Open, facts: LocalFacts): Judgement {
  const { session, routerId } = facts;
  if (open.version !== VERSION) {
    return refuse(
      OpenError.unsupportedVersion,
      `the peer speaks BGP version ${open.version}, not ${VERSION}`,
      new Uint8Array([0, VERSION]),
    );
  }
  if (open.asn !== session.peer.asn) {
    return refuse(OpenError.badPeerAs, `the peer says that its AS is ${open.asn}, configured is ${session.peer.asn}`);
  }
  if (open.holdTimeSeconds !== 0 && open.holdTimeSeconds < LEAST_HOLD_SECONDS) {
    return refuse(
      OpenError.unacceptableHoldTime,
      `the peer asks for a hold time of ${open.holdTimeSeconds} s; it is 0, or 3 at least`,
    );
  }
  // RFC 6286 section 2.2: an id must not be zero, nor ours inside of one AS.
  if (open.routerId === 0) return refuse(OpenError.badIdentifier, "the peer's router id is 0.0.0.0");
  if (open.routerId === routerId && open.asn === session.localAs) {
    return refuse(
      OpenError.badIdentifier,
      `the peer has our own router id ${formatAddress(routerId)}: two routers of one AS need two ids`,
    );
  }
  const negotiated = negotiate(open, session);
  if (negotiated.families.length === 0) {
    return refuse(
      OpenError.unsupportedCapability,
      `the peer speaks no address family of ours (${session.families.map((family) => `IPv${family}`).join(", ")})`,
      multiprotocolOctets(session.families),
    );
  }
  return { isAccepted: true, negotiated };
}

/** RFC 5492 section 5: the data lists the capabilities that were missed, as an OPEN would. RFC 4760 section 8. */
function multiprotocolOctets(families: readonly Family[]): Uint8Array {
  return Uint8Array.from(families.flatMap((family) => [1, 4, 0, family === 4 ? 1 : 2, 0, 1]));
}

function negotiate(open: Open, session: SessionConfig): Negotiated {
  const has = (kind: Capability["kind"]): boolean => open.capabilities.some((capability) => capability.kind === kind);
  const spoken = open.capabilities.flatMap((capability) =>
    capability.kind === "multiprotocol" ? [capability.family] : [],
  );
  // RFC 4760 section 8: who names no family speaks IPv4.
  const theirs: readonly Family[] = has("multiprotocol") ? spoken : [4];
  const holdTimeSeconds = Math.min(session.holdTimeSeconds, open.holdTimeSeconds);
  const third = Math.floor(holdTimeSeconds / 3);
  const graceful = open.capabilities.find((capability) => capability.kind === "gracefulRestart");
  return {
    families: session.families.filter((family) => theirs.includes(family)),
    holdTimeSeconds,
    keepaliveSeconds: holdTimeSeconds === 0 ? 0 : Math.min(session.keepaliveSeconds ?? third, third),
    peerAs: open.asn,
    peerRouterId: open.routerId,
    fourOctetAs: has("fourOctetAs"),
    routeRefresh: has("routeRefresh") || has("enhancedRouteRefresh"),
    enhancedRouteRefresh: has("enhancedRouteRefresh"),
    extendedMessage: has("extendedMessage"),
    ...(graceful && session.restartTimeSeconds !== undefined ? { gracefulRestart: graceful } : {}),
  };
}
