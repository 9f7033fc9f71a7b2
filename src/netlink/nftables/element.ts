/**
 * Keys and values of sets and maps between text and the octets of registers. A field of a concatenation fills whole
 * register words; in an interval set a key is a range, both ends inclusive.
 */
import { addressFromOctets, addressOctets, formatAddress } from "../../ip/address.ts";
import {
  comparePrefixes,
  covers,
  formatPrefix,
  isHostPrefix,
  lastAddress,
  type Prefix,
  prefixOf,
  tryParsePrefix,
} from "../../ip/prefix.ts";
import { WORD } from "./codes.ts";
import { type DataType, dataTypes, valueOctets } from "./data-type.ts";
import { NftTreeError } from "./errors.ts";
import type { ElementText } from "./tree.ts";

/** Both ends inclusive; `high` is left out outside interval sets. */
export interface KeyRange {
  readonly low: Uint8Array;
  readonly high?: Uint8Array;
}

export const SEPARATOR = " . ";
/** NFT_DATA_VALUE_MAXLEN: octets of a key or a value. */
const MAX_OCTETS = 64;

const padded = (length: number): number => Math.ceil(length / WORD) * WORD;
export const fieldOctets = (type: DataType): number => padded(dataTypes[type].length);

/** Octets of a key or value of these types: concatenations are padded field by field, a single value is not. */
export function keyOctets(types: readonly DataType[]): number {
  const [only, ...more] = types;
  if (only !== undefined && more.length === 0) return dataTypes[only].length;
  return types.reduce((sum, type) => sum + fieldOctets(type), 0);
}

/** The element that stands for a prefix in an interval set: a host without its length. */
export const prefixElement = (prefix: Prefix): ElementText =>
  isHostPrefix(prefix) ? formatAddress(prefix.address) : formatPrefix(prefix);

/** The elements of an interval set that holds these prefixes: what a wider one covers is left out, since intervals may not overlap. */
export function prefixElements(prefixes: readonly Prefix[]): ElementText[] {
  const kept: Prefix[] = [];
  for (const prefix of prefixes.toSorted(comparePrefixes)) {
    const last = kept.at(-1);
    if (!last || !covers(last, prefix)) kept.push(prefix);
  }
  return kept.map(prefixElement);
}

const isAddress = (type: DataType): boolean => type === "ipv4_addr" || type === "ipv6_addr";

function fieldRange(type: DataType, text: string, where: string): { low: Uint8Array; high: Uint8Array } {
  if (isAddress(type) && text.includes("/")) {
    const prefix = tryParsePrefix(text);
    const low = prefix && addressOctets(prefix.address);
    if (!prefix || low?.length !== dataTypes[type].length) {
      throw new NftTreeError("badElement", `${where}: '${text}' is no prefix of ${type}`, { where });
    }
    return { low, high: addressOctets(lastAddress(prefix)) };
  }
  const dash = dataTypes[type].order === "big" && type !== "ether_addr" ? text.indexOf("-", 1) : -1;
  const single = dash < 0 ? dataTypes[type].parse(text) : undefined;
  if (single) return { low: single, high: single };
  if (dash < 0) throw new NftTreeError("badElement", `${where}: '${text}' is no ${type}`, { where });
  const low = valueOctets(type, text.slice(0, dash), where);
  const high = valueOctets(type, text.slice(dash + 1), where);
  if (Buffer.compare(low, high) > 0) {
    throw new NftTreeError("badElement", `${where}: the range '${text}' ends before it starts`, { where });
  }
  return { low, high };
}

/** One value; an address may carry its full length. */
function singleValue(type: DataType, text: string, where: string): Uint8Array {
  if (!isAddress(type) || !text.includes("/")) return valueOctets(type, text, where);
  const { low, high } = fieldRange(type, text, where);
  if (Buffer.compare(low, high) === 0) return low;
  throw new NftTreeError("badElement", `${where}: the prefix '${text}' in a set of single addresses`, { where });
}

function joined(parts: readonly Uint8Array[], types: readonly DataType[]): Uint8Array {
  const octets = new Uint8Array(keyOctets(types));
  let at = 0;
  for (const [index, part] of parts.entries()) {
    octets.set(part, at);
    at += fieldOctets(types[index] as DataType);
  }
  return octets;
}

function fieldsOf(types: readonly DataType[], text: ElementText, where: string): readonly string[] {
  const fields = types.length === 1 ? [text] : text.split(SEPARATOR);
  if (fields.length === types.length) return fields;
  throw new NftTreeError("badElement", `${where}: '${text}' has ${fields.length} fields, ${types.length} wanted`, {
    where,
  });
}

/** Throws NftTreeError `badElement`; `where` names the set. */
export function parseKey(types: readonly DataType[], interval: boolean, text: ElementText, where: string): KeyRange {
  const fields = fieldsOf(types, text, where);
  const [only] = types;
  if (!interval) {
    const parts = fields.map((field, index) => singleValue(types[index] as DataType, field, where));
    return { low: types.length === 1 ? (parts[0] as Uint8Array) : joined(parts, types) };
  }
  const ranges = fields.map((field, index) => fieldRange(types[index] as DataType, field, where));
  const [range] = ranges;
  if (types.length === 1 && range && only) return range;
  return {
    low: joined(
      ranges.map(({ low }) => low),
      types,
    ),
    high: joined(
      ranges.map(({ high }) => high),
      types,
    ),
  };
}

/** Throws NftTreeError `badElement`. */
export const parseValue = (types: readonly DataType[], text: ElementText, where: string): Uint8Array =>
  parseKey(types, false, text, where).low;

/** The canonical form of what was written in another: `10.0.0.1/32`, `6` for `tcp`. Throws NftTreeError `badElement`. */
export function canonicalKey(
  types: readonly DataType[],
  interval: boolean,
  text: ElementText,
  where: string,
): ElementText {
  const { low, high } = parseKey(types, interval, text, where);
  return formatKey(types, low, high);
}

/** The prefix that has these ends, undefined when none has. */
function prefixBetween(low: Uint8Array, high: Uint8Array): Prefix | undefined {
  let bits = 0;
  while (bits < low.length * 8 && bitAt(low, bits) === bitAt(high, bits)) bits++;
  for (let rest = bits; rest < low.length * 8; rest++) {
    if (bitAt(low, rest) !== 0 || bitAt(high, rest) !== 1) return undefined;
  }
  const address = addressFromOctets(low);
  return address === undefined ? undefined : prefixOf(address, bits);
}

const bitAt = (octets: Uint8Array, bit: number): number => ((octets[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;

function formatField(type: DataType, low: Uint8Array, high: Uint8Array): string {
  const facts = dataTypes[type];
  if (Buffer.compare(low, high) === 0) return facts.format(low);
  const prefix = isAddress(type) ? prefixBetween(low, high) : undefined;
  return prefix ? formatPrefix(prefix) : `${facts.format(low)}-${facts.format(high)}`;
}

/** The canonical text of a key of the right length (`keyOctets`). */
export function formatKey(types: readonly DataType[], low: Uint8Array, high: Uint8Array = low): ElementText {
  const [only, ...more] = types;
  if (only !== undefined && more.length === 0) return formatField(only, low, high);
  let at = 0;
  const fields = types.map((type) => {
    const end = at + dataTypes[type].length;
    const field = formatField(type, low.subarray(at, end), high.subarray(at, end));
    at += fieldOctets(type);
    return field;
  });
  return fields.join(SEPARATOR);
}

/** Throws NftTreeError `tooLarge`. */
export function checkKeyOctets(types: readonly DataType[], where: string): void {
  const octets = keyOctets(types);
  if (octets <= MAX_OCTETS) return;
  throw new NftTreeError("tooLarge", `${where}: ${octets} octets, at most ${MAX_OCTETS} fit`, { where });
}
