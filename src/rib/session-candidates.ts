/**
 * Sessions by the address and port that they lead to. Several may: a BGPPeer and the mirrored half of another, one beside
 * the mesh. The lowest rank is used, then the one whose name sorts first, so that the outcome does not depend on order.
 */
import { type SessionPiece, SessionRank } from "../compile/bgp/pieces.ts";
import type { CompileKey } from "../compile/keys.ts";
import { formatAddress } from "../ip/address.ts";

interface Entry {
  readonly source: CompileKey;
  readonly piece: SessionPiece;
}

export class SessionCandidates {
  readonly #byEnd = new Map<string, readonly Entry[]>();
  readonly #bySource = new Map<CompileKey, readonly SessionPiece[]>();

  /** What the source wants from now on, in place of what it wanted. */
  set(source: CompileKey, pieces: readonly SessionPiece[]): void {
    for (const piece of this.#bySource.get(source) ?? []) {
      const end = endOf(piece);
      const left = (this.#byEnd.get(end) ?? []).filter((entry) => entry.source !== source);
      if (left.length === 0) this.#byEnd.delete(end);
      else this.#byEnd.set(end, left);
    }
    for (const piece of pieces) {
      const end = endOf(piece);
      this.#byEnd.set(end, [...(this.#byEnd.get(end) ?? []), { source, piece }].sort(inPrecedence));
    }
    if (pieces.length === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, pieces);
  }

  /**
   * The sessions that are opened, by name, and those that are not since another leads to the same end or has its name (two
   * nodes of the mesh with one address and two ports); a mirrored half gives way without a word, save to one with another
   * node.
   */
  choose(): { readonly winners: ReadonlyMap<string, SessionPiece>; readonly conflicts: readonly string[] } {
    const winners = new Map<string, SessionPiece>();
    const conflicts: string[] = [];
    for (const [name, entries] of this.#byName()) {
      const [first, ...others] = entries.sort(inPrecedence);
      if (!first) continue;
      winners.set(name, first.piece);
      for (const other of others) conflicts.push(conflict(other, first));
    }
    return { winners, conflicts: [...conflicts, ...this.#sameEnds()] };
  }

  /** Those that are first at their ends: nearly always one a name. */
  #byName(): ReadonlyMap<string, Entry[]> {
    const byName = new Map<string, Entry[]>();
    for (const [first] of this.#byEnd.values()) {
      if (!first) continue;
      const { name } = first.piece.session;
      const there = byName.get(name);
      if (there) there.push(first);
      else byName.set(name, [first]);
    }
    return byName;
  }

  *#sameEnds(): Iterable<string> {
    for (const [first, ...others] of this.#byEnd.values()) {
      if (!first) continue;
      for (const other of others) if (isTold(other.piece, first.piece)) yield conflict(other, first);
    }
  }
}

/** A mirrored half beside another session with the same node is none; two nodes with one address are. */
const isTold = (loser: SessionPiece, winner: SessionPiece): boolean =>
  loser.rank !== SessionRank.reverse || (winner.node !== undefined && loser.node !== winner.node);

function conflict(loser: Entry, winner: Entry): string {
  const { address, port } = winner.piece.session.peer;
  const used = labelOf(winner.piece);
  return `${labelOf(loser.piece)} and ${used} both lead to ${formatAddress(address)} port ${port}: ${used} is used`;
}

const endOf = ({ session: { peer } }: SessionPiece): string => `${formatAddress(peer.address)} ${peer.port}`;

const labelOf = ({ about, node }: SessionPiece): string => (node === undefined ? about : `${about} with node ${node}`);

const inPrecedence = (a: Entry, b: Entry): number =>
  a.piece.rank - b.piece.rank || compareTexts(a.piece.about, b.piece.about) || compareTexts(a.source, b.source);

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
