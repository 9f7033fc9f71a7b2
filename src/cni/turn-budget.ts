/**
 * Keeps a burst of calls from filling one turn of the event loop: synchronous work of a call is begun only while the
 * turn has used little CPU, and waits for a later one otherwise.
 */
import type { Clock } from "../port/clock.ts";

/** Half of the budget of a turn: the work that is begun last must fit into the other half. */
const BUDGET_MICROS = 10_000;

export class TurnBudget {
  readonly #clock: Clock;
  #begunAt: number;
  #nextTurn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#begunAt = clock.cpuMicros();
  }

  /** Resolves at once while the turn has room, in a later turn otherwise. */
  async room(): Promise<void> {
    while (this.#clock.cpuMicros() - this.#begunAt > BUDGET_MICROS) {
      this.#nextTurn ??= this.#yield();
      await this.#nextTurn;
    }
  }

  async #yield(): Promise<void> {
    await this.#clock.yield();
    this.#begunAt = this.#clock.cpuMicros();
    this.#nextTurn = undefined;
  }
}
