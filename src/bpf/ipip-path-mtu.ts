/**
 * Path MTUs of nodes, for kernels where nobody answers for protocol 4. The program at the NIC learns them from "fragmentation
 * needed" about our outer packets, as the kernel's ipip does (net/ipv4/ipip.c, ipip_err; net/ipv4/route.c, __ip_rt_update_pmtu);
 * the one at the tunnel's device asks them. Both share a map, from a node's address in network order to the longest outer packet,
 * 32 bits in the host's order. The agent forgets what is old: programs have no clock that all may read.
 */
import type { Ipv4 } from "../ip/address.ts";
import { FRAGMENTATION_NEEDED, ICMP_OCTETS, IcmpAt } from "../wire/tunnel/too-big.ts";
import type { Assembler } from "./assembler.ts";
import {
  ContextAt,
  ETHERNET_OCTETS,
  FRAME,
  FRAME_OCTETS,
  Fragment,
  HEADER,
  IPV4_OCTETS,
  Ipv4At,
  loaded16,
  loaded32,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
} from "./ipip-frame.ts";

/** What the kernel takes a path to carry at least (sysctl net.ipv4.route.min_pmtu). */
export const LEAST_PATH_MTU = 552;

/** An ICMP header and the outer header that it quotes, on the stack. */
const TOLD = -96;
const QUOTED = TOLD + ICMP_OCTETS;
const MTU = -104;
/** One octet on the stack. */
const OCTET = -72;
const TCP_LENGTH_AT = 12;
const UDP_OCTETS = 8;
/** Beyond it, a 32-bit difference is below zero. */
const GREATEST = 0x7fffffff;

export interface PathMtuMaps {
  /** Descriptors: the nodes that may send, and their path MTUs. */
  readonly sources: number;
  readonly pathMtus: number;
}

/** Goes to `pass` with a fragment, or a header with options: the frame on the stack is of a whole packet behind 20 octets else. */
export function passUnlessWhole(program: Assembler): void {
  program
    .load(1, "r2", "r10", HEADER + Ipv4At.version)
    .jumpIf("r2", "notEqual", 0x45, "pass")
    .load(2, "r2", "r10", HEADER + Ipv4At.fragment)
    .alu("and", "r2", Fragment.any)
    .jumpIf("r2", "notEqual", 0, "pass");
}

/** Learns from the ICMP packet to `local` whose first header is on the stack. Goes to `pass` in any case. */
export function learnPathMtu(program: Assembler, local: Ipv4, { sources, pathMtus }: PathMtuMaps): void {
  passUnlessWhole(program);
  program
    .call("loadBytes", "r6", FRAME_OCTETS, { stack: TOLD }, ICMP_OCTETS + IPV4_OCTETS)
    .jumpIfResult("notEqual", "pass")
    .load(2, "r2", "r10", TOLD)
    .jumpIf("r2", "notEqual", loaded16(FRAGMENTATION_NEEDED), "pass")
    .load(1, "r2", "r10", QUOTED + Ipv4At.version)
    .jumpIf("r2", "notEqual", 0x45, "pass")
    .load(1, "r2", "r10", QUOTED + Ipv4At.protocol)
    .jumpIf("r2", "notEqual", PROTOCOL_IPIP, "pass")
    .load(4, "r2", "r10", QUOTED + Ipv4At.source)
    .jumpIf("r2", "notEqual", loaded32(local), "pass")
    // Who is not known is sent nothing, and would fill the map.
    .loadMap("r1", sources)
    .call("lookupElement", "r1", { stack: QUOTED + Ipv4At.destination })
    .jumpIfResult("equal", "pass")
    .load(2, "r7", "r10", TOLD + IcmpAt.mtu)
    .toNetworkOrder16("r7")
    .jumpIf("r7", "above", LEAST_PATH_MTU, "credible")
    .alu("move", "r7", LEAST_PATH_MTU)
    .label("credible")
    .loadMap("r1", pathMtus)
    .call("lookupElement", "r1", { stack: QUOTED + Ipv4At.destination })
    .jumpIfResult("equal", "learn")
    // Of several paths to a node the narrowest counts.
    .load(4, "r2", "r0", 0)
    .alu("subtract", "r2", 1)
    .alu("subtract", "r2", "r7")
    .jumpIf("r2", "above", GREATEST, "pass")
    .label("learn")
    .store(4, "r10", MTU, "r7")
    .loadMap("r1", pathMtus)
    .call("updateElement", "r1", { stack: QUOTED + Ipv4At.destination }, { stack: MTU }, 0);
}

/**
 * Goes to `tooLong`, with the longest inner packet in r8, where the frame on the stack holds a packet that its path cannot carry
 * and that must not be fragmented. Without DF a router fragments the outer packet, as it has no DF either.
 */
export function askPathMtu(program: Assembler, pathMtus: number): void {
  program
    .load(4, "r9", "r6", ContextAt.length)
    .alu("subtract", "r9", ETHERNET_OCTETS)
    .jumpIf("r9", "above", LEAST_PATH_MTU - IPV4_OCTETS, "ask")
    .goTo("fits")
    .label("ask")
    .load(2, "r2", "r10", HEADER + Ipv4At.fragment)
    .alu("and", "r2", Fragment.dont)
    .jumpIf("r2", "equal", 0, "fits")
    .loadMap("r1", pathMtus)
    // The node's address in the Ethernet destination.
    .call("lookupElement", "r1", { stack: FRAME + 2 })
    .jumpIfResult("equal", "fits")
    .load(4, "r8", "r0", 0)
    .alu("subtract", "r8", IPV4_OCTETS);
  segmentLength(program);
  program.alu("move", "r2", "r8").alu("subtract", "r2", "r9").jumpIf("r2", "above", GREATEST, "tooLong").label("fits");
}

/** r9: of a packet that will be segmented, the length of a segment: headers of IPv4 and TCP, or UDP, and payload. */
function segmentLength(program: Assembler): void {
  program
    .load(4, "r2", "r6", ContextAt.segmentOctets)
    .jumpIf("r2", "equal", 0, "measured")
    .alu("move", "r9", "r2")
    .load(1, "r7", "r10", HEADER + Ipv4At.version)
    .alu("and", "r7", 0xf)
    .alu("shiftLeft", "r7", 2)
    .alu("add", "r9", "r7")
    .alu("add", "r9", UDP_OCTETS)
    .load(1, "r2", "r10", HEADER + Ipv4At.protocol)
    .jumpIf("r2", "notEqual", PROTOCOL_TCP, "measured")
    .alu("add", "r7", ETHERNET_OCTETS + TCP_LENGTH_AT)
    .call("loadBytes", "r6", "r7", { stack: OCTET }, 1)
    .jumpIfResult("notEqual", "drop")
    .load(1, "r2", "r10", OCTET)
    .alu("shiftRight", "r2", 4)
    .alu("shiftLeft", "r2", 2)
    .alu("add", "r9", "r2")
    .alu("subtract", "r9", UDP_OCTETS)
    .label("measured");
}
