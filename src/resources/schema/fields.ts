/**
 * The pieces that specs are made of: one schema for each kind of field, with the reason and the remedy of each refusal,
 * and notes on how Go writes the field (what it leaves out, what it writes though empty), since stored JSON is Calico's.
 * A refusal's reason is the issue's message, its remedy the issue's `expected`.
 */
import * as v from "valibot";
import { goPattern } from "../../base/go-pattern.ts";
import type { Json } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import { familyOf, formatAddress, tryParseAddress } from "../../ip/address.ts";
import { formatPrefix, prefixOf, tryParseInterfaceAddress } from "../../ip/prefix.ts";
import { parseSelector, SelectorError } from "../../selector/parse.ts";
import { badLabelValue, badQualifiedName } from "../names.ts";
import { parseGoDuration } from "./go-duration.ts";

/** How Go writes a field; the default is to leave out empty texts, lists and maps, and to write all else that is set. */
export interface GoNotes {
  /** A value, not a pointer: zero and false are left out. */
  readonly omitZero?: true;
  /** A pointer: an empty list or text is a value. */
  readonly keepEmpty?: true;
  /** A field without `omitempty`, or a struct, on which `omitempty` has no effect: written so where it is absent. */
  readonly whenAbsent?: Json;
}

export type FieldSchema = v.GenericSchema;

export const text = v.string("expected a text in quotes");
export const flag = v.boolean("expected true or false");
const wholeNumber = v.pipe(v.number("expected a number"), v.integer("expected a whole number"));

/** Go's `bool` (not `*bool`): false is left out. */
export const plainFlag = v.pipe(flag, v.metadata({ omitZero: true } satisfies GoNotes));

/** A text that is refused with a reason and a remedy; `refuse` gives undefined for what is right. */
export function textWhere(refuse: (given: string) => { reason: string; remedy?: string | undefined } | undefined) {
  return v.pipe(
    text,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const bad = dataset.value === "" ? undefined : refuse(dataset.value);
      if (bad) addIssue({ message: bad.reason, ...(bad.remedy === undefined ? {} : { expected: bad.remedy }) });
    }),
  );
}

/** One of some words. */
export function oneOf<const W extends readonly string[]>(words: W) {
  return textWhere((given) => {
    if (words.includes(given)) return undefined;
    const meant = nearest(given, words) ?? words.find((word) => word.toLowerCase() === given.toLowerCase());
    return {
      reason: `must be one of ${words.join(", ")}`,
      remedy: meant === undefined ? `write one of ${words.join(", ")}` : `write ${meant}`,
    };
  });
}

/** One of some words in any case, as the Felix parameters take them. */
export function oneOfAnyCase<const W extends readonly string[]>(words: W) {
  const lower = words.map((word) => word.toLowerCase());
  return textWhere((given) =>
    lower.includes(given.toLowerCase())
      ? undefined
      : { reason: `must be one of ${words.join(", ")}`, remedy: `write one of ${words.join(", ")}` },
  );
}

export function textLike(pattern: RegExp, reason: string, remedy?: string) {
  return textWhere((given) => (pattern.test(given) ? undefined : { reason, remedy }));
}

export function integerFrom(min: number, max = Number.MAX_SAFE_INTEGER) {
  const reason = max === Number.MAX_SAFE_INTEGER ? `must be ${min} or more` : `must be between ${min} and ${max}`;
  return v.pipe(wholeNumber, v.minValue(min, reason), v.maxValue(max, reason));
}

export const port = integerFrom(0, 65535);

/** A list as a Go slice: an empty one is left out. */
export const listOf = <S extends FieldSchema>(item: S) => v.array(item, "expected a list");

/** A list behind a pointer: an empty one means none, which is not the default. */
export const listOrNone = <S extends FieldSchema>(item: S) =>
  v.pipe(v.array(item, "expected a list"), v.metadata({ keepEmpty: true } satisfies GoNotes));

const remedyForHostBits = (given: string): string | undefined => {
  const parsed = tryParseInterfaceAddress(given);
  return parsed ? `write ${formatPrefix(prefixOf(parsed.address, parsed.length))}` : undefined;
};

/** An IP address, or a prefix without host bits: Calico's `net`. */
export const network = (family?: 4 | 6) =>
  textWhere((given) => {
    const address = tryParseAddress(given);
    const prefix = tryParseInterfaceAddress(given);
    const found = address ?? prefix?.address;
    if (found === undefined)
      return { reason: "invalid CIDR", remedy: "write an address or a CIDR such as 10.0.0.0/16 or fd00::/48" };
    if (family !== undefined && familyOf(found) !== family) return { reason: `must be an IPv${family} CIDR` };
    const hasHostBits = prefix && prefixOf(prefix.address, prefix.length).address !== prefix.address;
    return hasHostBits ? { reason: "CIDR is not strictly masked", remedy: remedyForHostBits(given) } : undefined;
  });

/** An IP address with or without prefix length, host bits allowed: Calico's `cidrv4`, `cidrv6`. */
export const addressInNetwork = (family?: 4 | 6) =>
  textWhere((given) => {
    const found = tryParseAddress(given) ?? tryParseInterfaceAddress(given)?.address;
    const example = family === 6 ? "fd00::5/64" : "10.0.0.5/24";
    if (found === undefined)
      return { reason: "invalid IP address or CIDR", remedy: `write an address such as ${example}` };
    return family === undefined || familyOf(found) === family
      ? undefined
      : { reason: `must be an IPv${family} address`, remedy: `write an address such as ${example}` };
  });

export const ipAddress = (family?: 4 | 6) =>
  textWhere((given) => {
    const found = tryParseAddress(given);
    if (found === undefined) {
      const parsed = tryParseInterfaceAddress(given);
      return {
        reason: "invalid IP address",
        remedy: parsed ? `write ${formatAddress(parsed.address)}, without a prefix length` : undefined,
      };
    }
    return family === undefined || familyOf(found) === family
      ? undefined
      : { reason: `must be an IPv${family} address` };
  });

export const mac = textLike(
  /^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/,
  "invalid MAC address",
  "write 66:aa:bb:cc:dd:ee",
);

export const selector = textWhere((given) => {
  try {
    parseSelector(given);
    return undefined;
  } catch (error) {
    if (error instanceof SelectorError) return { reason: error.message };
    throw error;
  }
});

export const nodeName = textLike(
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  "must consist of lower case alphanumeric characters, '-' or '.'",
);

export const interfaceName = textWhere((given) =>
  given === "*" || /^[a-zA-Z0-9_.-]{1,15}$/.test(given)
    ? undefined
    : { reason: "must be '*' or an interface name of up to 15 characters" },
);

export const regularExpression = textWhere((given) => {
  try {
    goPattern(given);
    return undefined;
  } catch (error) {
    return { reason: `invalid regular expression: ${(error as Error).message}` };
  }
});

/** A Go duration, stored as Go prints it: `90s` becomes `1m30s`. */
export const duration = v.pipe(
  text,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const parsed = parseGoDuration(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({ message: "invalid duration", expected: "write a number with a unit, such as 90s, 5m or 1h30m" });
    return NEVER;
  }),
);

/** An AS number: plain, or `high.low`. Stored plain. */
export const asNumber = v.pipe(
  v.union([v.number(), v.string()], "expected an AS number"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const given = String(dataset.value);
    const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(given)?.slice(1).map(Number);
    const [high = 0, low = 0] = dotted ?? [];
    const number = dotted ? high * 65536 + low : /^\d{1,10}$/.test(given) ? Number(given) : Number.NaN;
    if (number <= 0xffffffff && high <= 65535 && low <= 65535) return number;
    addIssue({ message: "invalid AS number", expected: "write a number from 0 to 4294967295, or HIGH.LOW" });
    return NEVER;
  }),
);

/** Labels that an object gives to others. */
export const labels = v.pipe(
  v.record(v.string(), text),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const [key, value] of Object.entries(dataset.value)) {
      const reason = badQualifiedName(key) ?? badLabelValue(value);
      if (reason !== undefined) addIssue({ message: `${key}: ${reason}` });
    }
  }),
);

/** A struct that Go writes even where it is empty or absent. */
export const struct = <const E extends v.ObjectEntries>(entries: E) =>
  v.pipe(v.strictObject(entries), v.metadata({ whenAbsent: {} } satisfies GoNotes));

/** A field that Go writes always, so where it is absent. */
export const written = <S extends FieldSchema>(schema: S, whenAbsent: Json) =>
  v.pipe(schema, v.metadata({ whenAbsent } satisfies GoNotes));

export const object = v.strictObject;
export const optional = <S extends FieldSchema>(schema: S) => v.optional(schema);
