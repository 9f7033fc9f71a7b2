/** Long loops in slices: other turns get their time in between. */
import type { Clock, Millis } from "../../port/clock.ts";

/** Well below the budget of a turn (20 ms), since what comes between two looks at the clock counts too. */
const SLICE_MS = 8;

export class Slices {
  readonly #clock: Clock;
  #began: Millis;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#began = clock.now();
  }

  get isOver(): boolean {
    return this.#clock.now() - this.#began >= SLICE_MS;
  }

  /** To be called when `isOver`: resolves in a later turn. */
  async next(): Promise<void> {
    await this.#clock.yield();
    this.#began = this.#clock.now();
  }
}
