/** What an agent tells of its BGP sessions, and the table of peers that `node status` makes of it. */
import type { SpeakerConfig } from "../../bgp/config.ts";
import { familyName } from "../../bgp/message/family.ts";
import type { Negotiated } from "../../bgp/session/negotiate.ts";
import { type PeerRow, sinceText } from "../../ctl/node-status.ts";
import { familyOf, formatAddress, type IpAddress, tryParseAddress } from "../../ip/address.ts";
import { diagnose, type Finding } from "../../speaker/diagnosis.ts";
import type { ListenerStatus, Said, SessionStatus, SpeakerStatus } from "../../speaker/types.ts";

export interface BgpReport {
  /** RFC 3339: when the speaker began, and the moment of this report, by one clock. */
  readonly since: string;
  readonly now: string;
  /** When it was configured last, and its BGP Identifier since; left out: not yet. */
  readonly configuredAt?: string;
  readonly routerId?: string;
  readonly sessions: readonly BgpSessionReport[];
  readonly listeners: readonly { readonly address: string; readonly port: number; readonly failure?: string }[];
  /** Connections from addresses that are no peer's, since the start. */
  readonly strangers: { readonly count: number; readonly last?: string };
  /** Sessions that a restart waits for before routes are chosen. */
  readonly waitsFor: readonly string[];
  /** Routes of sessions that are configured no longer, and for how long they are kept at most. */
  readonly retired: SpeakerStatus["retired"];
  /** What keeps sessions from being. */
  readonly reports: readonly string[];
}

export interface BgpSessionReport {
  readonly name: string;
  /** The node that has the peer's address. */
  readonly node?: string;
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
  readonly asn: number;
  readonly localAs: number;
  readonly passive: boolean;
  /** RFC 4271 section 8.2.2, `Established` and its like. */
  readonly state: string;
  /** RFC 3339. */
  readonly since: string;
  /** What was said last: by a NOTIFICATION either way, or by TCP. */
  readonly lastError?: string;
  /** The last NOTIFICATION that this node sent and that the peer sent, and what TCP said last. */
  readonly sent?: SaidReport;
  readonly received?: SaidReport;
  readonly tcp?: SaidReport;
  /** What keeps it down, and what mends it. */
  readonly findings: readonly Finding[];
  /** Times that an established session was lost. */
  readonly flaps: number;
  /** RFC 3339: until then it rests after a failure. */
  readonly restsUntil?: string;
  /** Our end of the connection. */
  readonly localAddress?: string;
  readonly negotiated?: {
    readonly routerId: string;
    readonly holdTimeSeconds: number;
    readonly families: readonly string[];
    readonly capabilities: readonly string[];
  };
  readonly receivedPrefixes: number;
  readonly stalePrefixes: number;
  /** With what the peer told itself. */
  readonly toldPrefixes: number;
  readonly waitingOctets: number;
  readonly counters: SessionStatus["counters"];
  readonly problems: readonly string[];
}

/** Whether a session is the one that is meant by its name, by the peer's address, or by the name of its node. */
export function isSessionTo(peer: string): (session: Pick<BgpSessionReport, "name" | "address" | "node">) => boolean {
  const parsed = tryParseAddress(peer);
  const text = parsed === undefined ? undefined : formatAddress(parsed);
  return ({ name, address, node }) => name === peer || address === text || node === peer;
}

export interface SaidReport {
  /** RFC 3339. */
  readonly at: string;
  readonly message: string;
}

export interface BgpSurroundings {
  readonly since: Date;
  readonly now: Date;
  readonly configured: { readonly at: Date; readonly config: SpeakerConfig } | undefined;
  /** What keeps sessions from being. */
  readonly reports: readonly string[];
  /** The names of the nodes that have an address, sorted. */
  readonly nodesAt: (address: IpAddress) => readonly string[];
  /** Names of established sessions whose peers' hosts answered nothing when they were asked; left out: nobody asked. */
  readonly unanswered?: ReadonlySet<string>;
}

export function bgpReport(
  { sessions, listeners, strangers, waitsFor, retired }: SpeakerStatus,
  { since, now, configured, reports, nodesAt, unanswered }: BgpSurroundings,
): BgpReport {
  return {
    since: since.toISOString(),
    now: now.toISOString(),
    ...(configured
      ? { configuredAt: configured.at.toISOString(), routerId: formatAddress(configured.config.routerId) }
      : {}),
    sessions: sessions.map((session) =>
      sessionReport(session, {
        listeners,
        nodes: nodesAt(session.peer.address),
        isUnanswered: unanswered?.has(session.name) ?? false,
      }),
    ),
    listeners: listeners.map(({ address, family, port, failure }) => ({
      address: address === undefined ? (family === 4 ? "0.0.0.0" : "::") : formatAddress(address),
      port,
      ...(failure === undefined ? {} : { failure }),
    })),
    strangers: {
      count: strangers.count,
      ...(strangers.last === undefined ? {} : { last: formatAddress(strangers.last) }),
    },
    waitsFor,
    retired,
    reports,
  };
}

interface SessionSurroundings {
  readonly listeners: readonly ListenerStatus[];
  readonly nodes: readonly string[];
  readonly isUnanswered: boolean;
}

function sessionReport(
  session: SessionStatus,
  { listeners, nodes, isUnanswered }: SessionSurroundings,
): BgpSessionReport {
  const [node] = nodes;
  const problems = [...session.problems, ...twins(nodes, session.peer.address)];
  const { name, peer, localAs, passive, state, since, sent, received, tcp, negotiated } = session;
  const lastError = lastErrorOf(session);
  return {
    name,
    ...(node === undefined ? {} : { node }),
    family: familyOf(peer.address),
    address: formatAddress(peer.address),
    port: peer.port,
    asn: peer.asn,
    localAs,
    passive,
    state: state.charAt(0).toUpperCase() + state.slice(1),
    since: since.toISOString(),
    ...(lastError === undefined ? {} : { lastError }),
    ...(sent ? { sent: saidReport(sent) } : {}),
    ...(received ? { received: saidReport(received) } : {}),
    ...(tcp ? { tcp: saidReport(tcp) } : {}),
    findings: diagnose({ ...session, problems, isUnanswered }, listeners),
    flaps: session.flaps,
    ...(session.restsUntil ? { restsUntil: session.restsUntil.toISOString() } : {}),
    ...(session.local ? { localAddress: formatAddress(session.local.address) } : {}),
    ...(negotiated ? { negotiated: negotiatedReport(negotiated) } : {}),
    receivedPrefixes: session.receivedPrefixes,
    stalePrefixes: session.stalePrefixes,
    toldPrefixes: session.toldPrefixes,
    waitingOctets: session.waitingOctets,
    counters: session.counters,
    problems,
  };
}

const twins = (nodes: readonly string[], address: IpAddress): readonly string[] =>
  nodes.length < 2
    ? []
    : [
        `nodes ${nodes.join(" and ")} have one address, ${formatAddress(address)}: what is sent there reaches one of them`,
      ];

const saidReport = ({ at, message }: Said): SaidReport => ({ at: at.toISOString(), message });

function negotiatedReport(negotiated: Negotiated): NonNullable<BgpSessionReport["negotiated"]> {
  const { peerRouterId, holdTimeSeconds, families, fourOctetAs, routeRefresh, enhancedRouteRefresh } = negotiated;
  const { extendedMessage, gracefulRestart } = negotiated;
  return {
    routerId: formatAddress(peerRouterId),
    holdTimeSeconds,
    families: families.map(familyName),
    capabilities: [
      ...(fourOctetAs ? ["four-octet AS"] : []),
      ...(routeRefresh ? ["route refresh"] : []),
      ...(enhancedRouteRefresh ? ["enhanced route refresh"] : []),
      ...(extendedMessage ? ["extended message"] : []),
      ...(gracefulRestart ? [`graceful restart ${gracefulRestart.restartTimeSeconds} s`] : []),
    ],
  };
}

function lastErrorOf({ sent, received, tcp }: SessionStatus): string | undefined {
  const all = [sent, received, tcp].filter((said) => said !== undefined);
  return all.sort((a, b) => b.monotonicMs - a.monotonicMs)[0]?.message;
}

const TYPES = { Mesh: "node-to-node mesh", Node: "node specific", Global: "global", Local: "local workload" } as const;

/** calicoctl's word for what a session is there for, from its name. */
export const sessionType = ({ name }: Pick<BgpSessionReport, "name">): string =>
  TYPES[name.split("_")[0] as keyof typeof TYPES] ?? "global";

/** BIRD's words: `up` for an established session, `start` for one that is on its way. */
export function peerRows({ sessions }: BgpReport, now: Date): readonly PeerRow[] {
  return sessions.map((session) => {
    const { family, address, state, since, lastError, problems } = session;
    const isUp = state === "Established";
    const why = isUp ? problems : [...problems, ...(lastError === undefined ? [] : [lastError])];
    return {
      family,
      address,
      type: sessionType(session),
      state: isUp ? "up" : "start",
      since: sinceText(new Date(since), now),
      info: [state, ...why].join(" "),
      asn: session.asn,
      node: session.node ?? "",
      receivedPrefixes: session.receivedPrefixes,
      flaps: session.flaps,
    };
  });
}
