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

/** What the tables say of a prefix. */
export interface Reach {
  /** Whether a route of ours leads to it. */
  leadsTo(prefix: Prefix): boolean;
  /** Who told it, and why that is not used, in words; undefined: nobody told it. */
  whyNot(prefix: Prefix): string | undefined;
}

/** A block is in the store before its node has told it: what is lost is looked at again after this. */
const TELLING_MS = 1_000;

export async function bgpDangers(
  { peers, retired }: BgpPeers,
  view: View,
  reach: Reach,
  clock: Pick<Clock, "yield" | "after">,
): Promise<Pick<Verification, "dangers" | "reports">> {
  let lost = await lostBlocks(view, reach, clock);
  if (lost.size > 0) {
    await new Promise<void>((resolve) => clock.after(TELLING_MS, resolve));
    lost = await lostBlocks(view, reach, clock);
  }
  const named = new Set(peers.flatMap(({ node, state }) => (state === UP || node === undefined ? [] : [node])));
  const untold = [...lost].filter(([node]) => !named.has(node));
  const dangers = [
    ...peers.flatMap((peer) => [
      ...stateOf(peer, lost, retired),
      ...peer.problems.map((why) => `${label(peer)}: ${why}`),
    ]),
    ...untold.map(([node, blocks]) => {
      const why = blocks[0] && reach.whyNot(blocks[0]);
      return `no route leads to ${few(blocks)} of node ${node}: ${why ?? untoldInWords(node, peers, view)}`;
    }),
  ];
  const isThere = new Set(peers.map(({ session }) => session));
  return { dangers, reports: retired.filter(({ session }) => !isThere.has(session)).map(retiredInWords) };
}

/** A cluster id makes a reflector, and takes a node out of the mesh. */
function untoldInWords(node: string, peers: readonly PeerState[], view: View): string {
  const untold = "nobody told it";
  if (peers.some((peer) => peer.node === node)) return untold;
  const [alone] = [view.local.node, node].filter((name) => view.nodes.get(name)?.clusterId !== undefined);
  if (alone === undefined) return untold;
  return `${untold}; the mesh leaves out node ${alone}, whose routeReflectorClusterID is set: it has the sessions of BGPPeers alone`;
}

const retiredInWords = ({ session, prefixes, seconds }: RetiredPeer): string =>
  `${session} is configured no longer: ${prefixesInWords(prefixes)} of it kept until others tell them, for ${seconds} s at most`;

const prefixesInWords = (count: number): string => `${count} ${count === 1 ? "prefix" : "prefixes"}`;

const UP = "Established";
/** Named one by one; of more, how many. */
const FEW = 3;

type Lost = ReadonlyMap<string, readonly Prefix[]>;

/** Blocks of other nodes that are to be reached by BGP, and are not, by node. */
async function lostBlocks(view: View, reach: Reach, clock: Pick<Clock, "yield">): Promise<Lost> {
  const lost = new Map<string, Prefix[]>();
  let seen = 0;
  for (const { cidr, owner } of view.blocks.values()) {
    if (++seen % SLICE === 0) await clock.yield();
    if (owner === undefined || owner === view.local.node || !view.nodes.has(owner)) continue;
    const pool = view.poolOf(cidr);
    if (pool?.vxlanMode !== "Never" || pool.disableBgpExport || reach.leadsTo(cidr)) continue;
    const blocks = lost.get(owner);
    if (blocks) blocks.push(cidr);
    else lost.set(owner, [cidr]);
  }
  return lost;
}

function stateOf(peer: PeerState, lost: Lost, retired: readonly RetiredPeer[]): readonly string[] {
  const { session, state, isUnanswered, why, received, stale, node } = peer;
  if (state === UP) {
    if (!isUnanswered) return [];
    const routes = prefixesInWords(received);
    return [`${label(peer)} does not answer: what goes over it may be lost; it told ${routes}, kept for the hold time`];
  }
  const gone = lost.get(node ?? "");
  // One that is configured otherwise now than when it told them.
  const kept = retired.find((one) => one.session === session);
  const time = kept ? `until others tell them, for ${kept.seconds} s at most` : "for its restart time";
  return [
    [
      `${label(peer)} is down (${state})${why === undefined ? "" : `: ${why}`}`,
      ...(stale > 0 ? [`of what it told before, ${prefixesInWords(stale)} kept ${time}`] : []),
      ...(gone ? [`no route leads to ${few(gone)}`] : []),
    ].join("; "),
  ];
}

const label = ({ session, node }: PeerState): string => (node === undefined ? session : `${session} (${node})`);

function few(blocks: readonly Prefix[]): string {
  const more = blocks.length - FEW;
  return `${blocks.slice(0, FEW).map(formatPrefix).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
