/**
 * Long work shares one lane: all of it together gets one slice of every turn of the event loop, whoever does it and
 * however many do. What has had the fewest slices goes first, so that short work is not held up by long work.
 */
import type { Clock, Millis } from "../port/clock.ts";

/** A quarter of the budget of a turn: commits and sockets need the rest. */
const SLICE_MS: Millis = 5;

interface Waiter {
  readonly slices: number;
  readonly go: () => void;
}

export class Lane {
  readonly #clock: Clock;
  readonly #waiting: Waiter[] = [];
  /** When the slice of this turn began; undefined in a turn that has had none. */
  #began: Millis | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the slice of this turn is used up: then `next` is to be awaited. */
  get isOver(): boolean {
    const now = this.#clock.now();
    if (this.#began === undefined) {
      this.#began = now;
      void this.#run();
    }
    return now - this.#began >= SLICE_MS;
  }

  /** Resolves in a later turn whose slice it is; `slices`: how many the caller has had. */
  next(slices: number): Promise<void> {
    return new Promise((go) => {
      this.#waiting.push({ slices, go });
      if (this.#began !== undefined) return;
      this.#began = this.#clock.now();
      void this.#run();
    });
  }

  /** Calls `step` for each item in order, over as many turns as it takes. */
  async each<T>(items: readonly T[], step: (item: T) => void): Promise<void> {
    let slices = 0;
    for (const [index, item] of items.entries()) {
      if (index > 0 && this.isOver) await this.next(++slices);
      step(item);
    }
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#clock.yield();
      const next = this.#takeNext();
      this.#began = next && this.#clock.now();
      if (!next) return;
      next.go();
    }
  }

  #takeNext(): Waiter | undefined {
    let best = 0;
    for (const [index, { slices }] of this.#waiting.entries()) {
      if (slices < (this.#waiting[best]?.slices ?? 0)) best = index;
    }
    return this.#waiting.splice(best, 1)[0];
  }
}
