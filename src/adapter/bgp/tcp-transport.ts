/** BGP's TCP on Linux: sockets made by system calls, so that options are there before the first segment; streams by Node. */
import { familyOf, type IpAddress } from "../../ip/address.ts";
import type {
  BgpListener,
  BgpStream,
  BgpTransport,
  Dial,
  DialOptions,
  ListenOptions,
  TransportFailure,
} from "../../port/bgp-transport.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import { KernelError } from "../../port/netlink.ts";
import { pollReadable, pollWritable } from "../linux/libc.ts";
import { failureOf } from "./failure.ts";
import { dropsBetween, Md5Counters } from "./md5-drops.ts";
import {
  acceptTcp,
  bindTcp,
  closeTcp,
  connectTcp,
  endpointOf,
  listenTcp,
  openTcp,
  protectTcp,
  setMd5Key,
  takeTcpError,
} from "./tcp-socket.ts";
import { TcpStream } from "./tcp-stream.ts";

/** Connections that are taken in one turn; the others wait in the kernel. */
const ACCEPTS_PER_TURN = 64;

export class TcpBgpTransport implements BgpTransport {
  readonly #net: Pick<NetNamespace, "run">;
  readonly #md5: Md5Counters;

  /** Its sockets are in this namespace. */
  constructor(namespace: Pick<NetNamespace, "run">) {
    this.#net = namespace;
    this.#md5 = namespace.run(() => new Md5Counters());
  }

  listen({ family, address, port }: ListenOptions, incoming: (stream: BgpStream) => void): BgpListener {
    const fd = this.#net.run(() => openTcp(family));
    try {
      listenTcp(fd, family, address, port);
    } catch (failure) {
      closeTcp(fd);
      throw failure;
    }
    return new TcpListener(fd, incoming);
  }

  dial(
    options: DialOptions,
    connected: (stream: BgpStream) => void,
    failed: (failure: TransportFailure) => void,
  ): Dial {
    const before = this.#md5.read();
    const fd = this.#net.run(() => openTcp(familyOf(options.address)));
    const refusal = begin(fd, options);
    const fail = (errno: string): void => {
      const md5Drops = dropsBetween(before, this.#md5.read());
      failed(failureOf(errno, { ...options, isSigned: options.key !== undefined, md5Drops }));
    };
    return new TcpDial(fd, options, refusal, connected, fail);
  }

  /** Lets the counters go; listeners and streams have ends of their own. */
  close(): void {
    this.#md5.close();
  }
}

/** The errno of what was refused at once. */
function begin(fd: number, options: DialOptions): string | undefined {
  try {
    protectTcp(fd, familyOf(options.address), options);
    if (options.key !== undefined) setMd5Key(fd, options.address, options.key);
    if (options.localAddress !== undefined) bindTcp(fd, options.localAddress, 0);
    return connectTcp(fd, options.address, options.port);
  } catch (failure) {
    if (failure instanceof KernelError) return failure.errno;
    throw failure;
  }
}

class TcpDial implements Dial {
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout;
  readonly #poll: { close(): void } | undefined;
  #isOver = false;

  constructor(
    fd: number,
    { key, timeoutSeconds }: DialOptions,
    refusal: string | undefined,
    connected: (stream: BgpStream) => void,
    fail: (errno: string) => void,
  ) {
    this.#fd = fd;
    const end = (errno: string): void => {
      if (this.#isOver) return;
      this.cancel();
      fail(errno);
    };
    this.#timer = setTimeout(() => end(refusal ?? "ETIMEDOUT"), refusal === undefined ? timeoutSeconds * 1000 : 0);
    if (refusal !== undefined) return;
    this.#poll = pollWritable(fd, () => {
      if (this.#isOver) return;
      const errno = takeTcpError(fd);
      const stream = errno === undefined ? streamOf(fd, key !== undefined, () => this.#release()) : undefined;
      if (stream) connected(stream);
      else end(errno ?? "ECONNRESET");
    });
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#release();
    closeTcp(this.#fd);
  }

  /** The descriptor is no longer this object's. */
  #release(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#poll?.close();
  }
}

/** Undefined when the connection is gone already: then the descriptor stays with the caller. */
function streamOf(fd: number, isSigned: boolean, handOver: () => void): BgpStream | undefined {
  const local = endpointOf(fd, "getsockname");
  const remote = endpointOf(fd, "getpeername");
  if (!local || !remote) return undefined;
  handOver();
  return new TcpStream(fd, { local, remote }, isSigned);
}

class TcpListener implements BgpListener {
  readonly port: number;
  readonly #fd: number;
  readonly #poll: { close(): void };
  readonly #signed = new Set<IpAddress>();
  #isOpen = true;

  constructor(fd: number, incoming: (stream: BgpStream) => void) {
    this.#fd = fd;
    this.port = endpointOf(fd, "getsockname")?.port ?? 0;
    this.#poll = pollReadable(fd, () => this.#accept(incoming));
  }

  setKey(peer: IpAddress, key: string | undefined): void {
    setMd5Key(this.#fd, peer, key);
    if (key === undefined) this.#signed.delete(peer);
    else this.#signed.add(peer);
  }

  #accept(incoming: (stream: BgpStream) => void): void {
    for (let taken = 0; this.#isOpen && taken < ACCEPTS_PER_TURN; taken++) {
      const fd = acceptTcp(this.#fd);
      if (fd === undefined) return;
      const peer = endpointOf(fd, "getpeername")?.address;
      const stream = streamOf(fd, peer !== undefined && this.#signed.has(peer), () => undefined);
      if (stream) incoming(stream);
      else closeTcp(fd);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#poll.close();
    closeTcp(this.#fd);
  }
}
