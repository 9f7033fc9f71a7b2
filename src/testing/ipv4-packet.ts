/** IPv4 packets for tests, from a pod to another where nothing is said. */
import { addressOctets, type IpAddress, parseAddress } from "../ip/address.ts";
import { internetChecksum } from "../ip/checksum.ts";

export interface Header {
  readonly tos?: number;
  readonly id?: number;
  /** Flags and offset. */
  readonly fragment?: number;
  readonly ttl?: number;
  readonly protocol?: number;
  readonly source?: IpAddress;
  readonly destination?: IpAddress;
  readonly version?: number;
}

/** An IPv4 packet with a right checksum. */
export function ipv4(header: Header, payload: Uint8Array): Buffer {
  const octets = Buffer.alloc(20);
  octets.writeUInt8(header.version ?? 0x45, 0);
  octets.writeUInt8(header.tos ?? 0, 1);
  octets.writeUInt16BE(20 + payload.length, 2);
  octets.writeUInt16BE(header.id ?? 0, 4);
  octets.writeUInt16BE(header.fragment ?? 0x4000, 6);
  octets.writeUInt8(header.ttl ?? 64, 8);
  octets.writeUInt8(header.protocol ?? 17, 9);
  octets.set(addressOctets(header.source ?? parseAddress("192.168.226.65")), 12);
  octets.set(addressOctets(header.destination ?? parseAddress("192.168.97.193")), 16);
  octets.writeUInt16BE(internetChecksum(octets), 10);
  return Buffer.concat([octets, payload]);
}
