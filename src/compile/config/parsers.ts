/**
 * Readers of parameter values. One reader serves every source: text from the environment and from `felix.cfg`, JSON
 * from FelixConfiguration objects. Each says in words what it takes, for messages and for the reference page.
 */
import { goPattern } from "../../base/go-pattern.ts";
import type { Json } from "../../base/json.ts";
import { formatAddress, type Ipv4, tryParseIpv4 } from "../../ip/address.ts";

export interface Parser<T> {
  /** What is taken, as the end of "must be …". */
  readonly expects: string;
  /** undefined: the value is not one of these. */
  parse(raw: Json): { readonly value: T } | undefined;
  /** What the word `none` means in the environment and the file; absent where it means nothing. */
  readonly none?: { readonly value: T };
  /** For people. A method, so that a table of parsers has one type. */
  format(value: T): string;
}

const textOf = (raw: Json): string | undefined => {
  if (typeof raw === "string") return raw.trim();
  return typeof raw === "number" || typeof raw === "boolean" || typeof raw === "bigint" ? String(raw) : undefined;
};

const INTEGER = /^(-?\d+|0[xX][0-9a-fA-F]+)$/;

export const integer = (low: number, high: number): Parser<number> => ({
  expects: `an integer from ${low} to ${high}`,
  parse: (raw) => {
    const text = textOf(raw);
    if (text === undefined || !INTEGER.test(text)) return undefined;
    const value = Number(text);
    return value >= low && value <= high ? { value } : undefined;
  },
  ...(low <= 0 ? { none: { value: 0 } } : {}),
  format: String,
});

export const port: Parser<number> = { ...integer(0, 65_535), expects: "a port from 0 to 65535" };

const booleanByWord: ReadonlyMap<string, boolean> = new Map([
  ...["true", "1", "yes", "y", "t"].map((word) => [word, true] as const),
  ...["false", "0", "no", "n", "f"].map((word) => [word, false] as const),
]);

export const boolean: Parser<boolean> = {
  expects: "true or false",
  parse: (raw) => {
    const value = booleanByWord.get(textOf(raw)?.toLowerCase() ?? "");
    return value === undefined ? undefined : { value };
  },
  none: { value: false },
  format: String,
};

/** A parameter that may be left to be derived. */
export const optional = <T>(parser: Parser<T>, unset: string): Parser<T | undefined> => ({
  expects: parser.expects,
  parse: (raw) => parser.parse(raw),
  none: { value: undefined },
  format: (value) => (value === undefined ? unset : parser.format(value)),
});

/** Words, whatever their case; the value is the word as spelled here. */
export const oneOf = <const T extends string>(...words: readonly T[]): Parser<T> => ({
  expects: `one of ${words.join(", ")}`,
  parse: (raw) => {
    const text = textOf(raw)?.toLowerCase();
    const value = words.find((word) => word.toLowerCase() === text);
    return value === undefined ? undefined : { value };
  },
  format: String,
});

/** `Enabled` or `Disabled` as a claim. */
export const enabled: Parser<boolean> = {
  expects: "Enabled or Disabled",
  parse: (raw) => {
    const found = oneOf("Enabled", "Disabled").parse(raw);
    return found && { value: found.value === "Enabled" };
  },
  format: (value) => (value ? "Enabled" : "Disabled"),
};

const millisByUnit: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const GO_DURATION = /^(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/;

/** Go's `90s`, `1m30s`, `1.5h`; a bare number counts seconds, as in Felix's own sources. Milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  let rest = text;
  let millis = 0;
  do {
    const match = GO_DURATION.exec(rest);
    if (!match) return undefined;
    millis += Number(match[1]) * (millisByUnit[match[3] ?? ""] ?? 0);
    rest = rest.slice(match[0].length);
  } while (rest !== "");
  return millis;
}

/** Milliseconds as Go prints a duration: `1m30s`, `500ms`, `0s`. */
export function formatDuration(millis: number): string {
  if (millis < 1_000) return millis === 0 ? "0s" : `${millis}ms`;
  const seconds = millis / 1_000;
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  const rest = Number((seconds % 60).toFixed(3));
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}

/** Milliseconds, at least `lowMs`. */
export const duration = (lowMs = 0): Parser<number> => ({
  expects: `a duration such as 90s, 1m30s or a number of seconds${lowMs > 0 ? `, at least ${formatDuration(lowMs)}` : ""}`,
  parse: (raw) => {
    const value = parseDuration(textOf(raw) ?? "");
    return value === undefined || value < lowMs ? undefined : { value };
  },
  ...(lowMs === 0 ? { none: { value: 0 } } : {}),
  format: formatDuration,
});

/** The source of a regular expression that compiles. */
export const pattern: Parser<string> = {
  expects: "a regular expression",
  parse: (raw) => {
    if (typeof raw !== "string") return undefined;
    try {
      goPattern(raw);
      return { value: raw };
    } catch (failure) {
      if (failure instanceof SyntaxError) return undefined;
      throw failure;
    }
  },
  format: String,
};

export const ipv4: Parser<Ipv4> = {
  expects: "an IPv4 address",
  parse: (raw) => {
    const value = tryParseIpv4(textOf(raw) ?? "");
    return value === undefined ? undefined : { value };
  },
  format: formatAddress,
};

const HOST = /^[a-zA-Z0-9:._+-]{0,64}$/;

/** A name or an address to listen at; empty for all of the host's. */
export const host: Parser<string> = {
  expects: "a host name or an address, at most 64 characters",
  parse: (raw) => (typeof raw === "string" && HOST.test(raw) ? { value: raw } : undefined),
  none: { value: "" },
  format: (value) => (value === "" ? "all addresses" : value),
};

/** Timeouts in milliseconds by the reporter's name: `name=duration,…` as text, `[{name, timeout}]` in an object. */
export const timeouts: Parser<Readonly<Record<string, number>>> = {
  expects: "pairs of a reporter's name and a duration: InternalDataplaneMainLoop=120s,…",
  parse: (raw) => {
    const pairs = typeof raw === "string" ? textPairs(raw) : objectPairs(raw);
    if (!pairs) return undefined;
    const entries = pairs.map(([name, timeout]) => [name, parseDuration(timeout)] as const);
    const isSound = entries.every(([name, millis]) => name !== "" && millis !== undefined);
    return isSound ? { value: Object.fromEntries(entries) as Record<string, number> } : undefined;
  },
  none: { value: {} },
  format: (value) =>
    Object.entries(value)
      .map(([name, millis]) => `${name}=${formatDuration(millis)}`)
      .join(","),
};

const textPairs = (text: string): (readonly [string, string])[] =>
  text
    .split(",")
    .filter((pair) => pair.trim() !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, Math.max(at, 0)).trim(), pair.slice(at + 1).trim()] as const;
    });

function objectPairs(raw: Json): (readonly [string, string])[] | undefined {
  if (!Array.isArray(raw)) return undefined;
  return raw.map((item: Json) => {
    const entry = typeof item === "object" && item !== null && !Array.isArray(item) ? item : {};
    const { name, timeout } = entry as { readonly name?: Json; readonly timeout?: Json };
    return [String(name ?? ""), String(timeout ?? "")] as const;
  });
}
