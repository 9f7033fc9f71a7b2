/**
 * Prefixes on the wire, both families (RFC 4271 section 4.3, RFC 4760 section 5): a length in bits and as many octets as
 * hold it. Bits behind the length mean nothing and are cleared. No object is made for an IPv4 prefix.
 *
 *     | length | octets: 0 … 4 or 16 | length | octets | …
 */
import type { Family } from "../../ip/address.ts";
import { addressOfCode, lengthOfCode, type PrefixCode, prefixCode4, prefixCode6 } from "../../ip/prefix-code.ts";
import type { Writer } from "../../wire/writer.ts";

/** Octets `at` … `end` of a message. */
export interface Span {
  readonly at: number;
  readonly end: number;
}

/** The prefixes that fill the span, which lies in the octets; or where the first stands that is longer than its family or the span. */
export const readPrefixes = (octets: Uint8Array, span: Span, family: Family): PrefixCode[] | number =>
  family === 4 ? readPrefixes4(octets, span) : readPrefixes6(octets, span);

function readPrefixes4(octets: Uint8Array, { at, end }: Span): PrefixCode[] | number {
  const prefixes: PrefixCode[] = [];
  while (at < end) {
    const length = octets[at] ?? 0;
    const next = at + 1 + octetsOfLength(length);
    if (length > 32 || next > end) return at;
    let address = 0;
    for (let from = at + 1, shift = 24; from < next; from++, shift -= 8) address |= (octets[from] ?? 0) << shift;
    const mask = length === 0 ? 0 : -1 << (32 - length);
    prefixes.push(prefixCode4((address & mask) >>> 0, length));
    at = next;
  }
  return prefixes;
}

function readPrefixes6(octets: Uint8Array, { at, end }: Span): PrefixCode[] | number {
  const prefixes: PrefixCode[] = [];
  const address = new Uint8Array(16);
  const halves = new DataView(address.buffer);
  while (at < end) {
    const length = octets[at] ?? 0;
    const next = at + 1 + octetsOfLength(length);
    if (length > 128 || next > end) return at;
    address.fill(0);
    for (let from = at + 1; from < next; from++) address[from - at - 1] = octets[from] ?? 0;
    const spare = -length & 7;
    if (spare > 0) address[next - at - 2] = (octets[next - 1] ?? 0) & (-1 << spare);
    const high = halves.getBigUint64(0) << 64n;
    prefixes.push(prefixCode6(length > 64 ? high | halves.getBigUint64(8) : high, length));
    at = next;
  }
  return prefixes;
}

const octetsOfLength = (length: number): number => (length + 7) >> 3;

/** Octets that a prefix takes on the wire. */
export const prefixOctets = (prefix: PrefixCode): number => 1 + octetsOfLength(lengthOfCode(prefix));

export function writePrefix(writer: Writer, prefix: PrefixCode): void {
  const length = lengthOfCode(prefix);
  const address = addressOfCode(prefix);
  writer.u8(length);
  for (let bit = 0; bit < length; bit += 32) {
    const word = typeof address === "number" ? address : Number(BigInt.asUintN(32, address >> BigInt(96 - bit)));
    writeHigh(writer, word, length - bit);
  }
}

/** The octets of a word's first `bits` bits, 32 at most. */
function writeHigh(writer: Writer, word: number, bits: number): void {
  if (bits > 24) writer.u32(word);
  else for (let shift = 24; bits > 24 - shift; shift -= 8) writer.u8((word >>> shift) & 255);
}

/** The prefixes from `from` on that fit into so many octets and are of the first one's family: where to go on, and their octets. */
export function fitPrefixes(
  prefixes: readonly PrefixCode[],
  from: number,
  room: number,
): { readonly next: number; readonly octets: number } {
  const type = typeof prefixes[from];
  let octets = 0;
  let next = from;
  for (; next < prefixes.length; next++) {
    const prefix = prefixes[next];
    if (prefix === undefined || typeof prefix !== type) break;
    const more = prefixOctets(prefix);
    if (octets + more > room) break;
    octets += more;
  }
  return { next, octets };
}
