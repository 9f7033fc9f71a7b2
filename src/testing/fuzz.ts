/** How much fuzzing a test run does: the one place that asks. */

/** Mutated messages in `npm test`; OCICAT_FUZZ_MESSAGES says more. */
export const FUZZED_MESSAGES = Number(process.env["OCICAT_FUZZ_MESSAGES"] ?? 100_000);

/** Random histories of one property in `npm test`; OCICAT_HISTORIES says more. */
export const HISTORIES = Number(process.env["OCICAT_HISTORIES"] ?? 300);

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
