/**
 * What becomes of packets whose outer ones the kernel refuses with EMSGSIZE: the NIC's MTU is smaller, or, with DF, the path's, which
 * the kernel knows since a raw socket of protocol 4 makes it believe "fragmentation needed". They are few: their senders learn.
 */
import { loaded32 } from "../../bpf/ipip-frame.ts";
import { type Ipv4, ipv4Of } from "../../ip/address.ts";
import { KernelError } from "../../port/netlink.ts";
import { OUTER_OCTETS, outerTos } from "../../wire/tunnel/ipip-header.ts";
import { networkHalf, type PacketMemory } from "../../wire/tunnel/packet-memory.ts";
import { isUnfragmentable, tooBigFor } from "../../wire/tunnel/too-big.ts";
import { InetSocket } from "../linux/inet-socket.ts";
import { sendFragmented } from "../linux/tunnel-socket.ts";

const addressOf = (word: number): Ipv4 => ipv4Of(loaded32(ipv4Of(word >>> 0)) >>> 0);

/**
 * Without DF the packet at `ip`, which is whole, goes to the node in fragments; with DF its sender is told what the path carries.
 * Addresses read as words. False: it is lost.
 */
export function rescued(memory: PacketMemory, ip: number, local: number, node: number): boolean {
  try {
    if (isUnfragmentable(memory, ip)) {
      answer(memory, ip, addressOf(node));
      return false;
    }
    const [tos = 0, ttl = 0] = [memory.octets[ip + 1], memory.octets[ip + 8]];
    const header = { local: addressOf(local), remote: addressOf(node), tos: outerTos(tos), ttl };
    sendFragmented(header, memory.octets.subarray(ip, ip + networkHalf(memory, ip + 2)));
    return true;
  } catch (failure) {
    if (failure instanceof KernelError) return false;
    throw failure;
  }
}

function answer(memory: PacketMemory, ip: number, node: Ipv4): void {
  const message = tooBigFor(memory, ip, pathMtuTo(node) - OUTER_OCTETS);
  if (!message) return;
  // From the address that the kernel answers from too: that of the route to the sender.
  const socket = new InetSocket("icmp");
  try {
    socket.connect(addressOf(memory.words[(ip + 12) >>> 2] ?? 0), 0);
    socket.send(message);
  } finally {
    socket.close();
  }
}

/** Any port will do: nothing is sent. */
const DISCARD = 9;

function pathMtuTo(node: Ipv4): number {
  const socket = new InetSocket("udp");
  try {
    socket.connect(node, DISCARD);
    return socket.pathMtu;
  } finally {
    socket.close();
  }
}
