/**
 * What a node's BGP speaker was last made of, as lines of JSON for its disk: enough to speak while the store is away. It holds
 * pieces as they were compiled, so no secret: passwords are names of files, and read from them again.
 *
 *   {"format":…,"node":…}          one header
 *   {"key":…,"pieces":{…}}         one line a compile key
 *   {"keys":N}                     the end: without it the file is not whole
 */
import { CodedError, messageOf } from "../base/errors.ts";
import { formatJson, parseJson } from "../base/json.ts";
import type { BgpPieces } from "../compile/bgp/pieces.ts";
import type { CompileKey } from "../compile/keys.ts";

const FORMAT = "ocicat bgp 1";
/** Lines per chunk: a chunk is written, and other work gets its turn, between them. */
const CHUNK = 500;

export interface KeptPieces {
  readonly node: string;
  readonly pieces: ReadonlyMap<CompileKey, BgpPieces>;
}

export class KeptPiecesError extends CodedError<"unreadable", { path: string }> {}

/** The text in chunks that end with whole lines. */
export function* encodeKeptPieces(node: string, pieces: Iterable<readonly [CompileKey, BgpPieces]>): Generator<string> {
  let lines = [formatJson({ format: FORMAT, node })];
  let count = 0;
  for (const [key, made] of pieces) {
    lines.push(formatJson({ key, pieces: writable(made) }));
    count++;
    if (lines.length < CHUNK) continue;
    yield `${lines.join("\n")}\n`;
    lines = [];
  }
  lines.push(formatJson({ keys: count }));
  yield `${lines.join("\n")}\n`;
}

/** Throws KeptPiecesError for anything that this version did not write whole. */
export function decodeKeptPieces(text: string, path: string): KeptPieces {
  try {
    const [first, ...rest] = text
      .trimEnd()
      .split("\n")
      .map((line) => readable(parseJson(line)));
    const { format, node } = first as { format?: unknown; node?: string };
    if (format !== FORMAT) throw new Error(`its format is ${String(format)}, not ${FORMAT}`);
    const end = rest.pop() as { keys?: unknown } | undefined;
    if (node === undefined || end?.keys !== rest.length) throw new Error("it is not whole");
    const lines = rest as { key: CompileKey; pieces: BgpPieces }[];
    return { node, pieces: new Map(lines.map(({ key, pieces }) => [key, pieces])) };
  } catch (failure) {
    const message = `${path} cannot be used (${messageOf(failure)}) and is ignored`;
    throw new KeptPiecesError("unreadable", message, { path }, { cause: failure });
  }
}

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
