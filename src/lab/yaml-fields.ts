/**
 * A YAML value read field by field, with every problem noted where it stands: `labs/my.yaml:7: hosts[1].address: …`.
 * Fields that nobody asked for are problems too.
 */

import { CodedError } from "../base/errors.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { isObject } from "../base/json-fields.ts";
import { nearest } from "../base/nearest.ts";
import { familyOf, type Ipv4, tryParseIpv4 } from "../ip/address.ts";
import {
  type InterfaceAddress,
  type Prefix,
  prefixFamily,
  tryParseInterfaceAddress,
  tryParsePrefix,
} from "../ip/prefix.ts";
import type { InputDocument } from "../resources/input/yaml.ts";
import { type FieldPath, pathText } from "../resources/problems.ts";

export class YamlFieldError extends CodedError<"badFile", { file: string; problems: readonly string[] }> {}

/** The problems of one document. */
export class Problems {
  readonly #file: string;
  readonly #document: InputDocument;
  readonly #found: string[] = [];

  constructor(file: string, document: InputDocument) {
    this.#file = file;
    this.#document = document;
  }

  add(path: FieldPath, message: string): void {
    const where = path.length === 0 ? "" : ` ${pathText(path)}:`;
    this.#found.push(`${this.#file}:${this.#document.lineOf(path)}:${where} ${message}`);
  }

  /** Throws YamlFieldError when there were any. */
  check(): void {
    if (this.#found.length === 0) return;
    throw new YamlFieldError("badFile", this.#found.join("\n"), { file: this.#file, problems: this.#found });
  }
}

export class YamlFields {
  readonly path: FieldPath;
  readonly #value: JsonObject;
  readonly #problems: Problems;
  readonly #asked = new Set<string>();

  constructor(problems: Problems, value: Json | undefined, path: FieldPath = []) {
    this.path = path;
    this.#problems = problems;
    if (value !== undefined && !isObject(value)) problems.add(path, "expected fields");
    this.#value = isObject(value) ? value : {};
  }

  /** `below` leads on from the field. */
  wrong(name: string, message: string, below: FieldPath = []): void {
    this.#problems.add([...this.path, name, ...below], message);
  }

  has(name: string): boolean {
    return this.#take(name) !== undefined;
  }

  #take(name: string): Json | undefined {
    this.#asked.add(name);
    const value = this.#value[name];
    return value === null ? undefined : value;
  }

  /** `undefined` where the field is missing and there is no fallback; that is noted. */
  #read<T>(name: string, fallback: T | undefined, what: string, read: (value: Json) => T | undefined): T | undefined {
    const value = this.#take(name);
    if (value === undefined) {
      if (fallback === undefined) this.wrong(name, `is missing: ${what}`);
      return fallback;
    }
    const found = read(value);
    if (found === undefined) this.wrong(name, `${JSON.stringify(value)} is not ${what}`);
    return found ?? fallback;
  }

  /** Text that matches; numbers are not text. */
  text(name: string, what: string, fallback?: string, pattern = /./): string {
    const read = (value: Json) => (typeof value === "string" && pattern.test(value) ? value : undefined);
    return this.#read(name, fallback, what, read) ?? "";
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const read = (value: Json) => choices.find((choice) => choice === value);
    return this.#read(name, fallback, `one of ${choices.join(", ")}`, read) ?? fallback;
  }

  integer(name: string, low: number, high: number, fallback?: number): number {
    const read = (value: Json) =>
      typeof value === "number" && Number.isInteger(value) && value >= low && value <= high ? value : undefined;
    return this.#read(name, fallback, `a number from ${low} to ${high}`, read) ?? low;
  }

  flag(name: string, fallback: boolean): boolean {
    const read = (value: Json) => (typeof value === "boolean" ? value : undefined);
    return this.#read(name, fallback, "true or false", read) ?? fallback;
  }

  address(name: string): Ipv4 | undefined {
    const read = (value: Json) => (typeof value === "string" ? tryParseIpv4(value) : undefined);
    return this.#read(name, undefined, "an IPv4 address", read);
  }

  addresses(name: string): Ipv4[] {
    return this.texts(name).flatMap((text, index) => {
      const address = tryParseIpv4(text);
      if (address === undefined) this.#problems.add([...this.path, name, index], `'${text}' is not an IPv4 address`);
      return address ?? [];
    });
  }

  prefix(name: string, fallback?: Prefix): Prefix | undefined {
    return this.#read(name, fallback, "an IPv4 CIDR with zero host bits", (value) => {
      const prefix = typeof value === "string" ? tryParsePrefix(value) : undefined;
      return prefix && prefixFamily(prefix) === 4 ? prefix : undefined;
    });
  }

  interfaceAddress(name: string): InterfaceAddress | undefined {
    return this.#read(name, undefined, "an IPv4 address with a prefix length", (value) => {
      const found = typeof value === "string" ? tryParseInterfaceAddress(value) : undefined;
      return found && familyOf(found.address) === 4 ? found : undefined;
    });
  }

  /** The fields below one; none when it is missing. */
  object(name: string): YamlFields {
    return new YamlFields(this.#problems, this.#take(name), [...this.path, name]);
  }

  /** The fields of each item of a list; none when it is missing. */
  list(name: string): YamlFields[] {
    return this.values(name).map((item, index) => new YamlFields(this.#problems, item, [...this.path, name, index]));
  }

  /** The items of a list of texts or numbers, as text. */
  texts(name: string): string[] {
    return this.values(name).flatMap((item, index) => {
      if (typeof item === "string" || typeof item === "number") return [String(item)];
      this.#problems.add([...this.path, name, index], "expected text");
      return [];
    });
  }

  /** The items of a list as they stand; none when it is missing. */
  values(name: string): readonly Json[] {
    const value = this.#take(name) ?? [];
    if (Array.isArray(value)) return value;
    this.wrong(name, "expected a list");
    return [];
  }

  /** Text values by name. */
  textMap(name: string): Record<string, string> {
    const value = this.#take(name) ?? {};
    if (!isObject(value)) {
      this.wrong(name, "expected fields");
      return {};
    }
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => {
        if (typeof item === "string") return [[key, item]];
        this.#problems.add([...this.path, name, key], `${JSON.stringify(item)} is not text; put it in quotes`);
        return [];
      }),
    );
  }

  /** Notes every field that nobody asked for, save those that are known to say nothing here. */
  end(ignored: readonly string[] = []): void {
    for (const name of Object.keys(this.#value)) {
      if (this.#asked.has(name) || ignored.includes(name)) continue;
      const meant = nearest(name, [...this.#asked]);
      this.wrong(name, `is no field of this${meant === undefined ? "" : `; did you mean '${meant}'?`}`);
    }
  }
}
