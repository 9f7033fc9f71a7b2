/**
 * The answer to a packet that must not be fragmented and that the path of its outer one cannot carry: it becomes "fragmentation
 * needed" to its own sender (RFC 792, RFC 1191), comes in by the tunnel's device, and the kernel takes it where the sender is.
 *
 * It comes from the packet's destination: the node's own address would be refused as a martian, and to others than the
 * destination no route leads by the tunnel, which a strict `rp_filter` asks for.
 */
import type { Ipv4 } from "../ip/address.ts";
import { FRAGMENTATION_NEEDED, ICMP_ERRORS, ICMP_OCTETS, IcmpAt } from "../wire/tunnel/too-big.ts";
import type { Assembler } from "./assembler.ts";
import { fold, putChecksum } from "./checksum.ts";
import {
  BEHIND_ETHERNET,
  COMES_IN,
  ETHERNET_OCTETS,
  FRAME,
  Fragment,
  HEADER,
  IPV4_OCTETS,
  Ipv4At,
  loaded16,
  loaded32,
  MAC_PREFIX,
  PROTOCOL_ICMP,
  PROTOCOL_IPV4,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from "./ipip-frame.ts";
import { LEAST_PATH_MTU } from "./ipip-path-mtu.ts";

/** Octets of the packet that are told back: all answered ones have them, and no answer is longer than 576 (RFC 1812 4.3.2.3). */
export const QUOTED_OCTETS = 528;
/** A piece of them on the stack. */
const PIECE_OCTETS = QUOTED_OCTETS / 2;
const PIECE = -328;
/** The answer's headers there, so that IPv4's is at a multiple of four. */
const ANSWER = -326;
const ANSWER_OCTETS = ETHERNET_OCTETS + IPV4_OCTETS + ICMP_OCTETS;
const IP = ANSWER + ETHERNET_OCTETS;
const ICMP = IP + IPV4_OCTETS;

/** Octets from a transport header's begin to its checksum. */
const checksumsAt = { [PROTOCOL_TCP]: 16, [PROTOCOL_UDP]: 6 } as const;
/** Internetwork control, as the kernel's own. */
const TOS = 0xc0;
const TTL = 64;

if (QUOTED_OCTETS > LEAST_PATH_MTU - IPV4_OCTETS) throw new RangeError("not all packets have what is told back");

/** From `tooLong`, with the longest packet in r8. What may not be answered goes to `drop`. */
export function answerTooLong(program: Assembler, local: Ipv4, tunnel: number): void {
  program.label("tooLong");
  mayBeAnswered(program);
  program.call("changeTail", "r6", ETHERNET_OCTETS + QUOTED_OCTETS, 0).jumpIfResult("notEqual", "drop");
  sumOfQuoted(program);
  program.call("adjustRoom", "r6", IPV4_OCTETS + ICMP_OCTETS, BEHIND_ETHERNET, 0).jumpIfResult("notEqual", "drop");
  ethernet(program, local);
  ipv4(program);
  icmp(program);
  program
    .call("storeBytes", "r6", 0, { stack: ANSWER }, ANSWER_OCTETS, 0)
    .jumpIfResult("notEqual", "drop")
    .call("redirect", tunnel, COMES_IN)
    .exit();
}

/** No later fragment, and no error. r7: where the transport header begins. */
function mayBeAnswered(program: Assembler): void {
  program
    .load(2, "r2", "r10", HEADER + Ipv4At.fragment)
    .alu("and", "r2", Fragment.offset)
    .jumpIf("r2", "notEqual", 0, "drop")
    .load(1, "r7", "r10", HEADER + Ipv4At.version)
    .alu("and", "r7", 0xf)
    .alu("shiftLeft", "r7", 2)
    .alu("add", "r7", ETHERNET_OCTETS)
    .load(1, "r2", "r10", HEADER + Ipv4At.protocol)
    .jumpIf("r2", "notEqual", PROTOCOL_ICMP, "answer")
    .call("loadBytes", "r6", "r7", { stack: PIECE }, 1)
    .jumpIfResult("notEqual", "drop")
    .load(1, "r2", "r10", PIECE);
  for (const type of ICMP_ERRORS) program.jumpIf("r2", "equal", type, "drop");
  program.label("answer");
}

/**
 * r9: the sum of what is told back.
 *
 * A packet of a pod on this host has no checksum of TCP or UDP yet: whoever sends it puts it in, and nothing tells a program so.
 * The field is set to what it will be in either case, the negative half of the sum R of all else behind it: then R + field is R/2
 * as it stands, and with the right checksum of a sum that has `field` in it, −(R + field), it is −field, which is R/2 too. The
 * IPv4 header itself is right and sums up to nothing.
 */
function sumOfQuoted(program: Assembler): void {
  for (const [index, before] of [0, "r9"].entries()) {
    program
      .call("loadBytes", "r6", ETHERNET_OCTETS + index * PIECE_OCTETS, { stack: PIECE }, PIECE_OCTETS)
      .jumpIfResult("notEqual", "drop")
      .call("checksumDifference", 0, 0, { stack: PIECE }, PIECE_OCTETS, before as 0 | "r9")
      .alu32("move", "r9", "r0");
  }
  program.alu("move", "r0", "r9");
  fold(program);
  program.alu("move", "r9", "r0").load(1, "r2", "r10", HEADER + Ipv4At.protocol);
  for (const [protocol, at] of Object.entries(checksumsAt)) {
    const other = `not ${protocol}`;
    program.jumpIf("r2", "notEqual", Number(protocol), other).alu("add", "r7", at).goTo("halve").label(other);
  }
  program
    .goTo("summed")
    .label("halve")
    .call("loadBytes", "r6", "r7", { stack: PIECE }, 2)
    .jumpIfResult("notEqual", "drop")
    .load(2, "r0", "r10", PIECE)
    .alu("xor", "r0", 0xffff)
    .alu("add", "r0", "r9");
  fold(program);
  program
    .alu("move", "r9", "r0")
    .alu("and", "r0", 1)
    .jumpIf("r0", "equal", 0, "even")
    .alu("add", "r9", 0xffff)
    .label("even")
    .alu("shiftRight", "r9", 1)
    .alu("move", "r2", "r9")
    .alu("xor", "r2", 0xffff)
    .store(2, "r10", PIECE, "r2")
    .call("storeBytes", "r6", "r7", { stack: PIECE }, 2, 0)
    .jumpIfResult("notEqual", "drop")
    .label("summed");
}

/** To the tunnel's device, from the node that the packet was for. */
function ethernet(program: Assembler, local: Ipv4): void {
  program
    .store(2, "r10", ANSWER, loaded16(MAC_PREFIX))
    .store(4, "r10", ANSWER + 2, loaded32(local))
    .store(2, "r10", ANSWER + 6, loaded16(MAC_PREFIX));
  for (const half of [2, 4]) program.load(2, "r2", "r10", FRAME + half).store(2, "r10", ANSWER + 6 + half, "r2");
  program.store(2, "r10", ANSWER + 12, PROTOCOL_IPV4);
}

/** From the packet's destination to its source. It fits everywhere, and needs no identification (RFC 6864 4.1). */
function ipv4(program: Assembler): void {
  program
    .store(1, "r10", IP + Ipv4At.version, 0x45)
    .store(1, "r10", IP + Ipv4At.tos, TOS)
    .store(2, "r10", IP + Ipv4At.length, loaded16(IPV4_OCTETS + ICMP_OCTETS + QUOTED_OCTETS))
    .store(2, "r10", IP + Ipv4At.identification, 0)
    .store(2, "r10", IP + Ipv4At.fragment, Fragment.dont)
    .store(1, "r10", IP + Ipv4At.ttl, TTL)
    .store(1, "r10", IP + Ipv4At.protocol, PROTOCOL_ICMP)
    .load(4, "r2", "r10", HEADER + Ipv4At.destination)
    .store(4, "r10", IP + Ipv4At.source, "r2")
    .load(4, "r2", "r10", HEADER + Ipv4At.source)
    .store(4, "r10", IP + Ipv4At.destination, "r2");
  putChecksum(program, { at: IP, count: IPV4_OCTETS, field: Ipv4At.checksum });
}

/** Destination unreachable, fragmentation needed, with the MTU in r8; r9 is the sum of what follows. */
function icmp(program: Assembler): void {
  program
    .toNetworkOrder16("r8")
    .store(2, "r10", ICMP, loaded16(FRAGMENTATION_NEEDED))
    .store(2, "r10", ICMP + 4, 0)
    .store(2, "r10", ICMP + IcmpAt.mtu, "r8");
  putChecksum(program, { at: ICMP, count: ICMP_OCTETS, field: IcmpAt.checksum }, "r9");
}
