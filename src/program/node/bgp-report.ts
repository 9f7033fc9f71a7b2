/** What an agent tells of its BGP sessions, and the table of peers that `node status` makes of it. */
import { type PeerRow, sinceText } from "../../ctl/node-status.ts";
import { familyOf, formatAddress } from "../../ip/address.ts";
import type { SessionStatus, SpeakerStatus } from "../../speaker/types.ts";

export interface BgpReport {
  readonly sessions: readonly BgpSessionReport[];
  readonly listeners: readonly { readonly address: string; readonly port: number; readonly failure?: string }[];
  /** Connections from addresses that are no peer's, since the start. */
  readonly strangers: { readonly count: number; readonly last?: string };
  /** Sessions that a restart waits for before routes are chosen. */
  readonly waitsFor: readonly string[];
  /** What keeps sessions from being. */
  readonly reports: readonly string[];
}

export interface BgpSessionReport {
  readonly name: string;
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
  readonly asn: number;
  /** RFC 4271 section 8.2.2, `Established` and its like. */
  readonly state: string;
  /** RFC 3339. */
  readonly since: string;
  /** What was said last: by a NOTIFICATION either way, or by TCP. */
  readonly lastError?: string;
  readonly flaps: number;
  readonly receivedPrefixes: number;
  readonly counters: SessionStatus["counters"];
  readonly problems: readonly string[];
}

export function bgpReport(
  { sessions, listeners, strangers, waitsFor }: SpeakerStatus,
  reports: readonly string[],
): BgpReport {
  return {
    sessions: sessions.map(sessionReport),
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
    reports,
  };
}

function sessionReport(session: SessionStatus): BgpSessionReport {
  const { name, peer, state, since, flaps, receivedPrefixes, counters, problems } = session;
  const lastError = lastErrorOf(session);
  return {
    name,
    family: familyOf(peer.address),
    address: formatAddress(peer.address),
    port: peer.port,
    asn: peer.asn,
    state: state.charAt(0).toUpperCase() + state.slice(1),
    since: since.toISOString(),
    ...(lastError === undefined ? {} : { lastError }),
    flaps,
    receivedPrefixes,
    counters,
    problems,
  };
}

function lastErrorOf({ sent, received, tcp }: SessionStatus): string | undefined {
  const all = [sent, received, tcp].filter((said) => said !== undefined);
  return all.sort((a, b) => b.at.getTime() - a.at.getTime())[0]?.message;
}

const TYPES = { Mesh: "node-to-node mesh", Node: "node specific", Global: "global" } as const;

/** BIRD's words: `up` for an established session, `start` for one that is on its way. */
export function peerRows({ sessions }: BgpReport, now: Date): readonly PeerRow[] {
  return sessions.map(({ name, family, address, state, since, lastError, problems }) => {
    const isUp = state === "Established";
    const why = isUp ? problems : [...problems, ...(lastError === undefined ? [] : [lastError])];
    return {
      family,
      address,
      type: TYPES[name.split("_")[0] as keyof typeof TYPES] ?? "global",
      state: isUp ? "up" : "start",
      since: sinceText(new Date(since), now),
      info: [state, ...why].join(": "),
    };
  });
}
