/**
 * Code that runs for the first time is slow: V8 compiles what it has seen run for a while, and of a first table of 10,000
 * routes that takes most of the time. So a router plays tables through while it waits for its peers: speakers of the same
 * code and surroundings take them in from a peer that is played. Nothing leaves the process.
 */
import { acceptAll } from "../../bgp/filter/types.ts";
import { type Family, formatAddress, ipv4Of } from "../../ip/address.ts";
import type { Log } from "../../port/log.ts";
import { Speaker, type SpeakerDeps } from "../speaker.ts";
import { madeUpTable } from "./made-up-table.ts";
import { BGP_PORT, Stage } from "./stage.ts";

/** Of 192.0.2.0/24 (RFC 5737); AS 64496 (RFC 5398). */
const OWN = ipv4Of(0xc000_0201);
const PEER = ipv4Of(0xc000_0202);
const ASN = 64496;
const HOLD_SECONDS = 90;

/** Several speakers, one after the other: code that has met one alone is compiled for that one. */
const PERFORMANCES = 6;
/** Of each family in each performance: a multiple of three. */
export const REHEARSED_ROUTES = 4_998;
/** On a machine that is too slow for it, it ends after so long. */
const MOST_MS = 2_000;
/** What TCP hands over at most at a time, in Node. */
const PIECE_OCTETS = 1 << 16;

export type RehearsalDeps = Omit<SpeakerDeps, "transport" | "log" | "deferralSeconds">;

/**
 * Some tenths of a second of CPU in turns of some milliseconds, for routes of these families; ends early once `isWanted` says no.
 * Returns the routes that were chosen, in all performances together.
 */
export async function rehearse(
  deps: RehearsalDeps,
  families: readonly Family[],
  isWanted: () => boolean,
): Promise<number> {
  const tables: Uint8Array[] = [];
  for (const family of families) {
    tables.push(madeUpTable(family, REHEARSED_ROUTES));
    await deps.clock.yield();
  }
  const endMs = deps.clock.now() + MOST_MS;
  const goesOn = (): boolean => isWanted() && deps.clock.now() < endMs;
  let chosen = 0;
  for (let at = 0; at < PERFORMANCES && goesOn(); at++) chosen += await perform(deps, families, tables, goesOn);
  return chosen;
}

async function perform(
  deps: RehearsalDeps,
  families: readonly Family[],
  tables: readonly Uint8Array[],
  goesOn: () => boolean,
): Promise<number> {
  const stage = new Stage();
  const speaker = new Speaker({ ...deps, transport: stage, log: unheard });
  const session = sessionFor(families);
  const whole = REHEARSED_ROUTES * tables.length;
  let chosen = 0;
  speaker.onBest((changes) => {
    chosen += changes.length;
  });
  try {
    speaker.configure({
      localAs: ASN,
      routerId: OWN,
      listen: { port: BGP_PORT },
      sessions: new Map([[session.name, session]]),
      originated: new Map(),
    });
    const open = {
      asn: ASN,
      holdTimeSeconds: HOLD_SECONDS,
      capabilities: [
        { kind: "fourOctetAs", asn: ASN } as const,
        ...families.map((family) => ({ kind: "multiprotocol", family }) as const),
      ],
    };
    const peer = stage.enter(PEER, OWN, open);
    for (const table of tables) {
      for (let at = 0; at < table.length; at += PIECE_OCTETS) peer.say(table.slice(at, at + PIECE_OCTETS));
    }
    const received = (): number => speaker.status().sessions[0]?.receivedPrefixes ?? 0;
    // A next hop of the table may be one of this host's own: its routes are taken in, and not chosen.
    for (let before = -1; goesOn() && (chosen !== before || received() < whole); ) {
      before = chosen;
      await deps.clock.yield();
    }
    return chosen;
  } finally {
    speaker.close("shutdown");
  }
}

const sessionFor = (families: readonly Family[]) =>
  ({
    name: formatAddress(PEER),
    peer: { address: PEER, port: BGP_PORT, asn: ASN },
    localAs: ASN,
    passive: true,
    families,
    holdTimeSeconds: HOLD_SECONDS,
    connectRetrySeconds: HOLD_SECONDS,
    isReflectorClient: true,
    nextHop: "keep",
    allowedOwnAs: 0,
    importFilter: acceptAll,
    exportFilter: acceptAll,
  }) as const;

const unheard: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => unheard,
};
