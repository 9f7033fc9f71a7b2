/** AF_NETLINK sockets of the real kernel. linux/netlink.h, netlink(7). */
import { KernelError, type NetlinkOptions, type NetlinkProtocol, type NetlinkSocket } from "../../port/netlink.ts";
import { addressOf, call, callOffLoop, kernelError, pollReadable, tryCall } from "./libc.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const BPF_LD_W_ABS = 0x20;
const BPF_JEQ_K = 0x15;
const BPF_RET_K = 0x06;

const protocolNumber: Record<NetlinkProtocol, number> = { route: 0, netfilter: 12, generic: 16 };

/** One nft batch of large sets must fit one datagram; the kernel doubles what it is asked for. */
const SEND_BUFFER_OCTETS = 8 << 20;
const RECEIVE_BUFFER_OCTETS = 4 << 20;
/** The kernel fills dump datagrams up to the size of the read, at most 32 KiB. */
const READ_OCTETS = 64 << 10;

/** Opens a socket in the namespace that the calling thread is in. */
export function openNetlinkSocket(options: NetlinkOptions): NetlinkSocket {
  const flags = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const fd = call("socket", [AF_NETLINK, flags, protocolNumber[options.protocol]], `netlink ${options.protocol}`);
  try {
    bufferSize(fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER_OCTETS);
    bufferSize(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.receiveBuffer ?? RECEIVE_BUFFER_OCTETS);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) call("setsockopt", [fd, SOL_NETLINK, option, int(1), 4]);
    if (options.protocol === "route") call("setsockopt", [fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, int(1), 4]);
    if (options.exceptPorts?.length) dropFromPorts(fd, options.exceptPorts);
    call("bind", [fd, socketAddress(), 12]);
    for (const group of options.groups ?? []) {
      call("setsockopt", [fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, int(group), 4], `netlink group ${group}`);
    }
    return new LinuxNetlinkSocket(fd, portOf(fd));
  } catch (failure) {
    call("close", [fd]);
    throw failure;
  }
}

const int = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeInt32LE(value);
  return octets;
};

/** Above the system's limit only with CAP_NET_ADMIN in the initial user namespace; otherwise as much as the limit allows. */
function bufferSize(fd: number, force: number, plain: number, octets: number): void {
  if (tryCall("setsockopt", [fd, SOL_SOCKET, force, int(octets), 4]) < 0) {
    call("setsockopt", [fd, SOL_SOCKET, plain, int(octets), 4]);
  }
}

/**
 * A classic BPF program on the socket: drops datagrams whose first message carries one of these ports (nlmsg_pid, at octet
 * 12). The program loads in network order what netlink writes in the host's, so the constants are swapped.
 */
function dropFromPorts(fd: number, ports: readonly number[]): void {
  const instructions = [
    { code: BPF_LD_W_ABS, jumpTrue: 0, k: 12 },
    // From the comparison at `index` over those behind it and the instruction that keeps, to the one that drops.
    ...ports.map((port, index) => ({ code: BPF_JEQ_K, jumpTrue: ports.length - index, k: swapped(port) })),
    { code: BPF_RET_K, jumpTrue: 0, k: 0xffffffff },
    { code: BPF_RET_K, jumpTrue: 0, k: 0 },
  ];
  const program = Buffer.alloc(instructions.length * 8);
  for (const [index, { code, jumpTrue, k }] of instructions.entries()) {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(jumpTrue, index * 8 + 2);
    program.writeUInt32LE(k, index * 8 + 4);
  }
  // struct sock_fprog: the number of instructions, and a pointer to them.
  const filter = Buffer.alloc(16);
  filter.writeUInt16LE(instructions.length);
  filter.writeBigUInt64LE(addressOf(program), 8);
  call("setsockopt", [fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, filter.length], "netlink filter");
}

function swapped(value: number): number {
  const octets = Buffer.alloc(4);
  octets.writeUInt32LE(value);
  return octets.readUInt32BE();
}

/** struct sockaddr_nl with port 0: the kernel chooses. */
function socketAddress(): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK);
  return address;
}

function portOf(fd: number): number {
  const address = socketAddress();
  call("getsockname", [fd, address, int(12)]);
  return address.readUInt32LE(4);
}

class LinuxNetlinkSocket implements NetlinkSocket {
  readonly portId: number;
  readonly #fd: number;
  readonly #read = Buffer.allocUnsafe(READ_OCTETS);
  #poll: { close(): void } | undefined;
  #closed = false;

  constructor(fd: number, portId: number) {
    this.#fd = fd;
    this.portId = portId;
  }

  send(octets: Uint8Array): void {
    call("send", [this.#open(), octets, octets.length, 0], "netlink message");
  }

  async sendOffLoop(octets: Uint8Array): Promise<void> {
    await callOffLoop("send", [this.#open(), octets, octets.length, 0], "netlink message");
  }

  receive(): Uint8Array | undefined {
    const fd = this.#open();
    const length = tryCall("recv", [fd, this.#read, READ_OCTETS, MSG_DONTWAIT | MSG_TRUNC]);
    if (length === -EAGAIN) return undefined;
    if (length < 0) throw kernelError("recv", -length, "netlink message");
    if (length > READ_OCTETS) {
      throw new KernelError({ call: "recv", errno: "EMSGSIZE", number: 90, subject: `netlink message of ${length}` });
    }
    return Uint8Array.from(this.#read.subarray(0, length));
  }

  onReadable(readable: () => void): void {
    this.#poll = pollReadable(this.#open(), readable);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll?.close();
    call("close", [this.#fd]);
  }

  #open(): number {
    if (this.#closed) throw new KernelError({ call: "netlink", errno: "EBADF", number: 9, subject: "a closed socket" });
    return this.#fd;
  }
}
