/**
 * How many random cases a property is tried with. `npm test` takes few, so that it is soon done; `npm run soak` says by
 * `OCICAT_TEST_RUNS` how many times as many.
 */
const factor = Math.max(Number(process.env["OCICAT_TEST_RUNS"] ?? 1) || 1, 1);

/** Of two counts of cases that of a soak, or that of `npm test`. */
export const inSoak = (many: number, few: number): number => (factor > 1 ? many : few);

/** `few` cases in `npm test`, a multiple of them in a soak. */
export const runs = (few: number): number => Math.ceil(few * factor);
