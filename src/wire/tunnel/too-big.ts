/** "Fragmentation needed" to the sender of a packet that a path cannot carry (RFC 792, RFC 1191), and which packets get it. */
import { internetSum } from "./internet-sum.ts";
import { networkHalf, PacketMemory, setNetworkHalf } from "./packet-memory.ts";

export const ICMP_OCTETS = 8;
/** Octets into an ICMP message; `mtu`: the next hop's (RFC 1191). */
export const IcmpAt = { checksum: 2, mtu: 6 } as const;
/** Octets of the packet that are told back: no answer is longer than 576 with its IPv4 header (RFC 1812 4.3.2.3). */
const QUOTED_OCTETS = 548;
/** Destination unreachable (type 3), fragmentation needed (code 4). */
export const FRAGMENTATION_NEEDED = 0x0304;
const PROTOCOL_ICMP = 1;
/** Packets with these types tell of errors themselves, and are not answered (RFC 1122 3.2.2). */
export const ICMP_ERRORS: readonly number[] = [3, 4, 5, 11, 12];
const DF = 0x4000;
const OFFSET = 0x1fff;

export const isUnfragmentable = (memory: PacketMemory, ip: number): boolean => (networkHalf(memory, ip + 6) & DF) !== 0;

/** The ICMP message about the packet at `ip`; undefined where it is an error itself, or a later fragment. */
export function tooBigFor(memory: PacketMemory, ip: number, mtu: number): Buffer | undefined {
  const { octets } = memory;
  const transport = ip + (((octets[ip] ?? 0) & 0xf) << 2);
  if ((networkHalf(memory, ip + 6) & OFFSET) !== 0) return undefined;
  if (octets[ip + 9] === PROTOCOL_ICMP && ICMP_ERRORS.includes(octets[transport] ?? 0)) return undefined;
  const quoted = Math.min(networkHalf(memory, ip + 2), QUOTED_OCTETS);
  const length = ICMP_OCTETS + quoted;
  const message = new PacketMemory(length);
  setNetworkHalf(message, 0, FRAGMENTATION_NEEDED);
  setNetworkHalf(message, IcmpAt.mtu, mtu);
  message.octets.set(octets.subarray(ip, ip + quoted), ICMP_OCTETS);
  message.halves[IcmpAt.checksum / 2] = ~internetSum(message, 0, length);
  return message.octets.subarray(0, length);
}
