/** Network namespaces whose sockets tell when work goes on: after a call on another thread, and for notifications. */
import type { Namespaces, NetNamespace } from "../port/namespaces.ts";
import type { NetlinkOptions, NetlinkSocket } from "../port/netlink.ts";
import type { MeteredClock } from "./metered-clock.ts";
import type { TurnMeter } from "./turns.ts";

export interface Meters {
  readonly turns: Pick<TurnMeter, "measure">;
  readonly clock: Pick<MeteredClock, "resumed">;
}

export class MeteredNamespaces implements Namespaces {
  readonly #namespaces: Namespaces;
  readonly #meters: Meters;

  constructor(namespaces: Namespaces, meters: Meters) {
    this.#namespaces = namespaces;
    this.#meters = meters;
  }

  own(): NetNamespace {
    return new MeteredNamespace(this.#namespaces.own(), this.#meters);
  }

  open(path: string): NetNamespace | undefined {
    const found = this.#namespaces.open(path);
    return found && new MeteredNamespace(found, this.#meters);
  }
}

class MeteredNamespace implements NetNamespace {
  readonly #namespace: NetNamespace;
  readonly #meters: Meters;

  constructor(namespace: NetNamespace, meters: Meters) {
    this.#namespace = namespace;
    this.#meters = meters;
  }

  get fd(): number {
    return this.#namespace.fd;
  }

  get id(): string {
    return this.#namespace.id;
  }

  run<T>(work: () => T): T {
    return this.#namespace.run(work);
  }

  writeSysctl(path: string, value: string): void {
    this.#namespace.writeSysctl(path, value);
  }

  readSysctl(path: string): string | undefined {
    return this.#namespace.readSysctl(path);
  }

  open(options: NetlinkOptions): NetlinkSocket {
    return new MeteredSocket(this.#namespace.open(options), this.#meters);
  }

  close(): void {
    this.#namespace.close();
  }
}

class MeteredSocket implements NetlinkSocket {
  readonly #socket: NetlinkSocket;
  readonly #meters: Meters;

  constructor(socket: NetlinkSocket, meters: Meters) {
    this.#socket = socket;
    this.#meters = meters;
  }

  get portId(): number {
    return this.#socket.portId;
  }

  send(octets: Uint8Array): void {
    this.#socket.send(octets);
  }

  async sendOffLoop(octets: Uint8Array): Promise<void> {
    try {
      await this.#socket.sendOffLoop(octets);
    } finally {
      this.#meters.clock.resumed();
    }
  }

  receive(): Uint8Array | undefined {
    return this.#socket.receive();
  }

  onReadable(readable: () => void): void {
    const { turns, clock } = this.#meters;
    this.#socket.onReadable(() => {
      clock.resumed();
      turns.measure("notifications", readable);
    });
  }

  close(): void {
    this.#socket.close();
  }
}
