/** Who runs this process. */

/** The effective user id; Linux always has one. */
export const userId = (): number => process.geteuid?.() ?? 0;
