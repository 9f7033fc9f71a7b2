/**
 * IP addresses as primitives, so that they compare, sort and key maps by value: an IPv4 address is a number
 * (0 … 2^32−1), an IPv6 address a bigint (0 … 2^128−1). `typeof` tells the family.
 */
import { CodedError } from "../base/errors.ts";

declare const ipv4: unique symbol;
declare const ipv6: unique symbol;
export type Ipv4 = number & { readonly [ipv4]: true };
export type Ipv6 = bigint & { readonly [ipv6]: true };
export type IpAddress = Ipv4 | Ipv6;
/** The IP version. */
export type Family = 4 | 6;

export class AddressError extends CodedError<"badAddress" | "badPrefix", { text: string }> {}

export const familyOf = (address: IpAddress): Family => (typeof address === "number" ? 4 : 6);

/** Bits of an address: 32 or 128. */
export const widthOf = (family: Family): 32 | 128 => (family === 4 ? 32 : 128);

/** An IPv4 address from any number, taken modulo 2^32. */
export const ipv4Of = (value: number): Ipv4 => (value >>> 0) as Ipv4;

/** An IPv6 address from any bigint, taken modulo 2^128. */
export const ipv6Of = (value: bigint): Ipv6 => BigInt.asUintN(128, value) as Ipv6;

/** Dotted quad without leading zeros or undefined. */
export function tryParseIpv4(text: string): Ipv4 | undefined {
  let value = 0;
  let octet = -1;
  let dots = 0;
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 46) {
      if (octet < 0 || ++dots > 3) return undefined;
      value = value * 256 + octet;
      octet = -1;
      digits = 0;
      continue;
    }
    const digit = code - 48;
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0) || ++digits > 3) return undefined;
    octet = Math.max(octet, 0) * 10 + digit;
    if (octet > 255) return undefined;
  }
  if (dots !== 3 || octet < 0) return undefined;
  return (value * 256 + octet) as Ipv4;
}

/** RFC 4291 §2.2 text, with `::` and an embedded IPv4 tail, or undefined. Zones (`%eth0`) are refused. */
export function tryParseIpv6(text: string): Ipv6 | undefined {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => groupsOf(half));
  if (!head) return undefined;
  if (halves.length === 1) return head.length === 8 ? join(head) : undefined;
  if (!tail || head.length + tail.length > 7) return undefined;
  return join([...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail]);
}

function groupsOf(half: string): number[] | undefined {
  if (half === "") return [];
  const groups: number[] = [];
  const parts = half.split(":");
  for (const [index, part] of parts.entries()) {
    if (part.includes(".")) {
      const quad = tryParseIpv4(part);
      if (quad === undefined || index !== parts.length - 1) return undefined;
      groups.push(quad >>> 16, quad & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

const join = (groups: readonly number[]): Ipv6 =>
  groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n) as Ipv6;

export const tryParseAddress = (text: string): IpAddress | undefined =>
  text.includes(":") ? tryParseIpv6(text) : tryParseIpv4(text);

/** Throws AddressError `badAddress`. */
export function parseAddress(text: string): IpAddress {
  const address = tryParseAddress(text);
  if (address === undefined) throw new AddressError("badAddress", `'${text}' is not an IP address`, { text });
  return address;
}

/** Dotted quad, or RFC 5952 text. */
export function formatAddress(address: IpAddress): string {
  if (typeof address === "number") {
    return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
  }
  const groups = Array.from({ length: 8 }, (_, index) => Number((address >> BigInt(112 - 16 * index)) & 0xffffn));
  const gap = longestZeroRun(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (gap.length < 2) return text(groups);
  return `${text(groups.slice(0, gap.start))}::${text(groups.slice(gap.start + gap.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let at = 0; at <= groups.length; at++) {
    if (groups[at] === 0) continue;
    if (at - start > best.length) best = { start, length: at - start };
    start = at + 1;
  }
  return best;
}

/** Network-order octets, 4 or 16 of them. */
export function addressOctets(address: IpAddress): Uint8Array {
  const octets = new Uint8Array(typeof address === "number" ? 4 : 16);
  if (typeof address === "number") {
    new DataView(octets.buffer).setUint32(0, address);
    return octets;
  }
  const view = new DataView(octets.buffer);
  view.setBigUint64(0, address >> 64n);
  view.setBigUint64(8, BigInt.asUintN(64, address));
  return octets;
}

/** The address in 4 or 16 network-order octets; undefined for any other length. */
export function addressFromOctets(octets: Uint8Array): IpAddress | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  if (octets.length === 4) return view.getUint32(0) as Ipv4;
  if (octets.length === 16) return ((view.getBigUint64(0) << 64n) | view.getBigUint64(8)) as Ipv6;
  return undefined;
}

/** The address `offset` above this one, wrapping at the end of the family. */
export function addOffset(address: IpAddress, offset: number | bigint): IpAddress {
  return typeof address === "number" ? ipv4Of(address + Number(offset)) : ipv6Of(address + BigInt(offset));
}
