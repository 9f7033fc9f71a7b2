/**
 * A peer of the daemon under test: opens a session, sends what it is given, and counts what it is told, by lengths alone, so that
 * the peers are not what is measured. All prefixes are /26 blocks of five octets.
 */
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { Framer } from "../../src/bgp/message/framer.ts";
import { HEADER_OCTETS } from "../../src/bgp/message/header.ts";
import { MessageType } from "../../src/bgp/message/iana.ts";
import { encodeMessage } from "../../src/bgp/message/message-codec.ts";
import { type Family, type IpAddress, type Ipv4, parseAddress } from "../../src/ip/address.ts";
import type { BgpStream } from "../../src/port/bgp-transport.ts";
import { DAEMON_ADDRESS, type Ground, peerAddress, STRANGER_ADDRESS } from "./ground.ts";
import { LOCAL_AS, PREFIX_OCTETS } from "./load.ts";

const PORT = 179;
/** Longer than any run, so that nobody sends KEEPALIVEs. */
export const HOLD_SECONDS = 3600;
const DEADLINE_MS = 180_000;
const START_MS = 10_000;
const LOOK_MS = 1;

export class Peer {
  readonly address: string;
  /** Prefixes that it was told of since `reset`, and the UPDATEs they were in. */
  announced = 0;
  withdrawn = 0;
  updates = 0;
  /** When it was told something last. */
  lastAt = 0;
  establishedAt = 0;
  readonly #stream: BgpStream;
  readonly #framer = new Framer();
  #closed: string | undefined;

  private constructor(stream: BgpStream, address: string) {
    this.#stream = stream;
    this.address = address;
    stream.start({
      data: (octets) => this.#take(octets),
      drained: () => undefined,
      closed: ({ message }) => {
        this.#closed = message;
      },
    });
  }

  /** Connects and sends its OPEN. */
  static async connect(ground: Ground, at: number, family: Family): Promise<Peer> {
    const address = peerAddress(at);
    const routerId = parseAddress(address) as Ipv4;
    const stream = await dial(ground, routerId);
    if (!stream) throw new Error(`${DAEMON_ADDRESS} refuses ${address}`);
    const peer = new Peer(stream, address);
    stream.write(openOf(routerId, family));
    return peer;
  }

  get pendingOctets(): number {
    return this.#stream.pendingOctets;
  }

  send(octets: Uint8Array): void {
    this.#stream.write(octets);
  }

  reset(): void {
    this.announced = 0;
    this.withdrawn = 0;
    this.updates = 0;
  }

  /** Throws when the daemon ended the session. */
  check(): void {
    if (this.#closed !== undefined) throw new Error(`the session of ${this.address} ended: ${this.#closed}`);
  }

  close(): void {
    this.#stream.end();
  }

  #take(octets: Uint8Array): void {
    this.#framer.push(octets);
    for (let message = this.#framer.next(); message; message = this.#framer.next()) this.#read(message);
    this.lastAt = performance.now();
  }

  #read(message: Uint8Array): void {
    switch (message[HEADER_OCTETS - 1]) {
      case MessageType.open:
        this.#stream.write(encodeMessage({ type: "keepalive" }));
        break;
      case MessageType.keepalive:
        this.establishedAt ||= performance.now();
        break;
      case MessageType.notification:
        this.#closed = `NOTIFICATION ${message[HEADER_OCTETS]}/${message[HEADER_OCTETS + 1]}`;
        break;
      case MessageType.update:
        this.#count(message);
    }
  }

  #count(message: Uint8Array): void {
    const withdrawn = octetsAt(message, HEADER_OCTETS);
    const attributes = octetsAt(message, HEADER_OCTETS + 2 + withdrawn);
    const announced = message.length - HEADER_OCTETS - 4 - withdrawn - attributes;
    this.announced += announced / PREFIX_OCTETS;
    this.withdrawn += withdrawn / PREFIX_OCTETS;
    this.updates++;
  }
}

const octetsAt = (message: Uint8Array, at: number): number => ((message[at] ?? 0) << 8) | (message[at + 1] ?? 0);

const openOf = (routerId: Ipv4, family: Family): Uint8Array =>
  encodeMessage({
    type: "open",
    version: 4,
    asn: LOCAL_AS,
    holdTimeSeconds: HOLD_SECONDS,
    routerId,
    capabilities: [{ kind: "multiprotocol", family }, { kind: "routeRefresh" }, { kind: "fourOctetAs", asn: LOCAL_AS }],
  });

const dial = (ground: Ground, localAddress: IpAddress): Promise<BgpStream | undefined> =>
  new Promise((resolve) => {
    const options = { address: parseAddress(DAEMON_ADDRESS), port: PORT, localAddress, timeoutSeconds: 5 };
    ground.transport.dial(options, resolve, () => resolve(undefined));
  });

/** Until the daemon listens, which a stranger finds out: a peer that leaves at once might not be welcome for a while. */
export async function untilListening(ground: Ground): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const stream = await dial(ground, parseAddress(STRANGER_ADDRESS));
    stream?.end();
    if (stream) return;
    if (performance.now() > deadline) throw new Error(`${DAEMON_ADDRESS} does not listen`);
    await setTimeout(20);
  }
}

/** Until all of them say so; the last moment at which one of them was told something. Throws after three minutes. */
export async function untilAll(peers: readonly Peer[], isDone: (peer: Peer) => boolean): Promise<number> {
  const deadline = performance.now() + DEADLINE_MS;
  let waiting = peers;
  for (;;) {
    waiting = waiting.filter((peer) => !isDone(peer));
    if (waiting.length === 0) break;
    if (performance.now() > deadline) {
      const [first] = waiting;
      throw new Error(
        `${waiting.length} peers wait; ${first?.address} has ${first?.announced} and ${first?.withdrawn}`,
      );
    }
    for (const peer of waiting) peer.check();
    await setTimeout(LOOK_MS);
  }
  return Math.max(...peers.map(({ lastAt }) => lastAt));
}

/** Connects `count` peers from number `first` on, four at a time: small listen queues are not what is measured. */
export async function connectAll(ground: Ground, first: number, count: number, family: Family = 4): Promise<Peer[]> {
  const peers: Peer[] = [];
  let next = first;
  const worker = async (): Promise<void> => {
    while (next < first + count) {
      const peer = await Peer.connect(ground, next++, family);
      peers.push(peer);
      await untilAll([peer], ({ establishedAt }) => establishedAt > 0);
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return peers;
}
