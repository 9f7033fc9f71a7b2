/** How much fuzzing of BGP a test run does, and numbers that look random. */
import { inSoak } from "./runs.ts";

/** Mutated messages. */
export const FUZZED_MESSAGES = inSoak(10_000_000, 100_000);

/** Random histories of one property. */
export const HISTORIES = inSoak(10_000, 300);

/** Numbers that look random and are the same again for the same seed (32 bits, not 0). */
export function pseudoRandom(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
