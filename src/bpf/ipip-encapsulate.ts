/**
 * Puts an outer IPv4 header around every IPv4 packet that leaves by the tunnel's device, and sends it by the NIC. The
 * kernel has chosen the next hop; the Ethernet destination, which a permanent neighbour entry gave it, says which.
 *
 * The outer header is the kernel's own with its defaults for `tunl0` (net/ipv4/ip_tunnel.c, ip_tunnel_xmit; ttl inherit, tos 0,
 * nopmtudisc): TTL and DF of the inner header, DSCP 0, the inner ECN field with CE read as ECT(0) (include/net/inet_ecn.h,
 * INET_ECN_encapsulate, after RFC 3168 9.1.1). With DF the identification means nothing (RFC 6864 4.1) and is 0, which the
 * receiver's GRO can join; without, it is random.
 *
 * What the path to the node cannot carry is answered where it has DF (`ipip-path-mtu.ts`, `ipip-too-long.ts`).
 */
import { type Ipv4, ipv4Of } from "../ip/address.ts";
import { Assembler } from "./assembler.ts";
import { putChecksum } from "./checksum.ts";
import {
  BEHIND_ETHERNET,
  ContextAt,
  Ecn,
  ETHERNET_OCTETS,
  FRAME,
  Fragment,
  HEADER,
  IPV4_OCTETS,
  Ipv4At,
  loaded16,
  loaded32,
  MAC_PREFIX,
  PROTOCOL_IPIP,
  PROTOCOL_IPV4,
  RoomFlag,
  Verdict,
} from "./ipip-frame.ts";
import { askPathMtu } from "./ipip-path-mtu.ts";
import { answerTooLong } from "./ipip-too-long.ts";
import { loadFrame } from "./load-frame.ts";

export interface EncapsulationParameters {
  /** Source of the outer header. */
  readonly local: Ipv4;
  /** 0 … 32: nodes that share so many bits of `local` are on the NIC's link. */
  readonly subnetLength: number;
  /** The NIC that outer packets leave by. */
  readonly parent: number;
  /** The tunnel's device: answers come in there. */
  readonly tunnel: number;
  /** Descriptor of the map from nodes to path MTUs. */
  readonly pathMtus: number;
}

/** The outer header on the stack, below the frame. */
const OUTER = -64;
/** struct bpf_redir_neigh (linux/bpf.h), below what `ipip-path-mtu.ts` has there: the family and 16 octets of an address. */
const NEXT_HOP = -128;
const NEXT_HOP_OCTETS = 20;
const AF_INET = 2;
const LONGEST = 0xffff;

/** For the ingress of the tunnel device's other end. Whatever is no IPv4, or has no node to go to, is dropped. */
export function encapsulation(parameters: EncapsulationParameters): Uint8Array {
  const { local, tunnel, pathMtus } = parameters;
  const program = new Assembler()
    .alu("move", "r6", "r1")
    .load(4, "r2", "r6", ContextAt.protocol)
    .jumpIf("r2", "notEqual", PROTOCOL_IPV4, "drop");
  loadFrame(program, "drop");
  program
    .load(2, "r2", "r10", FRAME)
    .jumpIf("r2", "notEqual", loaded16(MAC_PREFIX), "drop")
    .load(1, "r2", "r10", HEADER + Ipv4At.version)
    .alu("shiftRight", "r2", 4)
    .jumpIf("r2", "notEqual", 4, "drop");
  askPathMtu(program, pathMtus);
  versionAndTos(program);
  totalLength(program);
  fragmentation(program);
  program
    .load(1, "r2", "r10", HEADER + Ipv4At.ttl)
    .store(1, "r10", OUTER + Ipv4At.ttl, "r2")
    .store(1, "r10", OUTER + Ipv4At.protocol, PROTOCOL_IPIP)
    .store(4, "r10", OUTER + Ipv4At.source, loaded32(local))
    .load(4, "r2", "r10", FRAME + 2)
    .store(4, "r10", OUTER + Ipv4At.destination, "r2");
  putChecksum(program, { at: OUTER, count: IPV4_OCTETS, field: Ipv4At.checksum });
  program
    // The device's MTU leaves room for the header: segments keep their size.
    .call(
      "adjustRoom",
      "r6",
      IPV4_OCTETS,
      BEHIND_ETHERNET,
      RoomFlag.fixedGso | RoomFlag.encapsulatesIpv4 | RoomFlag.keepChecksumState,
    )
    .jumpIfResult("notEqual", "drop")
    .call("storeBytes", "r6", ETHERNET_OCTETS, { stack: OUTER }, IPV4_OCTETS, 0)
    .jumpIfResult("notEqual", "drop");
  sendByNic(program, parameters);
  answerTooLong(program, local, tunnel);
  return program.label("drop").exit(Verdict.drop).assemble();
}

/**
 * To the node itself where it is on the NIC's link, which spares the packet a route lookup; else to the gateway that the kernel
 * finds.
 */
function sendByNic(program: Assembler, { local, subnetLength, parent }: EncapsulationParameters): void {
  const mask = loaded32(ipv4Of(-(2 ** (32 - subnetLength))));
  program
    .load(4, "r2", "r10", FRAME + 2)
    .alu32("move", "r3", "r2")
    .alu32("xor", "r3", loaded32(local))
    .alu32("and", "r3", mask)
    .jumpIf("r3", "notEqual", 0, "gateway")
    .store(4, "r10", NEXT_HOP, AF_INET)
    .store(4, "r10", NEXT_HOP + 4, "r2");
  // The rest of an address of 16 octets.
  for (let at = 8; at < NEXT_HOP_OCTETS; at += 4) program.store(4, "r10", NEXT_HOP + at, 0);
  program
    .call("redirectToNeighbour", parent, { stack: NEXT_HOP }, NEXT_HOP_OCTETS, 0)
    .exit()
    .label("gateway")
    .call("redirectToNeighbour", parent, 0, 0, 0)
    .exit();
}

function versionAndTos(program: Assembler): void {
  program
    .store(1, "r10", OUTER + Ipv4At.version, 0x45)
    .load(1, "r2", "r10", HEADER + Ipv4At.tos)
    .alu("and", "r2", Ecn.mask)
    .jumpIf("r2", "notEqual", Ecn.ce, "ecn")
    .alu("move", "r2", Ecn.ect0)
    .label("ecn")
    .store(1, "r10", OUTER + Ipv4At.tos, "r2");
}

/** Of a packet that will be segmented the kernel writes the length anew; one too long for the field has 0 (iph_set_totlen). */
function totalLength(program: Assembler): void {
  program
    .load(4, "r2", "r6", ContextAt.length)
    .alu("add", "r2", IPV4_OCTETS - ETHERNET_OCTETS)
    .jumpIf("r2", "above", LONGEST, "long")
    .goTo("length")
    .label("long")
    .alu("move", "r2", 0)
    .label("length")
    .toNetworkOrder16("r2")
    .store(2, "r10", OUTER + Ipv4At.length, "r2");
}

function fragmentation(program: Assembler): void {
  program
    .load(2, "r7", "r10", HEADER + Ipv4At.fragment)
    .alu("and", "r7", Fragment.dont)
    .store(2, "r10", OUTER + Ipv4At.fragment, "r7")
    .alu("move", "r0", 0)
    .jumpIf("r7", "notEqual", 0, "identified")
    .call("randomNumber")
    .label("identified")
    .store(2, "r10", OUTER + Ipv4At.identification, "r0");
}
