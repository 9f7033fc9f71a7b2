/** A tunnel in user space: a TAP device and a raw socket, and packets between them. */
import { loaded32 } from "../../bpf/ipip-frame.ts";
import type { Ipv4 } from "../../ip/address.ts";
import { noPackets, type TunnelCounters } from "../../port/tunnel-server.ts";
import { call, errnoName, pollReadable } from "../linux/libc.ts";
import { makeTapDevice } from "../linux/tap-device.ts";
import { openTunnelSocket } from "../linux/tunnel-socket.ts";
import { Inbound } from "./inbound.ts";
import { Outbound } from "./outbound.ts";

const EBADFD = 77;
const EIO = 5;

export class Forwarder {
  readonly counters: TunnelCounters = noPackets();
  readonly #sources = new Set<number>();
  readonly #device: number;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #devicePoll: { close(): void };
  readonly #lost: (reason: string) => void;
  #socket = -1;
  #socketPoll: { close(): void } | undefined;
  #isClosed = false;

  /** Makes the device. `lost`: it was taken away, and nothing can be carried any more. Throws KernelError. */
  constructor(device: string, lost: (reason: string) => void) {
    this.#lost = lost;
    this.#device = makeTapDevice(device);
    this.#outbound = new Outbound(this.#device, this.counters);
    this.#inbound = new Inbound(this.#device, this.counters, this.#sources);
    this.#devicePoll = pollReadable(this.#device, () => this.#turn(this.#outbound));
  }

  #turn(way: Inbound | Outbound): void {
    if (this.#isClosed) return;
    const errno = way.turn();
    // EIO: the device is down. Errors of the socket are of single packets.
    if (errno === EBADFD) this.#lost("its device was taken away");
    else if (errno !== 0 && errno !== EIO && way === this.#outbound)
      this.#lost(`its device fails: ${errnoName(errno)}`);
  }

  /** Outer packets are sent from this address and received at it. Throws KernelError, and goes on as before. */
  setLocal(address: Ipv4): void {
    const socket = openTunnelSocket(address);
    this.#closeSocket();
    this.#socket = socket;
    for (const way of [this.#outbound, this.#inbound]) {
      way.socket = socket;
      way.local = loaded32(address);
    }
    this.#socketPoll = pollReadable(socket, () => this.#turn(this.#inbound));
  }

  setMtu(octets: number): void {
    this.#inbound.mtu = octets;
  }

  addSource(address: Ipv4): void {
    this.#sources.add(loaded32(address));
  }

  removeSource(address: Ipv4): void {
    this.#sources.delete(loaded32(address));
  }

  #closeSocket(): void {
    if (this.#socket < 0) return;
    this.#socketPoll?.close();
    call("close", [this.#socket]);
    this.#socket = -1;
  }

  /** The device goes with it. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeSocket();
    this.#devicePoll.close();
    call("close", [this.#device]);
  }
}
