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

  *winners(): Iterable<SessionPiece> {
    for (const [first] of this.#byEnd.values()) if (first) yield first.piece;
  }

  /** Sessions that are not opened since another leads to the same end; a mirrored half gives way without a word. */
  *conflicts(): Iterable<string> {
    for (const [first, ...others] of this.#byEnd.values()) {
      for (const { piece } of others) {
        if (!first || piece.rank === SessionRank.reverse) continue;
        const { address, port } = piece.session.peer;
        const used = labelOf(first.piece);
        yield `${labelOf(piece)} and ${used} both lead to ${formatAddress(address)} port ${port}: ${used} is used`;
      }
    }
  }
}

const endOf = ({ session: { peer } }: SessionPiece): string => `${formatAddress(peer.address)} ${peer.port}`;

const labelOf = ({ about, node }: SessionPiece): string => (node === undefined ? about : `${about} with node ${node}`);

const inPrecedence = (a: Entry, b: Entry): number =>
  a.piece.rank - b.piece.rank || compareTexts(a.piece.about, b.piece.about) || compareTexts(a.source, b.source);

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
