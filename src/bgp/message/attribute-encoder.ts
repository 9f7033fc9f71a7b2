/** A set of attributes as octets, ascending by code (RFC 4271 section 5); layout: `attribute-decoder.ts`. */
import type { Writer } from "../../wire/writer.ts";
import { type AttributeRow, categoryFlags } from "./attribute-draft.ts";
import { attributeRows } from "./attribute-rows.ts";
import type { EncodeContext } from "./codec-context.ts";
import { AttributeFlag } from "./iana.ts";
import type { AttributeSet, OpaqueAttribute } from "./types.ts";

const SHORT_MOST = 255;

/** Octets of all attributes but those that carry prefixes, headers included. */
export function attributesOctets(set: AttributeSet, context: EncodeContext): number {
  let sum = 0;
  for (const row of attributeRows) {
    const octets = row.octets(set, context);
    if (octets !== undefined) sum += headOctets(octets) + octets;
  }
  for (const { octets } of set.opaque) sum += headOctets(octets.length) + octets.length;
  return sum;
}

/** Writes them. */
export function encodeAttributes(writer: Writer, set: AttributeSet, context: EncodeContext): void {
  let nextOpaque = 0;
  for (const row of attributeRows) {
    for (let opaque = set.opaque[nextOpaque]; opaque && opaque.code < row.code; opaque = set.opaque[++nextOpaque]) {
      encodeOpaque(writer, opaque);
    }
    const octets = row.octets(set, context);
    if (octets === undefined) continue;
    writeAttributeHead(writer, row, octets, set.partial);
    row.encode(writer, set, context);
  }
  for (const opaque of set.opaque.slice(nextOpaque)) encodeOpaque(writer, opaque);
}

/** Flags, code and length; the length has two octets only where it must (RFC 4271 section 4.3). */
export function writeAttributeHead(
  writer: Writer,
  { code, category }: Pick<AttributeRow, "code" | "category">,
  octets: number,
  partial?: readonly number[],
): void {
  writeHead(writer, categoryFlags[category] | (partial?.includes(code) ? AttributeFlag.partial : 0), code, octets);
}

function encodeOpaque(writer: Writer, { code, flags, octets }: OpaqueAttribute): void {
  writeHead(writer, flags, code, octets.length);
  writer.octets(octets);
}

function writeHead(writer: Writer, flags: number, code: number, octets: number): void {
  const isLong = octets > SHORT_MOST;
  writer.u8(isLong ? flags | AttributeFlag.extendedLength : flags);
  writer.u8(code);
  if (isLong) writer.u16(octets);
  else writer.u8(octets);
}

const headOctets = (octets: number): number => (octets > SHORT_MOST ? 4 : 3);
