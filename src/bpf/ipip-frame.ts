/**
 * What the two IP-in-IP programs agree on: where things are in a frame, on the stack and in the context, and how
 * Ethernet addresses on the tunnel's device tell of IPv4 addresses of nodes.
 */
import type { Ipv4 } from "../ip/address.ts";

export const ETHERNET_OCTETS = 14;
export const IPV4_OCTETS = 20;
/** IPPROTO_*. */
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_IPIP = 4;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

/** Octets into an IPv4 header (RFC 791). */
export const Ipv4At = {
  version: 0,
  tos: 1,
  length: 2,
  identification: 4,
  fragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
} as const;

/** Octets into struct __sk_buff (linux/bpf.h). */
export const ContextAt = {
  length: 0,
  protocol: 16,
  vlanPresent: 20,
  data: 76,
  dataEnd: 80,
  segmentOctets: 176,
} as const;

/** A frame's first 34 octets on the stack: Ethernet's header, and IPv4's at a multiple of four, as the verifier wants it. */
export const FRAME = -42;
export const HEADER = FRAME + ETHERNET_OCTETS;
export const FRAME_OCTETS = ETHERNET_OCTETS + IPV4_OCTETS;

/** TC_ACT_UNSPEC: the next filter, and behind the last the stack, decides. TC_ACT_SHOT: dropped. */
export const Verdict = { next: -1, drop: 2 } as const;

/** Two octets of a packet as a 16-bit load shows them on a little-endian host. */
export const loaded16 = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);

/** In an IPv4 header's half of flags and offset, as a load shows it: don't fragment; the offset; more fragments, or an offset. */
export const Fragment = { dont: loaded16(0x4000), offset: loaded16(0x1fff), any: loaded16(0x3fff) } as const;

/** BPF_F_INGRESS of `redirect`: the packet comes in by the device. */
export const COMES_IN = 1;

/** ECN field of the TOS octet (RFC 3168). */
export const Ecn = { mask: 3, ect1: 1, ect0: 2, ce: 3 } as const;

/** BPF_ADJ_ROOM_MAC: room is made, or taken, right behind the Ethernet header. */
export const BEHIND_ETHERNET = 1;

/** BPF_F_ADJ_ROOM_*. */
export const RoomFlag = { fixedGso: 1, encapsulatesIpv4: 2, keepChecksumState: 32 } as const;

/** An address in a packet as a 32-bit load shows it on a little-endian host; signed, as immediates are. */
export const loaded32 = (address: Ipv4): number =>
  (address << 24) | ((address & 0xff00) << 8) | ((address >>> 8) & 0xff00) | (address >>> 24);

/** ETH_P_IP as the context's `protocol` shows it. */
export const PROTOCOL_IPV4 = loaded16(0x0800);

/** First two octets of every Ethernet address on the tunnel's device, a locally administered one; a node's IPv4 address follows. */
export const MAC_PREFIX = 0x0200;

/** The Ethernet address by which a node is known on the tunnel's device: `02:00:0a:1e:00:88` for 10.30.0.136. */
export const tunnelMac = (node: Ipv4): string =>
  ["02", "00", ...[24, 16, 8, 0].map((shift) => ((node >>> shift) & 0xff).toString(16).padStart(2, "0"))].join(":");
