/** Packet sockets: what tcpdump uses. packet(7). */
import type { NetNamespace } from "../../port/namespaces.ts";
import type { Frame, PacketTap, PacketTaps, TapOptions } from "../../port/packet-tap.ts";
import { call, kernelError, pollReadable, tryCall } from "./libc.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_VNET_HDR = 15;
const PACKET_OUTGOING = 4;
const MSG_TRUNC = 0x20;
const EAGAIN = 11;
const ENETDOWN = 100;

/** A 64 KiB segment (offloads make such frames on veth) with its link header. */
const LONGEST_FRAME = 66_000;
const RECEIVE_BUFFER_OCTETS = 4 << 20;
/** Frames read in one turn; what waits longer is read in the next. */
const FRAMES_PER_TURN = 256;
const ADDRESS_OCTETS = 20;

export class LinuxPacketTaps implements PacketTaps {
  open(net: NetNamespace, options: TapOptions, frame: (frame: Frame) => void): PacketTap {
    return net.run(() => new PacketSocket(options, frame));
  }
}

class PacketSocket implements PacketTap {
  readonly #fd: number;
  readonly #frame: (frame: Frame) => void;
  readonly #read: Buffer;
  readonly #address = Buffer.alloc(ADDRESS_OCTETS);
  readonly #addressLength = Buffer.alloc(4);
  readonly #poll: { close(): void };
  #closed = false;

  constructor(options: TapOptions, frame: (frame: Frame) => void) {
    this.#frame = frame;
    this.#read = Buffer.allocUnsafe(Math.min(options.snapOctets ?? LONGEST_FRAME, LONGEST_FRAME));
    // Protocol 0 receives nothing until bind says what: else frames of other devices slip in before it.
    this.#fd = call("socket", [AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0], "packet socket");
    try {
      const size = Buffer.alloc(4);
      size.writeInt32LE(RECEIVE_BUFFER_OCTETS);
      if (tryCall("setsockopt", [this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4]) < 0) {
        call("setsockopt", [this.#fd, SOL_SOCKET, SO_RCVBUF, size, 4]);
      }
      call("bind", [this.#fd, linkAddress(ETH_P_ALL, options.ifIndex ?? 0), ADDRESS_OCTETS], "packet socket");
      this.#poll = pollReadable(this.#fd, () => this.#readSome(FRAMES_PER_TURN));
    } catch (failure) {
      call("close", [this.#fd]);
      throw failure;
    }
  }

  drain(): void {
    this.#readSome(Number.POSITIVE_INFINITY);
  }

  #readSome(most: number): void {
    for (let count = 0; count < most && !this.#closed; count++) {
      this.#addressLength.writeInt32LE(ADDRESS_OCTETS);
      const length = tryCall("recvfrom", [
        this.#fd,
        this.#read,
        this.#read.length,
        MSG_TRUNC,
        this.#address,
        this.#addressLength,
      ]);
      // ENETDOWN says once that a device went down; the socket goes on.
      if (length === -EAGAIN || length === -ENETDOWN) return;
      if (length < 0) throw kernelError("recvfrom", -length, "packet socket");
      this.#frame({
        octets: this.#read.subarray(0, Math.min(length, this.#read.length)),
        length,
        ifIndex: this.#address.readInt32LE(4),
        linkType: this.#address.readUInt16LE(8),
        outgoing: this.#address.readUInt8(10) === PACKET_OUTGOING,
      });
    }
  }

  lost(): number {
    const statistics = Buffer.alloc(8);
    const length = Buffer.alloc(4);
    length.writeInt32LE(8);
    call("getsockopt", [this.#fd, SOL_PACKET, PACKET_STATISTICS, statistics, length], "packet statistics");
    return statistics.readUInt32LE(4);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    call("close", [this.#fd]);
  }
}

/**
 * A descriptor for sending by a device, and for that alone: each frame with what stands before those of a TAP device with
 * IFF_VNET_HDR. Throws KernelError. The caller closes it.
 */
export function openFrameSender(ifIndex: number): number {
  const fd = call("socket", [AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0], "packet socket");
  try {
    const on = Buffer.alloc(4);
    on.writeInt32LE(1);
    call("setsockopt", [fd, SOL_PACKET, PACKET_VNET_HDR, on, 4], "PACKET_VNET_HDR");
    call("bind", [fd, linkAddress(0, ifIndex), ADDRESS_OCTETS], "packet socket");
    return fd;
  } catch (failure) {
    call("close", [fd]);
    throw failure;
  }
}

/** struct sockaddr_ll: family, protocol (network order), index. */
function linkAddress(protocol: number, ifIndex: number): Buffer {
  const address = Buffer.alloc(ADDRESS_OCTETS);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(protocol, 2);
  address.writeInt32LE(ifIndex, 4);
  return address;
}
