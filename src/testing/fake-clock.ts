/** Time that stands until it is advanced. Timers fire in due order; what they start gets its turns before the next one. */
import { setImmediate } from "node:timers/promises";
import type { Clock, Millis, Timer, WallClock } from "../port/clock.ts";

interface Due {
  readonly at: Millis;
  readonly order: number;
  readonly fire: () => void;
}

export class FakeClock implements Clock {
  #epoch: Millis;
  #now: Millis = 0;
  #order = 0;
  readonly #due = new Set<Due>();

  /** `epoch`: what the wall clock shows when the fake one stands at 0. */
  constructor(epoch = new Date("2026-01-01T00:00:00Z")) {
    this.#epoch = epoch.getTime();
  }

  now(): Millis {
    return this.#now;
  }

  /** The same instant as a time of day. */
  get wall(): WallClock {
    return { now: () => new Date(this.#epoch + this.#now) };
  }

  after(delayMs: Millis, fire: () => void): Timer {
    const due: Due = { at: this.#now + Math.max(delayMs, 0), order: this.#order++, fire };
    this.#due.add(due);
    return { cancel: () => void this.#due.delete(due) };
  }

  /** The time of day is set; what is timed goes on as it was. */
  setWall(time: Date): void {
    this.#epoch = time.getTime() - this.#now;
  }

  /** Time passes and nothing gets its turn, as in a process that stands still; what is due by then fires late, at the next `advance`. */
  stall(ms: Millis): void {
    this.#now += ms;
  }

  cpuMicros(): number {
    return 0;
  }

  async yield(): Promise<void> {
    await setImmediate();
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#due.size;
  }

  /** Lets time pass, and every promise that is ready run, before and after each timer. */
  async advance(ms: Millis): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#due.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      await settle();
    }
    this.#now = end;
  }

  #next(end: Millis): Due | undefined {
    let first: Due | undefined;
    for (const due of this.#due) {
      if (due.at > end) continue;
      if (!first || due.at < first.at || (due.at === first.at && due.order < first.order)) first = due;
    }
    return first;
  }
}

/** Some turns of the event loop: chains of promises that hop over a few `yield`s come to rest. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate();
}
