/** How commands end: 0 done, else one of these. */

/** Refused, with a reason. */
export const EXIT_FAILED = 1;
/** Wrong usage. */
export const EXIT_USAGE = 2;
/** A fault of ours (EX_SOFTWARE of sysexits.h), printed with its stack. */
export const EXIT_FAULT = 70;
