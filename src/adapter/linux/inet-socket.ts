/** Non-blocking IPv4 sockets made in the namespace that the thread is in, with the options that Node's own lack. ip(7), raw(7). */
import koffi from "koffi";
import { type Ipv4, ipv4Of } from "../../ip/address.ts";
import { call, errnoName, kernelError, tryCall } from "./libc.ts";
import { AF_INET, socketAddress } from "./socket-address.ts";

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const IPPROTO_ICMP = 1;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_MTU = 14;
const IP_PMTUDISC_DO = 2;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const EAGAIN = 11;
const EINPROGRESS = 115;
const MSG_NOSIGNAL = 0x4000;

const types = {
  tcp: [SOCK_STREAM, 0],
  udp: [SOCK_DGRAM, 0],
  icmp: [SOCK_RAW, IPPROTO_ICMP],
} as const;

const int = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeInt32LE(value);
  return octets;
};

/** A call that would have to wait: `undefined`; one that failed: its errno. */
export type IoResult = { readonly count: number } | { readonly errno: string } | undefined;

export class InetSocket {
  readonly #fd: number;
  #poll: { close(): void } | undefined;
  #open = true;

  constructor(type: keyof typeof types) {
    const [kind, protocol] = types[type];
    this.#fd = call("socket", [AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol], `${type} socket`);
  }

  /** Sets DF and refuses to fragment: what is too big fails with EMSGSIZE. */
  neverFragment(): void {
    call("setsockopt", [this.#fd, IPPROTO_IP, IP_MTU_DISCOVER, int(IP_PMTUDISC_DO), 4], "IP_MTU_DISCOVER");
  }

  /** Listens on every address of the namespace. */
  bind(port: number): void {
    call("setsockopt", [this.#fd, SOL_SOCKET, SO_REUSEADDR, int(1), 4], "SO_REUSEADDR");
    const address = socketAddress(ipv4Of(0), port);
    call("bind", [this.#fd, address, address.length], `port ${port}`);
  }

  /** The errno of a refusal, undefined when the connection is made or under way. */
  connect(address: Ipv4, port: number): string | undefined {
    const to = socketAddress(address, port);
    const result = tryCall("connect", [this.#fd, to, to.length]);
    return result === 0 || result === -EINPROGRESS ? undefined : errnoName(-result);
  }

  /** What the path to the connected address carries, as far as the kernel knows. Throws KernelError ENOTCONN. */
  get pathMtu(): number {
    const value = int(0);
    call("getsockopt", [this.#fd, IPPROTO_IP, IP_MTU, value, int(4)], "IP_MTU");
    return value.readInt32LE();
  }

  get localPort(): number {
    const address = socketAddress(ipv4Of(0), 0);
    call("getsockname", [this.#fd, address, int(address.length)]);
    return address.readUInt16BE(2);
  }

  /** The pending error, cleared by reading it; undefined when there is none. */
  takeError(): string | undefined {
    const value = int(0);
    call("getsockopt", [this.#fd, SOL_SOCKET, SO_ERROR, value, int(4)], "SO_ERROR");
    const errno = value.readInt32LE();
    return errno === 0 ? undefined : errnoName(errno);
  }

  send(octets: Uint8Array): IoResult {
    return this.#result(tryCall("send", [this.#fd, octets, octets.length, MSG_NOSIGNAL]));
  }

  receive(into: Uint8Array): IoResult {
    return this.#result(tryCall("recv", [this.#fd, into, into.length, 0]));
  }

  #result(result: number): IoResult {
    if (result >= 0) return { count: result };
    return result === -EAGAIN ? undefined : { errno: errnoName(-result) };
  }

  /** Calls `ready` while the socket can be read (or, for `writable`, written), until asked otherwise. */
  onReady(event: "readable" | "writable", ready: () => void): void {
    this.#poll?.close();
    const handle = koffi.node.poll(this.#fd, { [event]: true }, () => {
      if (this.#open) ready();
    });
    this.#poll = { close: () => handle.close() };
  }

  /** Gives the descriptor away: closing it is the taker's. */
  detach(): number {
    if (!this.#open) throw kernelError("socket", 9, "a closed socket");
    this.#poll?.close();
    this.#open = false;
    return this.#fd;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#poll?.close();
    call("close", [this.#fd]);
  }
}
