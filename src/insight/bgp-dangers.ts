/**
 * What `verify` says of BGP: routes may be in the kernel as they shall be, and lead nowhere, since the peer that told them has
 * vanished; or be missing, since nobody told them. Changes nothing.
 */
import type { View } from "../compile/view.ts";
import { formatPrefix, type Prefix } from "../ip/prefix.ts";
import type { Clock } from "../port/clock.ts";
import { SLICE, type Verification } from "./verify.ts";

export interface PeerState {
  readonly session: string;
  /** The node that has the peer's address. */
  readonly node?: string;
  /** RFC 4271 section 8.2.2, `Established` and its like. */
  readonly state: string;
  /** Established, and the peer's host acknowledges nothing. */
  readonly isUnanswered: boolean;
  /** What keeps it down. */
  readonly why?: string;
  /** Prefixes that it has told, and those of them from before it was lost. */
  readonly received: number;
  readonly stale: number;
  /** Conflicts with other sessions. */
  readonly problems: readonly string[];
}

/** A session that is configured no longer, and of which something is kept. */
export interface RetiredPeer {
  readonly session: string;
  readonly prefixes: number;
  /** For so long at most. */
  readonly seconds: number;
}

export interface BgpPeers {
  readonly peers: readonly PeerState[];
  readonly retired: readonly RetiredPeer[];
}

/** `leadsTo`: whether a route of ours leads to a prefix. */
export async function bgpDangers(
  { peers, retired }: BgpPeers,
  view: View,
  leadsTo: (prefix: Prefix) => boolean,
  clock: Pick<Clock, "yield">,
): Promise<Pick<Verification, "dangers" | "reports">> {
  const lost = await lostBlocks(view, leadsTo, clock);
  const dangers = peers.flatMap((peer) => [
    ...stateOf(peer, lost),
    ...peer.problems.map((why) => `${label(peer)}: ${why}`),
  ]);
  const named = new Set(peers.flatMap(({ node, state }) => (state === UP || node === undefined ? [] : [node])));
  const reports = [...lost].flatMap(([node, blocks]) =>
    named.has(node) ? [] : [`no route leads to ${few(blocks)} of node ${node}: nobody told it`],
  );
  return { dangers, reports: [...reports, ...retired.map(retiredInWords)] };
}

const retiredInWords = ({ session, prefixes, seconds }: RetiredPeer): string =>
  `${session} is configured no longer: ${prefixesInWords(prefixes)} of it kept until others tell them, for ${seconds} s at most`;

const prefixesInWords = (count: number): string => `${count} ${count === 1 ? "prefix" : "prefixes"}`;

const UP = "Established";
/** Named one by one; of more, how many. */
const FEW = 3;

/** Blocks of other nodes that are to be reached by BGP, and are not, by node. */
async function lostBlocks(
  view: View,
  leadsTo: (prefix: Prefix) => boolean,
  clock: Pick<Clock, "yield">,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const lost = new Map<string, string[]>();
  let seen = 0;
  for (const { cidr, owner } of view.blocks.values()) {
    if (++seen % SLICE === 0) await clock.yield();
    if (owner === undefined || owner === view.local.node || !view.nodes.has(owner)) continue;
    const pool = view.poolOf(cidr);
    if (pool?.vxlanMode !== "Never" || pool.disableBgpExport || leadsTo(cidr)) continue;
    const blocks = lost.get(owner);
    if (blocks) blocks.push(formatPrefix(cidr));
    else lost.set(owner, [formatPrefix(cidr)]);
  }
  return lost;
}

function stateOf(peer: PeerState, lost: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const { state, isUnanswered, why, received, stale, node } = peer;
  if (state === UP) {
    if (!isUnanswered) return [];
    const routes = prefixesInWords(received);
    return [`${label(peer)} does not answer: what goes over it may be lost; it told ${routes}, kept for the hold time`];
  }
  const gone = lost.get(node ?? "");
  return [
    [
      `${label(peer)} is down (${state})${why === undefined ? "" : `: ${why}`}`,
      ...(stale > 0 ? [`${stale} of what it told before is kept for its restart time`] : []),
      ...(gone ? [`no route leads to ${few(gone)}`] : []),
    ].join("; "),
  ];
}

const label = ({ session, node }: PeerState): string => (node === undefined ? session : `${session} (${node})`);

function few(texts: readonly string[]): string {
  const more = texts.length - FEW;
  return `${texts.slice(0, FEW).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
