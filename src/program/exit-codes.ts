/** How commands end: 0 done, else one of these. */
import type { CodedError } from "../base/errors.ts";

/** Refused, with a reason. */
export const EXIT_FAILED = 1;
/** Wrong usage. */
export const EXIT_USAGE = 2;
/** A fault of ours (EX_SOFTWARE of sysexits.h), printed with its stack. */
export const EXIT_FAULT = 70;

/** Codes of errors about words that are wrong whatever runs: those of a lab, which commander does not check. */
const usageCodes: ReadonlySet<string> = new Set([
  "badFault",
  "badFilter",
  "badMtu",
  "badOption",
  "badRequest",
  "badSetting",
]);

export const exitCodeOf = ({ code }: CodedError): number => (usageCodes.has(code) ? EXIT_USAGE : EXIT_FAILED);
