/**
 * What a node's BGP speaker was last made of, as lines of JSON for its disk: enough to speak while the store is away. It holds
 * pieces as they were compiled, so no secret: passwords are names of files, and read from them again.
 *
 *   {"format":…,"node":…}          one header
 *   {"key":…,"pieces":{…}}         one line a compile key
 *   {"keys":N}                     the end: without it the file is not whole
 */
import { decodeLines, encodeLines, type LinesFormat } from "../base/whole-lines.ts";
import type { BgpPieces } from "../compile/bgp/pieces.ts";
import type { CompileKey } from "../compile/keys.ts";

const lines: LinesFormat = { format: "ocicat bgp 1", counted: "keys" };

export interface KeptPieces {
  readonly node: string;
  readonly pieces: ReadonlyMap<CompileKey, BgpPieces>;
}

/** The text in chunks that end with whole lines. */
export function* encodeKeptPieces(node: string, pieces: Iterable<readonly [CompileKey, BgpPieces]>): Generator<string> {
  const items = function* () {
    for (const [key, made] of pieces) yield { key, pieces: writable(made) };
  };
  yield* encodeLines(lines, { node }, items());
}

/** Throws UnreadableLinesError for anything that this version did not write whole. */
export const decodeKeptPieces = (text: string, path: string): KeptPieces =>
  decodeLines(lines, { text, path }, readable, (header, items) => {
    const { node } = header as { node?: string };
    const kept = items as { key: CompileKey; pieces: BgpPieces }[];
    return node === undefined ? undefined : { node, pieces: new Map(kept.map(({ key, pieces }) => [key, pieces])) };
  });

/** IPv6 addresses and prefixes are bigints however small they are: marked, so that ::1 is not taken for 0.0.0.1. */
function writable(value: unknown): unknown {
  if (typeof value === "bigint") return { $bigint: value.toString() };
  if (Array.isArray(value)) return value.map(writable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, writable(item)]));
}

function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  const { $bigint } = value as { $bigint?: unknown };
  if (typeof $bigint === "string") return BigInt($bigint);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, readable(item)]));
}
