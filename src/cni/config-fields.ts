/** Typed reading of a JSON object that somebody else wrote: everything that is wrong is kept and told at once. */

import type { Json, JsonObject } from "../base/json.ts";
import { isObject } from "../base/json-fields.ts";
import { CniError } from "./errors.ts";

interface Problem {
  /** CNI error code: 2 not supported, 7 wrong. */
  readonly code: 2 | 7;
  readonly text: string;
}

/** As it was written: integers above 2^53 are kept as bigints, which JSON.stringify refuses. */
export const shownJson = (value: Json): string =>
  JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? `${item}` : item));

/** Reads typed fields and keeps what is wrong until `finish`. */
export class Fields {
  readonly #value: JsonObject;
  readonly #path: string;
  readonly #problems: Problem[];

  constructor(value: JsonObject, path = "", problems: Problem[] = []) {
    this.#value = value;
    this.#path = path;
    this.#problems = problems;
  }

  has(field: string): boolean {
    return this.#value[field] !== undefined && this.#value[field] !== null;
  }

  object(field: string): Fields {
    const value = this.#value[field];
    if (this.has(field) && !isObject(value)) this.wrong(field, value, "an object");
    return new Fields(isObject(value) ? value : {}, `${this.#path}${field}.`, this.#problems);
  }

  text(field: string): string {
    const value = this.#value[field];
    if (typeof value === "string") return value;
    if (this.has(field)) this.wrong(field, value, "a string");
    return "";
  }

  /** A flag that Calico spells as a string; a real boolean means the same. */
  flagText(field: string): string {
    const value = this.#value[field];
    if (value === undefined || value === null || value === "") return "";
    if (value === true || value === "true") return "true";
    if (value === false || value === "false") return "false";
    this.wrong(field, value, '"true" or "false"');
    return "";
  }

  boolean(field: string): boolean {
    const value = this.#value[field];
    if (this.has(field) && typeof value !== "boolean") this.wrong(field, value, "true or false");
    return value === true;
  }

  number(field: string, fallback: number): number {
    const value = this.#value[field];
    if (typeof value === "number") return value;
    if (this.has(field)) this.wrong(field, value, "a number");
    return fallback;
  }

  list(field: string): readonly Json[] {
    const value = this.#value[field];
    if (Array.isArray(value)) return value;
    if (this.has(field)) this.wrong(field, value, "a list");
    return [];
  }

  wrong(field: string, found: Json | undefined, expected: string): void {
    const shown = found === undefined ? "nothing" : shownJson(found);
    this.#problems.push({ code: 7, text: `${this.#path}${field} is ${shown}; expected ${expected}` });
  }

  unsupported(field: string, why: string): void {
    this.#problems.push({ code: 2, text: `${this.#path}${field} is not supported: ${why}` });
  }

  /** Throws CniError with everything that is wrong. */
  finish(): void {
    const [first] = this.#problems;
    if (!first) return;
    const message = `the network configuration is wrong: ${this.#problems.map(({ text }) => text).join("; ")}`;
    throw new CniError(first.code, message, "correct /etc/cni/net.d/10-calico.conflist on this host");
  }
}
