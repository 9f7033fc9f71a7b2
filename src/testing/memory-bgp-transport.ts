/** BGP's TCP in memory: hosts by their addresses in one network, under a clock of the test's, with faults to order. */
import { failureOf } from "../adapter/bgp/failure.ts";
import { type Family, familyOf, formatAddress, type IpAddress, ipv4Of, ipv6Of } from "../ip/address.ts";
import type {
  BgpListener,
  BgpStream,
  BgpTransport,
  Dial,
  DialOptions,
  Endpoint,
  ListenOptions,
  TransportFailure,
} from "../port/bgp-transport.ts";
import type { Clock, Millis } from "../port/clock.ts";
import { KernelError } from "../port/netlink.ts";
import { MemoryBgpStream } from "./memory-bgp-stream.ts";

const EPHEMERAL_PORTS = 49152;

interface Listening extends ListenOptions {
  readonly keys: ReadonlyMap<IpAddress, string>;
  readonly incoming: (stream: BgpStream) => void;
}

export class MemoryBgpNetwork {
  readonly clock: Clock;
  delayMs: Millis;
  windowOctets = 1 << 16;
  /** Of every path. */
  hops = 1;
  readonly #hosts: MemoryBgpTransport[] = [];
  readonly #silent = new Set<string>();
  readonly #streams: MemoryBgpStream[] = [];
  #nextPort = EPHEMERAL_PORTS;

  constructor(clock: Clock, delayMs: Millis = 1) {
    this.clock = clock;
    this.delayMs = delayMs;
  }

  host(...addresses: readonly IpAddress[]): MemoryBgpTransport {
    const host = new MemoryBgpTransport(this, addresses);
    this.#hosts.push(host);
    return host;
  }

  /** From now on nothing arrives between the two, and neither is told; `false` mends it, and what waited arrives. */
  silence(a: IpAddress, b: IpAddress, isSilent = true): void {
    for (const path of [`${a} ${b}`, `${b} ${a}`]) {
      if (isSilent) this.#silent.add(path);
      else this.#silent.delete(path);
    }
  }

  /** Breaks every connection between the two. */
  reset(a: IpAddress, b: IpAddress): void {
    for (const stream of this.#streams) {
      if (stream.local.address === a && stream.remote.address === b) stream.reset();
    }
  }

  /** The second stops reading what the first sends; `false`: it goes on. */
  throttle(from: IpAddress, to: IpAddress, isThrottled: boolean): void {
    for (const stream of this.#streams) {
      if (stream.local.address !== to || stream.remote.address !== from) continue;
      if (isThrottled) stream.pause();
      else stream.resume();
    }
  }

  hostOf(address: IpAddress): MemoryBgpTransport | undefined {
    return this.#hosts.find(({ addresses }) => addresses.includes(address));
  }

  freePort(): number {
    return this.#nextPort++;
  }

  isSilent(a: IpAddress, b: IpAddress): boolean {
    return this.#silent.has(`${a} ${b}`);
  }

  connect(dialler: Endpoint, listener: Endpoint): [MemoryBgpStream, MemoryBgpStream] {
    const { clock, delayMs, windowOctets, hops } = this;
    const isSilent = (): boolean => this.isSilent(dialler.address, listener.address);
    const pair = MemoryBgpStream.pair({ clock, delayMs, windowOctets, hops, isSilent }, dialler, listener);
    this.#streams.push(...pair);
    return pair;
  }
}

const anyOf = (family: Family): IpAddress => (family === 4 ? ipv4Of(0) : ipv6Of(0n));

export class MemoryBgpTransport implements BgpTransport {
  readonly addresses: readonly IpAddress[];
  /** Dials so far. */
  readonly dials: DialOptions[] = [];
  readonly #network: MemoryBgpNetwork;
  readonly #listening = new Set<Listening>();

  constructor(network: MemoryBgpNetwork, addresses: readonly IpAddress[]) {
    this.#network = network;
    this.addresses = addresses;
  }

  listen({ family, address, port: wanted }: ListenOptions, incoming: (stream: BgpStream) => void): BgpListener {
    const subject = `${formatAddress(address ?? anyOf(family))} port ${wanted}`;
    if (address !== undefined && !this.addresses.includes(address)) {
      throw new KernelError({ call: "bind", errno: "EADDRNOTAVAIL", number: 99, subject });
    }
    const port = wanted === 0 ? this.#network.freePort() : wanted;
    const isTaken = [...this.#listening].some(
      (other) =>
        other.port === port && other.family === family && (other.address === undefined || other.address === address),
    );
    if (isTaken) throw new KernelError({ call: "bind", errno: "EADDRINUSE", number: 98, subject });
    const keys = new Map<IpAddress, string>();
    const listening: Listening = { family, port, keys, incoming, ...(address === undefined ? {} : { address }) };
    this.#listening.add(listening);
    return {
      port,
      setKey: (peer, key) => void (key === undefined ? keys.delete(peer) : keys.set(peer, key)),
      close: () => void this.#listening.delete(listening),
    };
  }

  listenerAt(address: IpAddress, port: number): Listening | undefined {
    return [...this.#listening].find(
      (one) => one.port === port && one.family === familyOf(address) && (one.address ?? address) === address,
    );
  }

  dial(
    options: DialOptions,
    connected: (stream: BgpStream) => void,
    failed: (failure: TransportFailure) => void,
  ): Dial {
    this.dials.push(options);
    const { clock, delayMs } = this.#network;
    const fail = (errno: string): void => failed(failureOf(errno, { ...options, isSigned: options.key !== undefined }));
    const source = options.localAddress ?? this.addresses.find((own) => familyOf(own) === familyOf(options.address));
    const outcome = this.#judge(options, source);
    if (outcome === "silence") {
      const timer = clock.after(options.timeoutSeconds * 1000, () => fail("ETIMEDOUT"));
      return { cancel: () => timer.cancel() };
    }
    const timer = clock.after(2 * delayMs, () => {
      if (typeof outcome === "string") return fail(outcome);
      const local = { address: source ?? options.address, port: this.#network.freePort() };
      const remote = { address: options.address, port: options.port };
      const [mine, theirs] = this.#network.connect(local, remote);
      mine.protect(options);
      connected(mine);
      outcome.incoming(theirs);
    });
    return { cancel: () => timer.cancel() };
  }

  #judge(options: DialOptions, source: IpAddress | undefined): Listening | "silence" | string {
    const { address, port, localAddress, key, ttlSecurityHops = 255 } = options;
    if (localAddress !== undefined && !this.addresses.includes(localAddress)) return "EADDRNOTAVAIL";
    const host = this.#network.hostOf(address);
    if (!host || source === undefined) return "ENETUNREACH";
    if (this.#network.isSilent(source, address)) return "silence";
    const listener = host.listenerAt(address, port);
    if (!listener) return "ECONNREFUSED";
    if (listener.keys.get(source) !== key || this.#network.hops > ttlSecurityHops) return "silence";
    return listener;
  }
}
