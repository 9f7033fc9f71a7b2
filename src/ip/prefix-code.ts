/**
 * A prefix as one primitive, for tables of many: address and length in one number (IPv4: address × 64 + length, below
 * 2^38) or one bigint (IPv6: mixed address × 256 + length). `typeof` tells the family, and equal prefixes have equal codes.
 * For Maps, both halves of an IPv6 address are in the lower 64 bits (`mixed-halves.ts`).
 */
import { type Family, type IpAddress, type Ipv4, ipv6Of } from "./address.ts";
import { mixedHalves } from "./mixed-halves.ts";
import type { Prefix } from "./prefix.ts";

declare const code: unique symbol;
export type PrefixCode = (number | bigint) & { readonly [code]: true };

const LENGTHS_4 = 64;
const LENGTH_BITS_6 = 8n;

/** The code of an IPv4 prefix whose host bits are zero, 0 … 2^32−1; no object is made. */
export const prefixCode4 = (address: number, length: number): PrefixCode =>
  (address * LENGTHS_4 + length) as PrefixCode;

/** The code of an IPv6 prefix whose host bits are zero, 0 … 2^128−1. */
export const prefixCode6 = (address: bigint, length: number): PrefixCode =>
  ((mixedHalves(address) << LENGTH_BITS_6) | BigInt(length)) as PrefixCode;

export const prefixCode = ({ address, length }: Prefix): PrefixCode =>
  typeof address === "number" ? prefixCode4(address, length) : prefixCode6(address, length);

export const familyOfCode = (prefix: PrefixCode): Family => (typeof prefix === "number" ? 4 : 6);

/** 0 … 32 or 128. */
export const lengthOfCode = (prefix: PrefixCode): number =>
  typeof prefix === "number" ? prefix % LENGTHS_4 : Number(BigInt.asUintN(8, prefix as bigint));

/** The address; host bits are zero. */
export function addressOfCode(prefix: PrefixCode): IpAddress {
  if (typeof prefix === "number") return ((prefix - (prefix % LENGTHS_4)) / LENGTHS_4) as Ipv4;
  return ipv6Of(mixedHalves((prefix as bigint) >> LENGTH_BITS_6));
}

export const prefixOfCode = (prefix: PrefixCode): Prefix => ({
  address: addressOfCode(prefix),
  length: lengthOfCode(prefix),
});
