/** A netlink socket of the memory kernel: datagrams wait in it until they are received. */
import { eachMessage, HEADER_OCTETS } from "../../netlink/message.ts";
import { KernelError, type NetlinkOptions, type NetlinkSocket } from "../../port/netlink.ts";

const PORT_AT = 12;

/** What the kernel does with the messages that a socket is given. */
export type HandleRequests = (socket: MemorySocket, octets: Uint8Array) => void;

export class MemorySocket implements NetlinkSocket {
  readonly portId: number;
  readonly #groups: ReadonlySet<number>;
  readonly #exceptPorts: readonly number[];
  readonly #handle: HandleRequests;
  readonly #waiting: Uint8Array[] = [];
  #hasOverrun = false;
  #readable: (() => void) | undefined;
  #isScheduled = false;
  #isClosed = false;
  readonly #closed: (socket: MemorySocket) => void;

  constructor(
    portId: number,
    options: NetlinkOptions,
    kernel: { handle: HandleRequests; closed(socket: MemorySocket): void },
  ) {
    this.portId = portId;
    this.#groups = new Set(options.groups);
    this.#exceptPorts = options.exceptPorts ?? [];
    this.#handle = kernel.handle;
    this.#closed = (socket) => kernel.closed(socket);
  }

  send(octets: Uint8Array): void {
    this.#check();
    this.#handle(this, octets);
  }

  async sendOffLoop(octets: Uint8Array): Promise<void> {
    const copy = octets.slice();
    await new Promise((resolve) => setImmediate(resolve));
    this.send(copy);
  }

  receive(): Uint8Array | undefined {
    this.#check();
    if (this.#hasOverrun) {
      this.#hasOverrun = false;
      throw new KernelError({ call: "recv", errno: "ENOBUFS", number: 105, subject: "netlink message" });
    }
    return this.#waiting.shift();
  }

  onReadable(readable: () => void): void {
    this.#readable = readable;
    this.#schedule();
  }

  /** A datagram for this socket. */
  deliver(datagram: Uint8Array): void {
    if (this.#isClosed) return;
    this.#waiting.push(datagram);
    this.#schedule();
  }

  /** A notification, if the socket listens to its group and not away from its port. */
  notify(group: number, datagram: Uint8Array): void {
    if (this.listensTo(group, datagram)) this.deliver(datagram);
  }

  listensTo(group: number, datagram: Uint8Array): boolean {
    const port = new DataView(datagram.buffer, datagram.byteOffset).getUint32(PORT_AT, true);
    return this.#groups.has(group) && !this.#exceptPorts.includes(port);
  }

  /** Something for this socket was dropped. */
  overrun(): void {
    this.#hasOverrun = true;
    this.#schedule();
  }

  /** Wakes the reader in a turn of its own for as long as something waits. */
  #schedule(): void {
    if (!this.#readable || this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#isClosed) return;
      this.#readable?.();
      if (this.#waiting.length > 0 || this.#hasOverrun) this.#schedule();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#closed(this);
  }

  #check(): void {
    if (this.#isClosed) {
      throw new KernelError({ call: "netlink", errno: "EBADF", number: 9, subject: "a closed socket" });
    }
  }
}

/** The datagram without the second half of its last message. */
export function cut(datagram: Uint8Array): Uint8Array {
  let last = 0;
  let at = 0;
  eachMessage(datagram, ({ payload }) => {
    last = at;
    at += HEADER_OCTETS + payload.length;
  });
  return datagram.subarray(0, last + Math.max((datagram.length - last) >> 1, 1));
}
