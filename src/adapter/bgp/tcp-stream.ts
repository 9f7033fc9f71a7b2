/** A connected TCP socket as a stream: Node reads and writes, its options were set before. */
import net from "node:net";
import { familyOf } from "../../ip/address.ts";
import type { BgpStream, Endpoint, Protection, StreamHandlers } from "../../port/bgp-transport.ts";
import { closedByPeer, failureOf } from "./failure.ts";
import { protectTcp, unacknowledgedSegments } from "./tcp-socket.ts";

/** How long what was written may take to go out once the stream is ended. */
const LINGER_MS = 5_000;

export class TcpStream implements BgpStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #fd: number;
  readonly #socket: net.Socket;
  readonly #isSigned: boolean;
  #handlers: StreamHandlers | undefined;
  #errno: string | undefined;
  #isOver = false;

  constructor(fd: number, ends: { local: Endpoint; remote: Endpoint }, isSigned: boolean) {
    this.local = ends.local;
    this.remote = ends.remote;
    this.#fd = fd;
    this.#isSigned = isSigned;
    this.#socket = new net.Socket({ fd, readable: true, writable: true });
    this.#socket.on("error", (failure: NodeJS.ErrnoException) => {
      this.#errno = failure.code ?? "EIO";
    });
    this.#socket.on("close", () => this.#closed());
  }

  protect(protection: Protection): void {
    protectTcp(this.#fd, familyOf(this.remote.address), protection);
  }

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    if (this.#isOver) {
      this.#tellClosed();
      return;
    }
    // No Buffer: views of one are made slowly, and code that meets it beside other octets is compiled for both.
    this.#socket.on("data", ({ buffer, byteOffset, length }: Buffer) =>
      this.#handlers?.data(new Uint8Array(buffer, byteOffset, length)),
    );
    this.#socket.on("drain", () => this.#handlers?.drained());
  }

  write(octets: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(octets);
  }

  get pendingOctets(): number {
    return this.#socket.writableLength;
  }

  get isAcknowledged(): boolean {
    if (this.#socket.destroyed) return true;
    return this.pendingOctets === 0 && unacknowledgedSegments(this.#fd) === 0;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Goes on reading into nothing: closing with octets unread would reset the connection and lose our last words. */
  end(): void {
    this.#handlers = undefined;
    if (this.#isOver) return;
    this.#socket.resume();
    this.#socket.end();
    const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once("close", () => clearTimeout(linger));
  }

  #closed(): void {
    this.#isOver = true;
    this.#tellClosed();
  }

  #tellClosed(): void {
    const { closed } = this.#handlers ?? {};
    this.#handlers = undefined;
    closed?.(
      this.#errno === undefined ? closedByPeer : failureOf(this.#errno, { ...this.remote, isSigned: this.#isSigned }),
    );
  }
}
