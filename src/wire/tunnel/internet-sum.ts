/**
 * The sum under the Internet checksum (RFC 1071) over memory in the host's order, which the sum does not care about: what is
 * written back by halves is right on the wire. For packets at hundreds of thousands a second; `ip/checksum.ts` is the plain one.
 */
import type { PacketMemory } from "./packet-memory.ts";

/** A sum as 16 bits, carries brought in. */
export function folded(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** The folded sum of at most 65,535 octets, which may begin anywhere. */
export function internetSum(memory: PacketMemory, at: number, length: number): number {
  if ((at & 1) !== 0 && length > 0) {
    const rest = internetSum(memory, at + 1, length - 1);
    return folded((memory.octets[at] ?? 0) + ((rest & 0xff) << 8) + (rest >>> 8));
  }
  const { octets, halves, words } = memory;
  const end = at + length;
  let sum = 0;
  let from = at;
  if ((from & 2) !== 0 && end - from >= 2) {
    sum = halves[from >>> 1] ?? 0;
    from += 2;
  }
  const last = end >>> 2;
  let word = from >>> 2;
  if ((from & 3) === 0) {
    for (; word + 4 <= last; word += 4) {
      const a = words[word] ?? 0;
      const b = words[word + 1] ?? 0;
      const c = words[word + 2] ?? 0;
      const d = words[word + 3] ?? 0;
      sum += (a & 0xffff) + (a >>> 16) + (b & 0xffff) + (b >>> 16);
      sum += (c & 0xffff) + (c >>> 16) + (d & 0xffff) + (d >>> 16);
    }
    for (; word < last; word++) {
      const a = words[word] ?? 0;
      sum += (a & 0xffff) + (a >>> 16);
    }
    from = word << 2;
  }
  if (end - from >= 2) {
    sum += halves[from >>> 1] ?? 0;
    from += 2;
  }
  return folded(sum + (from < end ? (octets[from] ?? 0) : 0));
}

/** The sum of the pseudo header (RFC 9293 3.1) of the IPv4 packet at `ip` around so many octets of TCP or UDP. */
export function pseudoSum({ halves, octets }: PacketMemory, ip: number, length: number): number {
  const half = (ip >>> 1) + 6;
  const addresses = (halves[half] ?? 0) + (halves[half + 1] ?? 0) + (halves[half + 2] ?? 0) + (halves[half + 3] ?? 0);
  return folded(addresses + ((octets[ip + 9] ?? 0) << 8) + (((length & 0xff) << 8) | (length >>> 8)));
}

/** Writes the checksum of the IPv4 header at `ip`, a multiple of four. */
export function writeHeaderChecksum(memory: PacketMemory, ip: number, headerOctets: number): void {
  memory.halves[(ip + 10) >>> 1] = 0;
  memory.halves[(ip + 10) >>> 1] = ~internetSum(memory, ip, headerOctets);
}
