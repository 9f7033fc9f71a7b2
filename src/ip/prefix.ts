/** CIDR prefixes: an address with its host bits zero, and a length. */
import {
  AddressError,
  type Family,
  familyOf,
  formatAddress,
  type IpAddress,
  type Ipv4,
  ipv4Of,
  ipv6Of,
  tryParseAddress,
  widthOf,
} from "./address.ts";

export interface Prefix {
  /** Host bits are zero. */
  readonly address: IpAddress;
  /** 0 … 32 or 128. */
  readonly length: number;
}

/** An address together with the length of the subnet it is in, host bits kept (`10.0.0.5/24`). */
export interface InterfaceAddress {
  readonly address: IpAddress;
  readonly length: number;
}

/** The canonical text of a prefix, the key of every map of prefixes. */
export type PrefixKey = string;

const mask4 = (length: number): number => (length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0);

/** The prefix of `length` that holds the address; host bits are cleared. */
export function prefixOf(address: IpAddress, length: number): Prefix {
  if (typeof address === "number") return { address: ipv4Of(address & mask4(length)), length };
  const shift = BigInt(128 - length);
  return { address: ipv6Of((address >> shift) << shift), length };
}

/** The prefix of one address: /32 or /128. */
export const hostPrefix = (address: IpAddress): Prefix => ({ address, length: widthOf(familyOf(address)) });

/** `a.b.c.d/n` or `…::/n`, host bits kept; undefined for anything else, an address without length included. */
export function tryParseInterfaceAddress(text: string): InterfaceAddress | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = tryParseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const length = Number(digits);
  return length <= widthOf(familyOf(address)) ? { address, length } : undefined;
}

/** As `tryParseInterfaceAddress`, and a bare address counts as /32 or /128. Throws AddressError `badPrefix`. */
export function parseInterfaceAddress(text: string): InterfaceAddress {
  const bare = tryParseAddress(text);
  const parsed = bare === undefined ? tryParseInterfaceAddress(text) : hostPrefix(bare);
  if (!parsed) throw new AddressError("badPrefix", `'${text}' is not an address with a prefix length`, { text });
  return parsed;
}

/** A prefix whose host bits are zero, or undefined. */
export function tryParsePrefix(text: string): Prefix | undefined {
  const parsed = tryParseInterfaceAddress(text);
  return parsed && prefixOf(parsed.address, parsed.length).address === parsed.address ? parsed : undefined;
}

/** Throws AddressError `badPrefix` for anything that is not a CIDR with zero host bits. */
export function parsePrefix(text: string): Prefix {
  const prefix = tryParsePrefix(text);
  if (!prefix) throw new AddressError("badPrefix", `'${text}' is not a CIDR with zero host bits`, { text });
  return prefix;
}

export const formatPrefix = (prefix: InterfaceAddress): PrefixKey =>
  `${formatAddress(prefix.address)}/${prefix.length}`;

export const prefixFamily = (prefix: Prefix): Family => familyOf(prefix.address);

export const isHostPrefix = (prefix: Prefix): boolean => prefix.length === widthOf(familyOf(prefix.address));

/** Whether the address lies in the prefix; false across families. */
export function contains(prefix: InterfaceAddress, address: IpAddress): boolean {
  if (typeof prefix.address !== typeof address) return false;
  return prefixOf(prefix.address, prefix.length).address === prefixOf(address, prefix.length).address;
}

/** Whether every address of `inner` lies in `outer` (equal prefixes included). */
export const covers = (outer: Prefix, inner: Prefix): boolean =>
  inner.length >= outer.length && contains(outer, inner.address);

export const overlaps = (a: Prefix, b: Prefix): boolean => covers(a, b) || covers(b, a);

/** Addresses in the prefix, as a bigint since IPv6 exceeds 2^53. */
export const sizeOf = (prefix: Prefix): bigint => 1n << BigInt(widthOf(familyOf(prefix.address)) - prefix.length);

/** The last address of the prefix. */
export function lastAddress(prefix: Prefix): IpAddress {
  if (typeof prefix.address === "number") return ipv4Of((prefix.address as Ipv4) + Number(sizeOf(prefix) - 1n));
  return ipv6Of(prefix.address + sizeOf(prefix) - 1n);
}

/** Orders by family, address, then length: the order in which prefixes are listed. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  const families = familyOf(a.address) - familyOf(b.address);
  if (families !== 0) return families;
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.length - b.length;
}
