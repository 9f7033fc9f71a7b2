/**
 * A prefix as one primitive, for tables of many: address and length in one number (IPv4: address × 64 + length, below
 * 2^38) or one bigint (IPv6: address × 256 + length). `typeof` tells the family, and equal prefixes have equal codes.
 */
import { type Family, type Ipv4, ipv6Of } from "./address.ts";
import type { Prefix } from "./prefix.ts";

declare const code: unique symbol;
export type PrefixCode = (number | bigint) & { readonly [code]: true };

const LENGTHS_4 = 64;
const LENGTH_BITS_6 = 8n;

export const prefixCode = ({ address, length }: Prefix): PrefixCode =>
  (typeof address === "number"
    ? address * LENGTHS_4 + length
    : (address << LENGTH_BITS_6) | BigInt(length)) as PrefixCode;

export const familyOfCode = (prefix: PrefixCode): Family => (typeof prefix === "number" ? 4 : 6);

/** 0 … 32 or 128. */
export const lengthOfCode = (prefix: PrefixCode): number =>
  typeof prefix === "number" ? prefix % LENGTHS_4 : Number(BigInt.asUintN(8, prefix as bigint));

export function prefixOfCode(prefix: PrefixCode): Prefix {
  const length = lengthOfCode(prefix);
  if (typeof prefix === "number") return { address: ((prefix - length) / LENGTHS_4) as Ipv4, length };
  return { address: ipv6Of((prefix as bigint) >> LENGTH_BITS_6), length };
}
