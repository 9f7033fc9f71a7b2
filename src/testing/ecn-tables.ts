/** What becomes of the ECN field when a header is put around a packet, and when it is taken off; for all who do either. */

/** RFC 3168 9.1.1 as Linux has it: CE becomes ECT(0), so that congestion on the way can be told from what was before. */
export const ECN_OUT = [0, 1, 2, 2];

/** RFC 6040 4.2, figure 4: rows by the inner field, columns by the outer one. */
export const ECN_IN: readonly (readonly (number | "drop")[])[] = [
  [0, 0, 0, "drop"],
  [1, 1, 1, 3],
  [2, 1, 2, 3],
  [3, 3, 3, 3],
];
