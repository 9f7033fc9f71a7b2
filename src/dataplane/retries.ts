/** Keys that failed: why, and when each is tried again. The wait doubles with every failure of the same key. */
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { Failure } from "../reconcile/driver.ts";

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;

interface Retry {
  readonly error: Failure["error"];
  readonly delayMs: Millis;
  readonly dueAt: Millis;
}

export class Retries {
  readonly #clock: Clock;
  readonly #due: (key: string) => void;
  readonly #byKey = new Map<string, Retry>();
  /** Keys that wait for their time; who is forgotten or tried meanwhile is told once more in vain. */
  readonly #parked = new Set<string>();
  #timer: Timer | undefined;

  /** `due`: the time of a key has come. */
  constructor(clock: Clock, due: (key: string) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  get failed(): readonly Failure[] {
    return Array.from(this.#byKey, ([key, { error }]) => ({ key, error }));
  }

  error(key: string): Failure["error"] | undefined {
    return this.#byKey.get(key)?.error;
  }

  /** The next failure is a first one. Gives whether there was one. */
  forget(key: string): boolean {
    return this.#byKey.delete(key);
  }

  /** Gives whether the reason is another than before. */
  add(key: string, error: Failure["error"]): boolean {
    const before = this.#byKey.get(key);
    const delayMs = before ? Math.min(before.delayMs * 2, LAST_RETRY_MS) : FIRST_RETRY_MS;
    this.#byKey.set(key, { error, delayMs, dueAt: this.#clock.now() + delayMs });
    this.#parked.add(key);
    this.#schedule(delayMs);
    return before?.error.message !== error.message;
  }

  #schedule(delayMs: Millis): void {
    this.#timer ??= this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      const now = this.#clock.now();
      let next: Millis | undefined;
      for (const key of this.#parked) {
        const retry = this.#byKey.get(key);
        if (retry && retry.dueAt > now) {
          next = Math.min(next ?? Number.POSITIVE_INFINITY, retry.dueAt);
          continue;
        }
        this.#parked.delete(key);
        this.#due(key);
      }
      if (next !== undefined) this.#schedule(next - now);
    });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
