/**
 * What a node last applied, as lines of JSON for its disk: enough to repair the kernel while the store is away, and to
 * tell later whether the store that answers is the one that was known. It is an input of the next run, a fact.
 *
 *   {"format":…,"node":…,"cursor":…,"pools":[…]}      one header
 *   {"kind":"routes","key":…,"source":…,"value":{…}}  one line an item, with the compile key that made it
 *   {"items":N}                                       the end: without it the file is not whole
 */
import { CodedError, messageOf } from "../base/errors.ts";
import { formatJson, parseJson } from "../base/json.ts";
import { type ItemKind, type Items, order } from "../compile/items.ts";
import { formatAddress, type IpAddress, parseAddress } from "../ip/address.ts";
import type { Cursor } from "../port/store.ts";
import type { Dataplane } from "./dataplane.ts";

const FORMAT = "ocicat last applied 1";
/** Lines per chunk: a chunk is written, and other work gets its turn, between them. */
const CHUNK = 500;

export type KeptItem = {
  readonly [K in ItemKind]: { kind: K; key: string; source: string; value: Items[K] };
}[ItemKind];

export interface LastApplied {
  readonly node: string;
  readonly cursor: Cursor;
  /** CIDRs of the pools: routes inside them may be ours even when the pool is gone. */
  readonly pools: readonly string[];
  readonly items: readonly KeptItem[];
}

export class LastAppliedError extends CodedError<"unreadable", { path: string }> {}

/** The text in chunks that end with whole lines. `madeBy` gives the compile key behind a source that is none itself. */
export function* encodeLastApplied(
  dataplane: Pick<Dataplane, "desired">,
  header: Pick<LastApplied, "node" | "cursor" | "pools">,
  madeBy: (kind: ItemKind, key: string, source: string) => string,
): Generator<string> {
  let lines = [formatJson({ format: FORMAT, ...header })];
  let items = 0;
  for (const kind of order) {
    for (const { key, value, source } of dataplane.desired(kind)) {
      lines.push(formatJson({ kind, key, source: madeBy(kind, key, source), value: writable(value) }));
      items++;
      if (lines.length < CHUNK) continue;
      yield `${lines.join("\n")}\n`;
      lines = [];
    }
  }
  lines.push(formatJson({ items }));
  yield `${lines.join("\n")}\n`;
}

/** Throws LastAppliedError for anything that this version did not write whole. */
export function decodeLastApplied(text: string, path: string): LastApplied {
  try {
    const [first, ...rest] = text
      .trimEnd()
      .split("\n")
      .map((line) => readable(parseJson(line)));
    const header = first as Partial<LastApplied> & { format?: unknown };
    if (header.format !== FORMAT) throw new Error(`its format is ${String(header.format)}, not ${FORMAT}`);
    const { node, cursor, pools } = header;
    const end = rest.pop() as { items?: unknown } | undefined;
    if (node === undefined || cursor === undefined || !pools || end?.items !== rest.length)
      throw new Error("it is not whole");
    return { node, cursor, pools, items: rest as KeptItem[] };
  } catch (failure) {
    const message = `${path} cannot be used (${messageOf(failure)}) and is ignored`;
    throw new LastAppliedError("unreadable", message, { path }, { cause: failure });
  }
}

/** Addresses are primitives of two types in memory; on disk they are marked text, so that ::1 is not taken for 0.0.0.1. */
const ADDRESS_FIELDS = new Set(["address", "local", "gateway", "source", "destination"]);

function writable(value: unknown, field = ""): unknown {
  if (typeof value === "number" || typeof value === "bigint") {
    return ADDRESS_FIELDS.has(field) ? { $ip: formatAddress(value as IpAddress) } : value;
  }
  if (value instanceof Uint8Array) return { $octets: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map((item) => writable(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, writable(item, name)]));
}

function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  const { $ip, $octets } = value as { $ip?: unknown; $octets?: unknown };
  if (typeof $ip === "string") return parseAddress($ip);
  if (typeof $octets === "string") return Uint8Array.from(Buffer.from($octets, "base64"));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, readable(item)]));
}
