/**
 * Reads one variable after another and gathers every problem, so that a user sees all of them at once. An empty
 * variable counts as unset, as in Calico.
 */
import { boolean, parseDuration } from "../compile/config/parsers.ts";
import type { EnvironmentProblem } from "./errors.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Quotation marks that word processors and web pages put in place of the shell's. */
const TYPOGRAPHIC = /[\u2018-\u201f\u00ab\u00bb\u2032\u2033\u2039\u203a\uff02\uff07]/gu;

export class EnvironmentReader {
  readonly #variables: Variables;
  readonly problems: EnvironmentProblem[] = [];

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  /** Without blanks around it; undefined when unset, empty, or a quotation mark is in it (reported). */
  text(variable: string): string | undefined {
    const value = this.#variables[variable]?.trim();
    if (value === undefined || value === "") return undefined;
    const marks = [...new Set(value.match(TYPOGRAPHIC) ?? [])];
    if (marks.length > 0) {
      const named = marks.map((mark) => `${mark} (U+${codeOf(mark)})`).join(" and ");
      const plain = value.replaceAll(TYPOGRAPHIC, "");
      this.refuse(
        variable,
        `has the typographic quotation mark${marks.length > 1 ? "s" : ""} ${named}: write ${plain}`,
      );
      return undefined;
    }
    const quoted = /^(["'])(.*)\1$/.exec(value);
    if (quoted) this.refuse(variable, `has quotation marks around it: write ${quoted[2]}`);
    return quoted ? undefined : value;
  }

  /** One of the words, whatever its case; the result is what stands behind the word. */
  choice<T>(variable: string, words: Readonly<Record<string, T>>): T | undefined {
    const value = this.text(variable);
    if (value === undefined) return undefined;
    const found = Object.entries(words).find(([word]) => word.toLowerCase() === value.toLowerCase());
    if (!found) this.refuse(variable, `must be one of ${Object.keys(words).join(", ")}`);
    return found?.[1];
  }

  boolean(variable: string, otherwise: boolean): boolean {
    const value = this.text(variable);
    if (value === undefined) return otherwise;
    const parsed = boolean.parse(value);
    if (!parsed) this.refuse(variable, "must be true or false");
    return parsed?.value ?? otherwise;
  }

  integer(variable: string, low: number, high: number): number | undefined {
    const value = this.text(variable);
    if (value === undefined) return undefined;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= low && number <= high) return number;
    this.refuse(variable, `must be a number from ${low} to ${high}`);
    return undefined;
  }

  /** Milliseconds. */
  duration(variable: string, otherwise: number): number {
    const value = this.text(variable);
    if (value === undefined) return otherwise;
    const millis = parseDuration(value);
    if (millis !== undefined && millis > 0) return millis;
    this.refuse(variable, "must be a duration such as 60s or 1m30s");
    return otherwise;
  }

  /** Whatever `parse` makes of it; undefined from it is refused with `expected`. */
  value<T>(variable: string, expected: string, parse: (text: string) => T | undefined): T | undefined {
    const value = this.text(variable);
    if (value === undefined) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) this.refuse(variable, `must be ${expected}`);
    return parsed;
  }

  /** `what` continues "the environment variable NAME=value …". */
  refuse(variable: string, what: string): void {
    const message = `the environment variable ${variable}=${this.#variables[variable] ?? ""} ${what}`;
    this.problems.push({ variable, message });
  }
}

const codeOf = (mark: string): string => (mark.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
