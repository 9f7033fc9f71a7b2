/**
 * When calls begin: at most so many at once for one connection, so that a caller that asks for much and reads little
 * costs bounded memory; and no turn of the event loop begins more than its share, however many arrive at once.
 */
import type { Clock, Millis } from "../../port/clock.ts";

/** Calls of one connection that have begun and are not over. Enough for every group commit. */
const MAX_AT_ONCE = 128;
const SLICE_MS: Millis = 8;

export class CallGate {
  readonly #clock: Clock;
  readonly #activeBy = new WeakMap<object, number>();
  /** Held back by their connection's limit. */
  readonly #heldBy = new WeakMap<object, (() => void)[]>();
  /** Free to begin, when the turn has time. */
  #ready: (() => void)[] = [];
  #turnBegan: Millis | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `begin` now or in a later turn, in the order of each connection. `leave` must follow once the call is over. */
  enter(connection: object, begin: () => void): void {
    const active = this.#activeBy.get(connection) ?? 0;
    if (active >= MAX_AT_ONCE) {
      const held = this.#heldBy.get(connection);
      if (held) held.push(begin);
      else this.#heldBy.set(connection, [begin]);
      return;
    }
    this.#activeBy.set(connection, active + 1);
    if (this.#ready.length === 0 && this.#hasTime()) begin();
    else this.#ready.push(begin);
  }

  /** A call that entered is over. */
  leave(connection: object): void {
    const held = this.#heldBy.get(connection)?.shift();
    if (!held) {
      this.#activeBy.set(connection, (this.#activeBy.get(connection) ?? 1) - 1);
      return;
    }
    this.#ready.push(held);
    this.#beginReady();
  }

  /** Whether this turn, which the first call of it began, has time left. */
  #hasTime(): boolean {
    const now = this.#clock.now();
    if (this.#turnBegan === undefined) {
      this.#turnBegan = now;
      void this.#clock.yield().then(() => {
        this.#turnBegan = undefined;
        this.#beginReady();
      });
      return true;
    }
    return now - this.#turnBegan < SLICE_MS;
  }

  #beginReady(): void {
    let begun = 0;
    while (begun < this.#ready.length && this.#hasTime()) this.#ready[begun++]?.();
    if (begun > 0) this.#ready = this.#ready.slice(begun);
  }
}
