/** Long loops in slices, so that no turn of the event loop becomes long. */
import type { Clock, Millis } from "../port/clock.ts";

/** A quarter of the budget of a turn: other work may share it. */
const SLICE_MS: Millis = 5;
/** Looking at the clock costs too. */
const STEPS_BETWEEN_LOOKS = 32;

/** Calls `step` for each item in order, letting others in between whenever a slice is used up. */
export async function inSlices<T>(
  clock: Clock,
  items: readonly T[],
  step: (item: T, index: number) => void,
): Promise<void> {
  let began = clock.now();
  for (let index = 0; index < items.length; index++) {
    if (index % STEPS_BETWEEN_LOOKS === 0 && clock.now() - began > SLICE_MS) {
      await clock.yield();
      began = clock.now();
    }
    step(items[index] as T, index);
  }
}
