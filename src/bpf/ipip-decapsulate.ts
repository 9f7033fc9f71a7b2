/**
 * Takes the outer header off IP-in-IP packets that known nodes have sent to this one, as they come in by the NIC, and lets
 * them come in by the tunnel's device. Everything else goes on as if this were not there; IP-in-IP to this node's address from
 * anybody else is dropped, as are packets that have lost their shape.
 *
 * ECN as the kernel's (include/net/inet_ecn.h, INET_ECN_decapsulate), which is RFC 6040 4.2. Outer packets in fragments, or
 * with options in their header, go on to the stack, which gives them to whoever has a raw socket: the agent. From
 * "fragmentation needed" the path MTU is learned (`ipip-path-mtu.ts`).
 */
import type { Ipv4 } from "../ip/address.ts";
import { Assembler } from "./assembler.ts";
import { fold, sumWords } from "./checksum.ts";
import {
  BEHIND_ETHERNET,
  COMES_IN,
  ContextAt,
  Ecn,
  ETHERNET_OCTETS,
  FRAME_OCTETS,
  HEADER,
  IPV4_OCTETS,
  Ipv4At,
  loaded16,
  loaded32,
  MAC_PREFIX,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_IPV4,
  RoomFlag,
  Verdict,
} from "./ipip-frame.ts";
import { learnPathMtu, type PathMtuMaps, passUnlessWhole } from "./ipip-path-mtu.ts";
import { loadFrame } from "./load-frame.ts";

/** The keys of `sources` are the nodes that may send, four octets in network order. */
export interface DecapsulationParameters extends PathMtuMaps {
  /** Destination of the outer header: an address of the NIC. */
  readonly local: Ipv4;
  /** The tunnel's device. */
  readonly tunnel: number;
}

/** Inner version and TOS on the stack. */
const INNER = -48;
/** The new Ethernet addresses. */
const ADDRESSES = -64;
const ADDRESSES_OCTETS = 12;

/** For the ingress of the NIC. */
export function decapsulation({ local, tunnel, sources, pathMtus }: DecapsulationParameters): Uint8Array {
  const program = new Assembler();
  selection(program, local);
  program
    .loadMap("r1", sources)
    .call("lookupElement", "r1", { stack: HEADER + Ipv4At.source })
    .jumpIfResult("equal", "drop");
  soundness(program);
  program
    .call("loadBytes", "r6", FRAME_OCTETS, { stack: INNER }, 2)
    .jumpIfResult("notEqual", "drop")
    .load(1, "r2", "r10", INNER + Ipv4At.version)
    .alu("shiftRight", "r2", 4)
    .jumpIf("r2", "notEqual", 4, "drop");
  congestion(program);
  program
    .call("adjustRoom", "r6", -IPV4_OCTETS, BEHIND_ETHERNET, RoomFlag.fixedGso | RoomFlag.keepChecksumState)
    .jumpIfResult("notEqual", "drop");
  mark(program);
  ethernetAddresses(program, local);
  program.call("redirect", tunnel, COMES_IN).exit().label("told");
  learnPathMtu(program, local, { sources, pathMtus });
  return program.label("pass").exit(Verdict.next).label("drop").exit(Verdict.drop).assemble();
}

/** Goes on with IP-in-IP to this node, ICMP to it at `told`. A VLAN's packets are seen here too, before they are their device's. */
function selection(program: Assembler, local: Ipv4): void {
  program
    .alu("move", "r6", "r1")
    .load(4, "r2", "r6", ContextAt.protocol)
    .jumpIf("r2", "notEqual", PROTOCOL_IPV4, "pass")
    .load(4, "r2", "r6", ContextAt.vlanPresent)
    .jumpIf("r2", "notEqual", 0, "pass");
  loadFrame(program, "pass");
  program
    .load(4, "r2", "r10", HEADER + Ipv4At.destination)
    .jumpIf("r2", "notEqual", loaded32(local), "pass")
    .load(1, "r2", "r10", HEADER + Ipv4At.protocol)
    .jumpIf("r2", "equal", PROTOCOL_ICMP, "told")
    .jumpIf("r2", "notEqual", PROTOCOL_IPIP, "pass");
}

/** A whole packet with a header of 20 octets whose checksum is right. Fragments, and headers with options, are the stack's affair. */
function soundness(program: Assembler): void {
  passUnlessWhole(program);
  sumWords(program, { at: HEADER, count: IPV4_OCTETS });
  fold(program);
  program.jumpIf("r0", "notEqual", 0xffff, "drop");
}

/** r7: the inner TOS as it came, r8: as it shall be. */
function congestion(program: Assembler): void {
  program
    .load(1, "r2", "r10", HEADER + Ipv4At.tos)
    .alu("and", "r2", Ecn.mask)
    .load(1, "r7", "r10", INNER + Ipv4At.tos)
    .alu("move", "r8", "r7")
    .alu("move", "r3", "r7")
    .alu("and", "r3", Ecn.mask)
    .jumpIf("r2", "equal", Ecn.ce, "congested")
    .jumpIf("r2", "notEqual", Ecn.ect1, "ecn")
    .jumpIf("r3", "notEqual", Ecn.ect0, "ecn")
    .alu("xor", "r8", Ecn.ect0 ^ Ecn.ect1)
    .goTo("ecn")
    .label("congested")
    // Who does not know of ECN can be told of congestion by loss alone.
    .jumpIf("r3", "equal", 0, "drop")
    .alu("or", "r8", Ecn.ce)
    .label("ecn");
}

/** Writes the TOS where it changes, and the checksum that covers it. */
function mark(program: Assembler): void {
  program
    .alu("move", "r2", "r8")
    .alu("xor", "r2", "r7")
    .jumpIf("r2", "equal", 0, "marked")
    .load(2, "r7", "r10", INNER)
    .store(1, "r10", INNER + Ipv4At.tos, "r8")
    .load(2, "r8", "r10", INNER)
    .call("replaceHeaderChecksum", "r6", ETHERNET_OCTETS + Ipv4At.checksum, "r7", "r8", 2)
    .call("storeBytes", "r6", ETHERNET_OCTETS, { stack: INNER }, 2, 0)
    .label("marked");
}

/** To the tunnel's device, from the node that sent: a device takes only what is addressed to it. */
function ethernetAddresses(program: Assembler, local: Ipv4): void {
  program
    .store(2, "r10", ADDRESSES, loaded16(MAC_PREFIX))
    .alu32("move", "r2", loaded32(local))
    .store(2, "r10", ADDRESSES + 2, "r2")
    .alu32("shiftRight", "r2", 16)
    .store(2, "r10", ADDRESSES + 4, "r2")
    .store(2, "r10", ADDRESSES + 6, loaded16(MAC_PREFIX))
    .load(4, "r2", "r10", HEADER + Ipv4At.source)
    .store(4, "r10", ADDRESSES + 8, "r2")
    .call("storeBytes", "r6", 0, { stack: ADDRESSES }, ADDRESSES_OCTETS, 0);
}
