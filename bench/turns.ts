/**
 * The longest turn of this thread's event loop, in CPU time, so that other work on the machine does not count: what passes between
 * two timers of a millisecond, which is a turn or several short ones.
 */
import { setTimeout } from "node:timers";

export class Turns {
  #longestMicros = 0;
  #before = 0;
  #isRunning = false;

  start(): void {
    this.#isRunning = true;
    this.#before = threadMicros();
    const turn = (): void => {
      if (!this.#isRunning) return;
      this.#look();
      setTimeout(turn, 1).unref();
    };
    setTimeout(turn, 1).unref();
  }

  /** Milliseconds of the longest since the start, or since it was asked last. */
  take(): number {
    this.#look();
    const longestMs = this.#longestMicros / 1_000;
    this.#longestMicros = 0;
    return longestMs;
  }

  /** Idempotent. */
  stop(): void {
    this.#isRunning = false;
  }

  #look(): void {
    const now = threadMicros();
    this.#longestMicros = Math.max(this.#longestMicros, now - this.#before);
    this.#before = now;
  }
}

function threadMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
