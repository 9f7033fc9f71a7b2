/**
 * Keys and values of sets and maps between text and the octets of registers. A field of a concatenation fills whole
 * register words; in an interval set a key is a range, both ends inclusive.
 */
import { addressOctets, formatAddress, ipv4Of, ipv6Of } from "../../ip/address.ts";
import {
  comparePrefixes,
  covers,
  formatPrefix,
  isHostPrefix,
  lastAddress,
  type Prefix,
  tryParsePrefix,
} from "../../ip/prefix.ts";
import { WORD } from "./codes.ts";
import {
  type DataType,
  dataTypes,
  ipv4Octets,
  numberFrom,
  type OctetText,
  octetsOf,
  octetText,
  valueOctets,
} from "./data-type.ts";
import { NftTreeError } from "./errors.ts";
import type { ElementText } from "./tree.ts";

/** Both ends inclusive; `high` is left out outside interval sets. */
export interface KeyRange {
  readonly low: OctetText;
  readonly high?: OctetText;
}

const SEPARATOR = " . ";
/** NFT_DATA_VALUE_MAXLEN: octets of a key or a value. */
const MAX_OCTETS = 64;

/** Octets of a field in a concatenation. */
export const fieldOctets = (type: DataType): number => Math.ceil(dataTypes[type].length / WORD) * WORD;

/** Octets of a key or value of these types: concatenations are padded field by field, a single value is not. */
export function keyOctets(types: readonly DataType[]): number {
  const [only] = types;
  if (only !== undefined && types.length === 1) return dataTypes[only].length;
  return types.reduce((sum, type) => sum + fieldOctets(type), 0);
}

/** Throws NftTreeError `tooLarge`. */
export function checkKeyOctets(types: readonly DataType[], where: string): void {
  const octets = keyOctets(types);
  if (octets > 0 && octets <= MAX_OCTETS) return;
  throw new NftTreeError("tooLarge", `${where}: ${octets} octets, 1 to ${MAX_OCTETS} fit`, { where });
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
/** Types whose octets sort as their values do. */
const isOrdered = (type: DataType): boolean => dataTypes[type].order === "big" && type !== "ether_addr";

interface FieldRange {
  readonly low: OctetText;
  readonly high: OctetText;
}

function prefixRange(type: DataType, text: string, where: string): FieldRange {
  const prefix = tryParsePrefix(text);
  const isOfType = prefix && (typeof prefix.address === "number") === (type === "ipv4_addr");
  if (!isOfType) throw new NftTreeError("badElement", `${where}: '${text}' is no prefix of ${type}`, { where });
  const { address, length } = prefix;
  if (typeof address !== "number") {
    return { low: octetText(addressOctets(address)), high: octetText(addressOctets(lastAddress(prefix))) };
  }
  return { low: ipv4Octets(address), high: ipv4Octets(address + 2 ** (32 - length) - 1) };
}

function fieldRange(type: DataType, text: string, where: string): FieldRange {
  if (isAddress(type) && text.includes("/")) return prefixRange(type, text, where);
  const dash = isOrdered(type) ? text.indexOf("-", 1) : -1;
  const single = dash < 0 || type === "inet_proto" ? dataTypes[type].parse(text) : undefined;
  if (single !== undefined) return { low: single, high: single };
  if (dash < 0) throw new NftTreeError("badElement", `${where}: '${text}' is no ${type}`, { where });
  const low = valueOctets(type, text.slice(0, dash), where);
  const high = valueOctets(type, text.slice(dash + 1), where);
  if (low > high) {
    throw new NftTreeError("badElement", `${where}: the range '${text}' ends before it starts`, { where });
  }
  return { low, high };
}

/** One value; an address may carry its full length. */
function singleValue(type: DataType, text: string, where: string): OctetText {
  if (!isAddress(type) || !text.includes("/")) return valueOctets(type, text, where);
  const { low, high } = prefixRange(type, text, where);
  if (low === high) return low;
  throw new NftTreeError("badElement", `${where}: the prefix '${text}' in a set of single addresses`, { where });
}

/** Throws NftTreeError `badElement`; `where` names the set. */
export function parseKey(types: readonly DataType[], interval: boolean, text: ElementText, where: string): KeyRange {
  const [only] = types;
  if (only !== undefined && types.length === 1) {
    return interval ? fieldRange(only, text, where) : { low: singleValue(only, text, where) };
  }
  const fields = text.split(SEPARATOR);
  if (fields.length !== types.length) {
    const found = `${where}: '${text}' has ${fields.length} fields, ${types.length} wanted`;
    throw new NftTreeError("badElement", found, { where });
  }
  let [low, high] = ["", ""];
  for (const [index, type] of types.entries()) {
    const field = fields[index] ?? "";
    const octets = fieldOctets(type);
    if (interval) {
      const range = fieldRange(type, field, where);
      low += range.low.padEnd(octets, "\0");
      high += range.high.padEnd(octets, "\0");
    } else low += singleValue(type, field, where).padEnd(octets, "\0");
  }
  return interval ? { low, high } : { low };
}

/** Throws NftTreeError `badElement`. */
export const parseValue = (types: readonly DataType[], text: ElementText, where: string): OctetText =>
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
function prefixBetween(low: OctetText, high: OctetText): Prefix | undefined {
  if (low.length === 4) {
    const first = numberFrom(low);
    const length = Math.clz32(first ^ numberFrom(high));
    const size = 2 ** (32 - length);
    return first % size === 0 && numberFrom(high) === first + size - 1 ? { address: ipv4Of(first), length } : undefined;
  }
  const [first, last] = [ipv6From(low), ipv6From(high)];
  const differing = first ^ last;
  const length = differing === 0n ? 128 : 128 - differing.toString(2).length;
  const size = 1n << BigInt(128 - length);
  return first % size === 0n && last === first + size - 1n ? { address: ipv6Of(first), length } : undefined;
}

const ipv6From = (octets: OctetText): bigint => BigInt(`0x${Buffer.from(octetsOf(octets)).toString("hex")}`);

function formatField(type: DataType, low: OctetText, high: OctetText): string {
  const facts = dataTypes[type];
  if (low === high) return facts.format(low);
  const prefix = isAddress(type) ? prefixBetween(low, high) : undefined;
  return prefix ? formatPrefix(prefix) : `${facts.format(low)}-${facts.format(high)}`;
}

/** The canonical text of a key of the right length (`keyOctets`). */
export function formatKey(types: readonly DataType[], low: OctetText, high: OctetText = low): ElementText {
  const [only] = types;
  if (only !== undefined && types.length === 1) return formatField(only, low, high);
  let at = 0;
  const fields = types.map((type) => {
    const end = at + dataTypes[type].length;
    const field = formatField(type, low.slice(at, end), high.slice(at, end));
    at += fieldOctets(type);
    return field;
  });
  return fields.join(SEPARATOR);
}
