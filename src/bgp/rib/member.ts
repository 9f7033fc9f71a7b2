/** A session as a member of an update group: its place in what the group has told. */
import type { Family } from "../../ip/address.ts";
import type { CatchUp } from "./catch-up.ts";
import type { ChangeBatch } from "./change-batch.ts";
import type { Peer } from "./peer.ts";
import { type Batch, silence } from "./types.ts";

export class Member {
  readonly peer: Peer;
  /** Made and not yet taken; the batches are shared with the other members. */
  queue: ChangeBatch[] = [];
  /** Undefined: with the queue it has all that the group has told. */
  catchUp: CatchUp | undefined = undefined;
  /** Not sent yet. A refresh that is asked for before waits in `#asked` (RFC 7313 section 4). */
  readonly #endOfRib = new Set<Family>();
  readonly #asked = new Set<Family>();
  readonly #refreshing = new Set<Family>();
  readonly #refreshed = new Set<Family>();

  constructor(peer: Peer) {
    this.peer = peer;
    for (const family of peer.session.families) this.#endOfRib.add(family);
  }

  /** It asks to hear the family again: whether all of it is to be told anew now, and not later, or anyway. */
  asks(family: Family): boolean {
    if (this.#refreshing.has(family)) return false;
    if (this.#endOfRib.size > 0) {
      this.#asked.add(family);
      return false;
    }
    this.#refreshing.add(family);
    this.#refreshed.add(family);
    return true;
  }

  /** The marks of refreshes that begin, before anything else; undefined: none. */
  takeBegun(): Batch | undefined {
    if (this.#refreshing.size === 0) return undefined;
    return { ...silence, refreshing: taken(this.#refreshing) };
  }

  /** The marks that are due once it has been sent everything; undefined: none. */
  takeMarks(): Batch | undefined {
    if (this.#endOfRib.size + this.#refreshed.size === 0) return undefined;
    const [endOfRib, refreshed] = [taken(this.#endOfRib), taken(this.#refreshed)];
    return { ...silence, endOfRib, refreshed };
  }

  /** Families that it asked for while its End-of-RIB was not sent. */
  takeAsked(): readonly Family[] {
    return taken(this.#asked);
  }
}

function taken(families: Set<Family>): readonly Family[] {
  const all = [...families];
  families.clear();
  return all;
}
