/**
 * Named timers that are set far more often than they fire: setting one again only moves its time, and the timer below is
 * renewed when it fires too early. A hold timer that every UPDATE restarts costs an addition.
 */
import type { Clock, Millis, Timer } from "../port/clock.ts";

interface Running {
  at: Millis;
  timer: Timer;
}

export class Timers<Name extends string> {
  readonly #clock: Clock;
  readonly #expired: (name: Name, lateMs: Millis) => void;
  readonly #running = new Map<Name, Running>();

  /** `lateMs`: how long ago it was due; more than a moment where the process stood still. */
  constructor(clock: Clock, expired: (name: Name, lateMs: Millis) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** Replaces one of that name. */
  set(name: Name, afterMs: Millis): void {
    const at = this.#clock.now() + afterMs;
    const running = this.#running.get(name);
    if (running && running.at <= at) {
      running.at = at;
      return;
    }
    running?.timer.cancel();
    this.#running.set(name, { at, timer: this.#clock.after(afterMs, () => this.#fire(name)) });
  }

  /** Idempotent. */
  cancel(name: Name): void {
    this.#running.get(name)?.timer.cancel();
    this.#running.delete(name);
  }

  cancelAll(): void {
    for (const name of [...this.#running.keys()]) this.cancel(name);
  }

  /** Those that run. */
  get names(): Iterable<Name> {
    return this.#running.keys();
  }

  /** Until it expires; undefined: it does not run. */
  left(name: Name): Millis | undefined {
    const running = this.#running.get(name);
    return running && running.at - this.#clock.now();
  }

  #fire(name: Name): void {
    const running = this.#running.get(name);
    if (!running) return;
    const left = running.at - this.#clock.now();
    if (left > 0) {
      running.timer = this.#clock.after(left, () => this.#fire(name));
      return;
    }
    this.#running.delete(name);
    this.#expired(name, this.#clock.now() - running.at);
  }
}
