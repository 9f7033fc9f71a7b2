/**
 * TCP segments cut from a large one, and joined to one, as the kernel's offloads do it (GSO, GRO): a device that takes and gives
 * large ones makes a packet's way through user space cheap. IPv4 without options; positions of headers are multiples of four.
 */
import { folded, internetSum, pseudoSum, writeHeaderChecksum } from "./internet-sum.ts";
import { isFragment } from "./ipip-header.ts";
import { networkHalf, type PacketMemory, setNetworkHalf } from "./packet-memory.ts";

const IP = 20;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
/** TCP flags (RFC 9293 3.1). */
const FIN = 0x01;
const PSH = 0x08;
const ACK = 0x10;
const CWR = 0x80;
const CHECKSUM_AT = 16;

/** Octets of both headers of the TCP packet at `ip`; 0 where it is none, or one with options of IPv4, or a fragment. */
export function tcpHeaders(memory: PacketMemory, ip: number, length: number): number {
  const { octets } = memory;
  if (length < 2 * IP || octets[ip] !== 0x45 || octets[ip + 9] !== PROTOCOL_TCP || isFragment(memory, ip)) return 0;
  const headers = IP + (((octets[ip + IP + 12] ?? 0) >>> 4) << 2);
  return headers < 2 * IP || headers > length ? 0 : headers;
}

/** Cuts one large packet after the other into segments. Their payload stays where it is: only headers are written. */
export class SegmentCutter {
  #from: PacketMemory;
  #ip = 0;
  #headers = 0;
  #segment = 0;
  #end = 0;
  #index = 0;
  /** Where the payload lies of the segment whose headers were written last. */
  payloadAt = 0;

  constructor(from: PacketMemory) {
    this.#from = from;
  }

  /** Begins with the packet at `ip`; `headers` and `length` as `tcpHeaders` has them, `segment`: octets of payload in each. */
  begin(ip: number, headers: number, length: number, segment: number): void {
    this.#ip = ip;
    this.#headers = headers;
    this.#segment = segment;
    this.#end = ip + length;
    this.#index = -1;
    this.payloadAt = ip + headers - segment;
  }

  /** Writes the next segment's headers to `at`; the octets of its payload, 0 behind the last. */
  next(to: PacketMemory, at: number): number {
    this.payloadAt += this.#segment;
    const length = Math.min(this.#segment, this.#end - this.payloadAt);
    if (length <= 0) return 0;
    this.#index++;
    const from = this.#from;
    const ip = this.#ip;
    const headers = this.#headers;
    for (let word = 0; word < headers >>> 2; word++) to.words[(at >>> 2) + word] = from.words[(ip >>> 2) + word] ?? 0;
    setNetworkHalf(to, at + 2, headers + length);
    setNetworkHalf(to, at + 4, networkHalf(from, ip + 4) + this.#index);
    writeHeaderChecksum(to, at, IP);
    const tcp = at + IP;
    const offset = this.payloadAt - ip - headers;
    to.octets.writeUInt32BE((from.octets.readUInt32BE(ip + IP + 4) + offset) >>> 0, tcp + 4);
    const isLast = this.payloadAt + length === this.#end;
    const off = (isLast ? 0 : FIN | PSH) | (this.#index === 0 ? 0 : CWR);
    to.octets[tcp + 13] = (to.octets[tcp + 13] ?? 0) & ~off;
    const half = (tcp + CHECKSUM_AT) >>> 1;
    to.halves[half] = 0;
    const sum = pseudoSum(to, at, headers - IP + length) + internetSum(to, tcp, headers - IP);
    to.halves[half] = ~folded(sum + internetSum(from, this.payloadAt, length));
    return length;
  }
}

/** Completes a checksum that the kernel left to a device: what it wrote there is the sum of the pseudo header. */
export function completeChecksum(memory: PacketMemory, start: number, field: number, end: number): void {
  const sum = ~internetSum(memory, start, end - start) & 0xffff;
  // UDP: 0 would say that there is none (RFC 768).
  memory.octets.writeUInt16LE(sum === 0 ? 0xffff : sum, field);
}

/** Where the checksum of TCP or UDP is that the sender's kernel left to a device, which it has not met; 0: it is whole. */
export function partialChecksumAt(memory: PacketMemory, ip: number, length: number): number {
  const { octets, halves } = memory;
  const protocol = octets[ip + 9];
  if (octets[ip] !== 0x45 || (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) || isFragment(memory, ip))
    return 0;
  const field = ip + IP + (protocol === PROTOCOL_TCP ? CHECKSUM_AT : 6);
  if (field + 2 > ip + length) return 0;
  return halves[field >>> 1] === pseudoSum(memory, ip, length - IP) ? field : 0;
}

/** Whether the TCP packet's checksum is right; one that was left to a device is taken for right. */
export function isTcpSound(memory: PacketMemory, ip: number, length: number): boolean {
  const pseudo = pseudoSum(memory, ip, length - IP);
  if (memory.halves[(ip + IP + CHECKSUM_AT) >>> 1] === pseudo) return true;
  return folded(pseudo + internetSum(memory, ip + IP, length - IP)) === 0xffff;
}

/** Whether segments may be joined to this one: data, and no flag that marks a place in the stream. */
export const isPlainData = ({ octets }: PacketMemory, ip: number, headers: number, length: number): boolean =>
  length > headers && ((octets[ip + IP + 13] ?? 0) & ~PSH) === ACK;

/** Whether a segment ends a run: its sender had no more. */
export const isPushed = ({ octets }: PacketMemory, ip: number): boolean => ((octets[ip + IP + 13] ?? 0) & PSH) !== 0;

/**
 * Whether `next` goes on where `first`, with `payload` octets behind its headers by now, ends: all of the headers equal that GRO
 * compares (net/ipv4/tcp_offload.c, tcp_gro_receive; af_inet.c, inet_gro_receive).
 */
export function continues(
  memory: PacketMemory,
  first: number,
  next: number,
  headers: number,
  payload: number,
): boolean {
  const { words, octets } = memory;
  const a = first >>> 2;
  const b = next >>> 2;
  const differ = (word: number): number => (words[a + word] ?? 0) ^ (words[b + word] ?? 0);
  // TOS; DF; TTL; addresses; ports; acknowledgement; flags but PSH, window; options.
  let difference = (differ(0) & 0xffff) | (differ(1) >>> 16) | (differ(2) & 0xffff) | differ(3) | differ(4) | differ(5);
  difference |= differ(7) | (differ(8) & ~(PSH << 8));
  for (let word = 10; word < headers >>> 2; word++) difference |= differ(word);
  if (difference !== 0) return false;
  const sequence = octets.readUInt32BE(next + IP + 4);
  return ((octets.readUInt32BE(first + IP + 4) + payload) | 0) === (sequence | 0);
}

/** Makes the headers at `ip` those of a packet with so much payload, its checksum left to a device. */
export function joinHeaders(memory: PacketMemory, ip: number, headers: number, payload: number, isEnd: boolean): void {
  setNetworkHalf(memory, ip + 2, headers + payload);
  writeHeaderChecksum(memory, ip, IP);
  if (isEnd) memory.octets[ip + IP + 13] = (memory.octets[ip + IP + 13] ?? 0) | PSH;
  memory.halves[(ip + IP + CHECKSUM_AT) >>> 1] = pseudoSum(memory, ip, headers - IP + payload);
}
