/**
 * Where the older rows of each key lie in the log. A queue holds every row that was superseded, in the order in which that
 * happened, which is the order in which compaction may remove them.
 */
import type { Item } from "./item.ts";
import type { Entry } from "./key-index.ts";

export class KeyState implements Entry {
  readonly key: string;
  item: Item | undefined;
  /** Positions of the rows before the current item, in order; negative for a deletion. Undefined: none. */
  older: number[] | undefined;

  constructor(key: string) {
    this.key = key;
  }

  get isLive(): boolean {
    return this.item !== undefined;
  }

  /** The last older row before a position, negative for a deletion; 0 when there is none. */
  lastBefore(position: number): number {
    const rows = this.older ?? [];
    let at = rows.length - 1;
    while (at >= 0 && Math.abs(rows[at] ?? 0) >= position) at--;
    return rows[at] ?? 0;
  }
}

interface Superseded {
  readonly state: KeyState;
  readonly sequence: number;
  /** The revision that ended it. */
  readonly at: number;
}

/** Rows that were taken off the front of the queue are dropped from memory once they are many, and most of it. */
const FEW = 1_000;

export class KeyHistory {
  #queue: Superseded[] = [];
  #front = 0;

  /** The current item, if any, becomes an older row. */
  supersede(state: KeyState, at: number): void {
    if (state.item) this.#push(state, state.item.sequence, at);
  }

  /** The row of a deletion is an older row from the start. */
  bury(state: KeyState, sequence: number, at: number): void {
    this.#push(state, -sequence, at);
  }

  #push(state: KeyState, row: number, at: number): void {
    if (state.older) state.older.push(row);
    else state.older = [row];
    this.#queue.push({ state, sequence: Math.abs(row), at });
  }

  /** Takes back what was pushed last, which was of this key. */
  undo(state: KeyState): void {
    this.#queue.pop();
    state.older?.pop();
    if (state.older?.length === 0) state.older = undefined;
  }

  /** Takes the oldest row off, if it was superseded before a revision. */
  takeBefore(revision: number): Superseded | undefined {
    const oldest = this.#queue[this.#front];
    if (!oldest || oldest.at >= revision) return undefined;
    this.#front++;
    const { state } = oldest;
    state.older?.shift();
    if (state.older?.length === 0) state.older = undefined;
    if (this.#front > FEW && this.#front * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#front);
      this.#front = 0;
    }
    return oldest;
  }
}
