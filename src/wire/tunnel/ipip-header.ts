/**
 * The outer header of IP-in-IP as the kernel's ipip writes and reads it with its defaults for `tunl0` (net/ipv4/ip_tunnel.c,
 * ip_tunnel_xmit: ttl inherit, tos 0, nopmtudisc; include/net/inet_ecn.h). The BPF programs (`bpf/ipip-*.ts`) do the same.
 */
import { folded } from "./internet-sum.ts";
import { networkHalf, type PacketMemory } from "./packet-memory.ts";

export const OUTER_OCTETS = 20;

const PROTOCOL_IPIP = 4;
const DF = 0x40;
/** More fragments, or an offset. */
const FRAGMENT = 0x3fff;

/** ECN field of the TOS octet (RFC 3168). */
const ECN = 3;
const ECT1 = 1;
const ECT0 = 2;
const CE = 3;

/** TOS outside: DSCP 0, the inner ECN field, ECT(0) for CE. INET_ECN_encapsulate after RFC 3168 9.1.1. */
export const outerTos = (inner: number): number => ((inner & ECN) === CE ? ECT0 : inner & ECN);

/** The inner TOS as it shall go on; undefined: the packet is to be dropped. INET_ECN_decapsulate, which is RFC 6040 4.2. */
export function innerTos(outer: number, inner: number): number | undefined {
  const around = outer & ECN;
  const within = inner & ECN;
  // Who does not know of ECN can be told of congestion by loss alone.
  if (around === CE) return within === 0 ? undefined : inner | CE;
  return around === ECT1 && within === ECT0 ? inner ^ ECT0 ^ ECT1 : inner;
}

/**
 * Writes the outer header for the packet at `inner`, both at multiples of four. Length, identification (0 with DF: RFC 6864 4.1)
 * and checksum are left 0 for the kernel, which fills them in (raw(7), IP_HDRINCL). `local`, `remote`: as they lie in a packet,
 * read as a word.
 */
export function writeOuter(
  to: PacketMemory,
  at: number,
  from: PacketMemory,
  inner: number,
  local: number,
  remote: number,
): void {
  const { octets } = from;
  const word = at >>> 2;
  to.words[word] = 0x45 | (outerTos(octets[inner + 1] ?? 0) << 8);
  to.words[word + 1] = ((octets[inner + 6] ?? 0) & DF) << 16;
  to.words[word + 2] = (octets[inner + 8] ?? 0) | (PROTOCOL_IPIP << 8);
  to.words[word + 3] = local;
  to.words[word + 4] = remote;
}

/**
 * Where the inner packet begins that a raw socket has read at `at`, its TOS as it shall be; 0: nothing that may come in. The
 * kernel has checked the outer header and joined fragments.
 */
export function openOuter(memory: PacketMemory, at: number, length: number): number {
  const { octets, halves } = memory;
  const inner = at + (((octets[at] ?? 0) & 0xf) << 2);
  if (length < inner - at + OUTER_OCTETS || (octets[inner] ?? 0) >>> 4 !== 4 || (inner & 3) !== 0) return 0;
  const innerLength = networkHalf(memory, inner + 2);
  if (innerLength < OUTER_OCTETS || innerLength > length - (inner - at)) return 0;
  const before = octets[inner + 1] ?? 0;
  const after = innerTos(octets[at + 1] ?? 0, before);
  if (after === undefined) return 0;
  if (after !== before) {
    // RFC 1624: the checksum follows the half that changes.
    const half = inner >>> 1;
    const was = halves[half] ?? 0;
    octets[inner + 1] = after;
    halves[half + 5] = ~folded((~(halves[half + 5] ?? 0) & 0xffff) + (~was & 0xffff) + (halves[half] ?? 0));
  }
  return inner;
}

/** Whether the packet at `ip` is a part of one. */
export const isFragment = (memory: PacketMemory, ip: number): boolean => (networkHalf(memory, ip + 6) & FRAGMENT) !== 0;
