/** struct sockaddr_in and sockaddr_in6 of linux/in.h and linux/in6.h. */
import { addressFromOctets, addressOctets, type Family, type IpAddress } from "../../ip/address.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;
const OCTETS_4 = 16;
const OCTETS_6 = 28;
const ADDRESS_AT_4 = 4;
const ADDRESS_AT_6 = 8;

/** The domain of sockets that carry this family. */
export const domainOf = (family: Family): number => (family === 4 ? AF_INET : AF_INET6);

export function socketAddress(address: IpAddress, port: number): Buffer {
  const isIpv4 = typeof address === "number";
  const octets = Buffer.alloc(isIpv4 ? OCTETS_4 : OCTETS_6);
  octets.writeUInt16LE(isIpv4 ? AF_INET : AF_INET6, 0);
  octets.writeUInt16BE(port, 2);
  octets.set(addressOctets(address), isIpv4 ? ADDRESS_AT_4 : ADDRESS_AT_6);
  return octets;
}

/** Room for an address of either family, as system calls fill it. */
export const SOCKET_ADDRESS_OCTETS = OCTETS_6;

/** Undefined for another domain than these two. */
export function readSocketAddress(octets: Buffer): { address: IpAddress; port: number } | undefined {
  const domain = octets.readUInt16LE(0);
  if (domain !== AF_INET && domain !== AF_INET6) return undefined;
  const at = domain === AF_INET ? ADDRESS_AT_4 : ADDRESS_AT_6;
  const address = addressFromOctets(octets.subarray(at, at + (domain === AF_INET ? 4 : 16)));
  return address === undefined ? undefined : { address, port: octets.readUInt16BE(2) };
}
