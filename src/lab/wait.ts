/** Waiting for a condition, never for a time. */
import { CodedError } from "../base/errors.ts";
import type { Clock } from "../port/clock.ts";

export class WaitError extends CodedError<"tooLate", { what: string }> {}

/** The pause between two questions grows from the first to the last, so that many waits at once leave room for the work. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 150;
const GROWTH = 1.2;

export const sleep = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });

/**
 * Asks until `condition` gives something other than undefined or false, and gives it. Rejects with WaitError after
 * `timeoutMs`, and with whatever the condition throws.
 */
export async function until<T>(
  clock: Clock,
  what: string,
  timeoutMs: number,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = clock.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * GROWTH, LONGEST_PAUSE_MS)) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (clock.now() >= deadline) {
      throw new WaitError("tooLate", `${what}: not within ${timeoutMs / 1000} s`, { what });
    }
    await sleep(clock, pauseMs);
  }
}
