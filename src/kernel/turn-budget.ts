/**
 * How long one stretch of work may keep the event loop: less than half of the budget of a turn (DESIGN 4), the rest is
 * others'. Measured by the clock on the wall, which is cheap to read and never less than the CPU time of this thread.
 */
import type { Clock, Millis } from "../port/clock.ts";

const SLICE_MS: Millis = 8;

export class TurnBudget {
  readonly #clock: Clock;
  readonly #sliceMs: Millis;
  #start: Millis;

  /** Begins with a whole slice. */
  constructor(clock: Clock, sliceMs: Millis = SLICE_MS) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#start = clock.now();
  }

  /** Whether the slice is used up. */
  get isSpent(): boolean {
    return this.#clock.now() - this.#start >= this.#sliceMs;
  }

  /** Lets others have their turns, and begins a new slice. */
  async rest(): Promise<void> {
    await this.#clock.yield();
    this.#start = this.#clock.now();
  }
}
