/** A session as a member of an update group: its place in what the group has told. */
import type { Family } from "../../ip/address.ts";
import type { CatchUp } from "./catch-up.ts";
import type { ChangeBatch } from "./change-batch.ts";
import type { Peer } from "./peer.ts";
import type { Batch } from "./types.ts";

export class Member {
  readonly peer: Peer;
  /** Made and not yet taken; the batches are shared with the other members. */
  queue: ChangeBatch[] = [];
  /** Undefined: with the queue it has all that the group has told. */
  catchUp: CatchUp | undefined = undefined;
  readonly #endOfRib = new Set<Family>();
  readonly #refreshed = new Set<Family>();

  constructor(peer: Peer) {
    this.peer = peer;
    for (const family of peer.session.families) this.#endOfRib.add(family);
  }

  oweRefreshed(family: Family): void {
    this.#refreshed.add(family);
  }

  /** The marks that are due once it has been sent everything; undefined: none. */
  takeMarks(): Batch | undefined {
    if (this.#endOfRib.size + this.#refreshed.size === 0) return undefined;
    const marks: Batch = {
      withdrawn: [],
      announced: [],
      endOfRib: [...this.#endOfRib],
      refreshed: [...this.#refreshed],
    };
    this.#endOfRib.clear();
    this.#refreshed.clear();
    return marks;
  }
}
