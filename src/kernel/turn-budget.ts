/** How long one stretch of work may keep the event loop: half of the budget of a turn (DESIGN 4), the rest is others'. */
import type { Clock } from "../port/clock.ts";

const SLICE_MICROS = 8_000;

export class TurnBudget {
  readonly #clock: Clock;
  #start: number;

  /** Begins with a whole slice. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#start = clock.cpuMicros();
  }

  /** Whether the slice is used up. */
  get isSpent(): boolean {
    return this.#clock.cpuMicros() - this.#start >= SLICE_MICROS;
  }

  /** Lets others have their turns, and begins a new slice. */
  async rest(): Promise<void> {
    await this.#clock.yield();
    this.#start = this.#clock.cpuMicros();
  }
}
