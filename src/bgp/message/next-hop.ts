/** Next hops as octets (RFC 4271 section 5.1.3, RFC 2545 section 3) and which of them can be a host (RFC 4271 section 6.3). */
import { type IpAddress, type Ipv4, type Ipv6, ipv4Of, ipv6Of } from "../../ip/address.ts";

const CLASS_D = 0xe0000000;
const LOOPBACK_6 = 1n;

/** Not the unspecified address, not loopback, not multicast or beyond. */
export function isHostAddress(address: IpAddress): boolean {
  if (typeof address === "number") return address >>> 24 !== 0 && address >>> 24 !== 127 && address < CLASS_D;
  return address > LOOPBACK_6 && address >> 120n !== 0xffn;
}

/** fe80::/10. */
export const isLinkLocal6 = (address: Ipv6): boolean => address >> 118n === 0x3fan;

export const readIpv4 = (view: DataView, at: number): Ipv4 => ipv4Of(view.getUint32(at));

export const readIpv6 = (view: DataView, at: number): Ipv6 =>
  ipv6Of((view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8));

export interface NextHops {
  readonly nextHop: IpAddress;
  readonly linkLocalNextHop: Ipv6 | undefined;
}

/**
 * The next hops of MP_REACH_NLRI: 4 octets for IPv4; 16, or 32 with a link-local one, for IPv6; undefined for any other
 * length. A link-local address where the global one should be counts as the next hop: some send it on a direct link, with
 * or without zeros or itself beside it.
 */
export function readNextHops(view: DataView, at: number, length: number): NextHops | undefined {
  if (length === 4) return { nextHop: readIpv4(view, at), linkLocalNextHop: undefined };
  if (length !== 16 && length !== 32) return undefined;
  const nextHop = readIpv6(view, at);
  const second = length === 32 ? readIpv6(view, at + 16) : undefined;
  if (second === undefined || !isLinkLocal6(second) || second === nextHop)
    return { nextHop, linkLocalNextHop: undefined };
  return nextHop === 0n ? { nextHop: second, linkLocalNextHop: undefined } : { nextHop, linkLocalNextHop: second };
}
