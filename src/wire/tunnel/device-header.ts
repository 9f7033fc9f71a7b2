/**
 * What stands before each packet of a TAP device with IFF_VNET_HDR: struct virtio_net_hdr (linux/virtio_net.h), which tells of
 * checksums and segments that are left to whoever reads, and the Ethernet header. Both together end at a multiple of eight.
 */
import type { PacketMemory } from "./packet-memory.ts";

const VIRTIO_OCTETS = 10;
const ETHERNET_OCTETS = 14;
export const DEVICE_HEADER_OCTETS = VIRTIO_OCTETS + ETHERNET_OCTETS;

const NEEDS_CSUM = 1;
const GSO_NONE = 0;
const GSO_TCPV4 = 1;
const ETHERNET_AT = VIRTIO_OCTETS;
const PROTOCOL_AT = VIRTIO_OCTETS + 12;
/** ETH_P_IP, read as a half. */
const IPV4 = 0x0008;
/** 02:00, which every Ethernet address on the tunnel's device begins with (`bpf/ipip-frame.ts`), read as a half. */
const NODE = 0x0002;

/** The node that the frame at `at` is sent to, as it lies in a packet, read as a word; 0: no IPv4, or no node. */
export function nodeOf({ halves }: PacketMemory, at: number): number {
  const half = (at + ETHERNET_AT) >>> 1;
  if (halves[half] !== NODE || halves[(at + PROTOCOL_AT) >>> 1] !== IPV4) return 0;
  return (halves[half + 1] ?? 0) | ((halves[half + 2] ?? 0) << 16);
}

/** Octets of payload in a segment of the TCP packet that the frame at `at` holds; 0: it is one packet; −1: no TCP of IPv4. */
export function segmentOf({ octets, halves }: PacketMemory, at: number): number {
  const type = octets[at + 1];
  if (type === GSO_NONE) return 0;
  return type === GSO_TCPV4 ? (halves[(at + 4) >>> 1] ?? 0) : -1;
}

/** Where a sum is to be completed, as an offset from Ethernet's header, and the field behind that; −1: nowhere. */
export const checksumStart = ({ octets, halves }: PacketMemory, at: number): number =>
  ((octets[at] ?? 0) & NEEDS_CSUM) === 0 ? -1 : at + VIRTIO_OCTETS + (halves[(at + 6) >>> 1] ?? 0);
export const checksumField = ({ halves }: PacketMemory, at: number): number => halves[(at + 8) >>> 1] ?? 0;

/** Writes the header of a packet that is to come in by the device: from node to node, both read as words. */
export function writeDeviceHeader(memory: PacketMemory, at: number, to: number, from: number): void {
  const { halves } = memory;
  const half = at >>> 1;
  for (let index = 0; index < VIRTIO_OCTETS / 2; index++) halves[half + index] = 0;
  halves[half + 5] = NODE;
  halves[half + 6] = to;
  halves[half + 7] = to >>> 16;
  halves[half + 8] = NODE;
  halves[half + 9] = from;
  halves[half + 10] = from >>> 16;
  halves[half + 11] = IPV4;
}

/** Leaves a checksum to the kernel: it covers all behind `start`, and lies `field` octets behind that. */
export function leaveChecksum({ octets, halves }: PacketMemory, at: number, start: number, field: number): void {
  octets[at] = NEEDS_CSUM;
  halves[(at + 6) >>> 1] = start - at - VIRTIO_OCTETS;
  halves[(at + 8) >>> 1] = field;
}

/** Leaves the cutting into segments to the kernel: `headers` of IPv4 and TCP, so many octets of payload in each. */
export function leaveSegments({ octets, halves }: PacketMemory, at: number, headers: number, segment: number): void {
  octets[at + 1] = GSO_TCPV4;
  halves[(at + 2) >>> 1] = ETHERNET_OCTETS + headers;
  halves[(at + 4) >>> 1] = segment;
}
