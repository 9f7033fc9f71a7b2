/**
 * What a node last applied, as lines of JSON for its disk: enough to repair the kernel while the store is away, and to
 * tell later whether the store that answers is the one that was known. It is an input of the next run, a fact.
 *
 *   {"format":…,"node":…,"cursor":…,"pools":[…]}      one header
 *   {"kind":"routes","key":…,"source":…,"value":{…}}  one line an item, with the compile key that made it
 *   {"items":N}                                       the end: without it the file is not whole
 */
import { decodeLines, encodeLines, type LinesFormat } from "../base/whole-lines.ts";
import { type ItemKind, type Items, order } from "../compile/items.ts";
import { formatAddress, type IpAddress, parseAddress } from "../ip/address.ts";
import type { Cursor } from "../port/store.ts";
import type { Dataplane } from "./dataplane.ts";

const lines: LinesFormat = { format: "ocicat last applied 1", counted: "items" };

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

/** The text in chunks that end with whole lines. `madeBy` gives the compile key behind a source that is none itself. */
export function* encodeLastApplied(
  dataplane: Pick<Dataplane, "desired">,
  header: Pick<LastApplied, "node" | "cursor" | "pools">,
  madeBy: (kind: ItemKind, key: string, source: string) => string,
): Generator<string> {
  const items = function* () {
    for (const kind of order) {
      for (const { key, value, source } of dataplane.desired(kind))
        yield { kind, key, source: madeBy(kind, key, source), value: writable(value) };
    }
  };
  yield* encodeLines(lines, header, items());
}

/** Throws UnreadableLinesError for anything that this version did not write whole. */
export const decodeLastApplied = (text: string, path: string): LastApplied =>
  decodeLines(lines, { text, path }, readable, (header, items) => {
    const { node, cursor, pools } = header as Partial<LastApplied>;
    if (node === undefined || cursor === undefined || !pools) return undefined;
    return { node, cursor, pools, items: items as readonly KeptItem[] };
  });

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
