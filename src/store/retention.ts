/** How much history a store keeps, as people write it: `1h`, `30m`, `100000`, `1h,1000000`, `off`. */
import type { Millis } from "../port/clock.ts";

/** The lesser of the two holds. */
export interface Retention {
  /** Undefined: any age. */
  readonly ageMs: Millis | undefined;
  /** Undefined: any number. */
  readonly revisions: number | undefined;
}

const unitMs: Readonly<Record<string, Millis>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Undefined for what is none. */
export function parseRetention(text: string): Retention | undefined {
  if (text === "off") return { ageMs: undefined, revisions: undefined };
  let ageMs: Millis | undefined;
  let revisions: number | undefined;
  for (const part of text.split(",")) {
    const match = /^([1-9]\d{0,11})([smhd]?)$/.exec(part.trim());
    if (!match) return undefined;
    const [, number, unit = ""] = match;
    const factor = unitMs[unit];
    if (factor === undefined) revisions = Number(number);
    else ageMs = Number(number) * factor;
  }
  return { ageMs, revisions };
}
