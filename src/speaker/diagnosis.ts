/**
 * Why a session is down, in the order in which it is worth looking: what was said last comes first, whoever said it. Pure;
 * what a session has seen is all that it knows, so each finding names what would show or mend it.
 */
import { CeaseReason, ErrorCode, OpenError } from "../bgp/message/iana.ts";
import { familyOf, formatAddress } from "../ip/address.ts";
import type { FailureReason } from "../port/bgp-transport.ts";
import type { ListenerStatus, Notified, SessionStatus } from "./types.ts";

export type FindingKind =
  | "refused"
  | "filtered"
  | "noRoute"
  | "wrongKey"
  | "noLocalAddress"
  | "dropped"
  | "wrongAs"
  | "badIdentifier"
  | "badOpen"
  | "silent"
  | "unanswered"
  | "administrative"
  | "tooManyPrefixes"
  | "protocolError"
  | "notListening"
  | "waiting"
  | "conflict";

export interface Finding {
  readonly kind: FindingKind;
  readonly what: string;
  readonly remedy: string;
}

/** None for an established session without problems. `isUnanswered`: its peer's host was asked, and answers nothing. */
export function diagnose(
  session: SessionStatus & { readonly isUnanswered?: boolean },
  listeners: readonly ListenerStatus[],
): readonly Finding[] {
  const conflicts = session.problems.map((what) =>
    finding("conflict", what, "give each node an address and a router id of its own"),
  );
  if (session.state === "established") return session.isUnanswered ? [vanished(session), ...conflicts] : conflicts;
  const told = lastTold(session);
  const deaf = notListening(session, listeners);
  if (told.length === 0 && deaf.length === 0 && conflicts.length === 0) return [waiting(session)];
  return [...told, ...deaf, ...conflicts];
}

function vanished({ peer }: SessionStatus): Finding {
  const address = formatAddress(peer.address);
  const remedy = `look whether ${address} runs and is reached ('ping ${address}'); what it told is used until the hold time is over`;
  return finding("unanswered", "its host answers nothing at this moment", remedy);
}

const finding = (kind: FindingKind, what: string, remedy: string): Finding => ({ kind, what, remedy });

/** A speaker that has refused another rests, and hangs up meanwhile without a word: for a minute at most, and a dial comes late. */
const REST_MS = 120_000;

/** The newest of what either side has said. Older ones are shown beside it; they need not be true any more. */
function lastTold(session: SessionStatus): readonly Finding[] {
  const { sent, received, tcp } = session;
  const notified = Math.max(sent?.monotonicMs ?? -Infinity, received?.monotonicMs ?? -Infinity);
  const isWordless = tcp?.reason === "closed" || tcp?.reason === "reset";
  const said = [
    ...(tcp && !(isWordless && tcp.monotonicMs - notified < REST_MS)
      ? [{ at: tcp.monotonicMs, found: () => byTcp(tcp.reason, tcp.message, session) }]
      : []),
    ...(sent ? [{ at: sent.monotonicMs, found: () => byNotification(sent, "this node", session) }] : []),
    ...(received ? [{ at: received.monotonicMs, found: () => byNotification(received, "the peer", session) }] : []),
  ];
  // A NOTIFICATION is followed by the end of its connection, which says nothing new: of one moment the later row counts.
  const last = said.toSorted((a, b) => a.at - b.at).at(-1);
  return last ? [last.found()] : [];
}

const tcpKinds: Readonly<Record<FailureReason, FindingKind>> = {
  refused: "refused",
  unreachable: "noRoute",
  timedOut: "filtered",
  wrongKey: "wrongKey",
  reset: "dropped",
  closed: "dropped",
  noLocalAddress: "noLocalAddress",
  other: "dropped",
};

function byTcp(reason: FailureReason, what: string, { peer, localAs, flaps }: SessionStatus): Finding {
  const address = formatAddress(peer.address);
  const stranger = `configure this node as a neighbour there, with AS ${localAs} and the address that it dials from`;
  const gone = `it was up before: look whether the speaker of ${address} runs, and at its log`;
  const remedies: Readonly<Record<FailureReason, string>> = {
    refused: `start the BGP speaker of ${address}, or set the port that it listens on (BGPPeer peerIP ADDRESS:PORT, listenPort)`,
    unreachable: `'ip route get ${address}' shows what the kernel knows of the way`,
    timedOut: `open TCP port ${peer.port} between both hosts, in both directions; 'tcpdump -n host ${address} and tcp port ${peer.port}' on both ends shows where it is lost`,
    wrongKey: "set the same password on both ends, or none on both; the session waits for no restart",
    reset: flaps > 0 ? gone : stranger,
    closed: flaps > 0 ? gone : stranger,
    noLocalAddress: "set sourceAddress None in the BGPPeer, or mend spec.bgp of the Node",
    other: "the agent's log has more",
  };
  return finding(tcpKinds[reason], what, remedies[reason]);
}

function byNotification({ code, subcode, message }: Notified, who: string, session: SessionStatus): Finding {
  const what = `${who} ended it: ${message}`;
  const { peer, localAs } = session;
  switch (code) {
    case ErrorCode.openMessage:
      return byOpenError(subcode, what, session);
    case ErrorCode.holdTimerExpired:
    case ErrorCode.sendHoldTimerExpired:
      return finding(
        "silent",
        what,
        `messages are lost or late: try 'ping -M do -s 1472 ${formatAddress(peer.address)}' for the MTU, and look at the load of both hosts`,
      );
    case ErrorCode.cease:
      return byCease(subcode, what, session);
    default:
      return finding(
        "protocolError",
        what,
        `one side breaks the protocol (AS ${localAs} to AS ${peer.asn}): report it with 'ocicat bgp log'`,
      );
  }
}

function byOpenError(subcode: number, what: string, { peer, localAs }: SessionStatus): Finding {
  if (subcode === OpenError.badPeerAs) {
    const remedy = `this node says AS ${localAs} and expects AS ${peer.asn}: make both ends' configurations agree (BGPPeer asNumber, Node spec.bgp.asNumber, BGPConfiguration asNumber)`;
    return finding("wrongAs", what, remedy);
  }
  if (subcode === OpenError.badIdentifier)
    return finding("badIdentifier", what, "two speakers have one router id: set CALICO_ROUTER_ID on one of them");
  return finding("badOpen", what, "the two ends ask for what the other cannot do: compare hold times and capabilities");
}

function byCease(subcode: number, what: string, { peer }: SessionStatus): Finding {
  if (subcode === CeaseReason.maximumPrefixes)
    return finding("tooManyPrefixes", what, "raise the limit, or filter what is told");
  const rejected = subcode === CeaseReason.connectionRejected || subcode === CeaseReason.peerDeconfigured;
  const remedy = rejected
    ? `configure this session on ${formatAddress(peer.address)} too`
    : `it comes again when ${formatAddress(peer.address)} allows it`;
  return finding("administrative", what, remedy);
}

function notListening({ peer }: SessionStatus, listeners: readonly ListenerStatus[]): readonly Finding[] {
  const mine = listeners.filter(({ family, failure }) => family === familyOf(peer.address) && failure !== undefined);
  return mine.map(({ port, failure }) =>
    finding(
      "notListening",
      `this node does not listen on port ${port}: ${failure}`,
      `end what holds the port ('ss -ltnp sport = :${port}' names it), or set listenPort in BGPConfiguration`,
    ),
  );
}

const waiting = ({ passive, peer }: SessionStatus): Finding =>
  passive
    ? finding(
        "waiting",
        `it waits for ${formatAddress(peer.address)} to dial, and nothing has come from there yet`,
        "look at the other end, which is the one that dials: 'ocicat bgp explain' there says what stops it",
      )
    : finding("waiting", `it is on its way to ${formatAddress(peer.address)}`, "wait some seconds");
