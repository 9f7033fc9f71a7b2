/** When what was refused is tried again: after a second, then more and more seldom, and soon again where something has come. */
import type { Clock, Millis, Timer } from "../../port/clock.ts";

const FIRST_MS: Millis = 1_000;
const LONGEST_MS: Millis = 64_000;

export class Retry {
  readonly #clock: Clock;
  readonly #fire: () => void;
  #delayMs = FIRST_MS;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(clock: Clock, fire: () => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** Something waits. */
  later(): void {
    if (this.#isStopped) return;
    this.#timer ??= this.#clock.after(this.#delayMs, () => {
      this.#timer = undefined;
      this.#delayMs = Math.min(2 * this.#delayMs, LONGEST_MS);
      this.#fire();
    });
  }

  /** What waits may have what it waits for. */
  soon(): void {
    this.#delayMs = FIRST_MS;
    if (!this.#timer) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.later();
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }
}
