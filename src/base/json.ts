/**
 * JSON as other tools wrote it: integers above 2^53 (block sequence numbers are nanoseconds) are read as bigint and
 * written back digit for digit; unknown fields and their order are kept.
 */

export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A run of 16 digits outside of any doubt is the only thing that needs the slow reader. */
const LONG_INTEGER = /[:[,\s]-?\d{16,}/;
const INTEGER = /^-?\d+$/;

type ContextReviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;
const parseWithSource = JSON.parse as (text: string, reviver: ContextReviver) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** Parses JSON text; an integer that a double cannot hold becomes a bigint. Throws SyntaxError as JSON.parse does. */
export function parseJson(text: string): Json {
  if (!LONG_INTEGER.test(text)) return JSON.parse(text) as Json;
  return parseWithSource(text, (_key, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    return context.source !== undefined && INTEGER.test(context.source) ? BigInt(context.source) : value;
  }) as Json;
}

/** Writes JSON text; bigint becomes a plain integer. `indent` counts spaces, 0 for one line. */
export function formatJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? rawJson(item.toString()) : item), indent);
}
