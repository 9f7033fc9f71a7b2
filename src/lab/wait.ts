/** Waiting for a condition, never for a time. */
import { CodedError } from "../base/errors.ts";
import type { Clock } from "../port/clock.ts";

export class WaitError extends CodedError<"tooLate", { what: string }> {}

const POLL_MS = 15;

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
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (clock.now() >= deadline) {
      throw new WaitError("tooLate", `${what}: not within ${timeoutMs / 1000} s`, { what });
    }
    await sleep(clock, POLL_MS);
  }
}
