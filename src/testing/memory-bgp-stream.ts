/** The two ends of a connection in memory: octets arrive in order after a delay, and only as many wait as fit the window. */
import type { BgpStream, Endpoint, Protection, StreamHandlers, TransportFailure } from "../port/bgp-transport.ts";
import type { Clock, Millis } from "../port/clock.ts";

/** What both ends share. */
export interface MemoryLine {
  readonly clock: Clock;
  readonly delayMs: Millis;
  /** Octets that an end takes in without its reader. */
  readonly windowOctets: number;
  /** Routers between the ends, plus one. */
  readonly hops: number;
  /** Nothing arrives now, and nobody is told: what is sent meanwhile arrives when the line is mended, as TCP sends again. */
  isSilent(): boolean;
}

const RESET: TransportFailure = { reason: "reset", message: "the peer reset the connection" };
const CLOSED: TransportFailure = { reason: "closed", message: "the peer closed the connection" };
const DEFAULT_TTL = 64;
/** What was lost is sent again so often. */
const RETRANSMISSION_MS: Millis = 200;
const MOST_HOPS = 255;

export class MemoryBgpStream implements BgpStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #line: MemoryLine;
  #peer: MemoryBgpStream | undefined;
  #handlers: StreamHandlers | undefined;
  #ttl: number;
  #leastTtl = 0;
  /** Written, not yet in the peer's window. */
  readonly #outgoing: Uint8Array[] = [];
  #outgoingOctets = 0;
  /** Arrived, not yet read. */
  readonly #incoming: Uint8Array[] = [];
  #waitingOctets = 0;
  #isPaused = true;
  #isEnding = false;
  #sendsAgain = false;
  #isOver = false;
  #failure: TransportFailure | undefined;

  constructor(line: MemoryLine, ends: { local: Endpoint; remote: Endpoint }, isAccepted: boolean) {
    this.#line = line;
    this.local = ends.local;
    this.remote = ends.remote;
    this.#ttl = isAccepted ? MOST_HOPS : DEFAULT_TTL;
  }

  /** Two ends that are connected. */
  static pair(line: MemoryLine, dialler: Endpoint, listener: Endpoint): [MemoryBgpStream, MemoryBgpStream] {
    const first = new MemoryBgpStream(line, { local: dialler, remote: listener }, false);
    const second = new MemoryBgpStream(line, { local: listener, remote: dialler }, true);
    first.#peer = second;
    second.#peer = first;
    return [first, second];
  }

  protect({ ttlSecurityHops }: Protection): void {
    if (ttlSecurityHops === undefined) return;
    this.#ttl = MOST_HOPS;
    this.#leastTtl = MOST_HOPS + 1 - ttlSecurityHops;
  }

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    this.resume();
  }

  write(octets: Uint8Array): void {
    if (this.#isOver || this.#isEnding) return;
    this.#outgoing.push(octets);
    this.#outgoingOctets += octets.length;
    this.#push();
  }

  get pendingOctets(): number {
    return this.#outgoingOctets;
  }

  get isAcknowledged(): boolean {
    return this.#isOver || this.#outgoingOctets === 0;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#line.clock.after(0, () => this.#read());
  }

  end(): void {
    this.#handlers = undefined;
    if (this.#isOver) return;
    this.#isEnding = true;
    this.resume();
    this.#finish();
  }

  /** The connection breaks: both ends hear of it, and what was under way is lost. */
  reset(): void {
    this.#break(RESET);
    if (this.#peer) this.#peer.#break(RESET);
  }

  /** Moves what fits into the peer's window; it arrives later. */
  #push(): void {
    const peer = this.#peer;
    const hadToWait = this.#outgoingOctets > 0;
    for (let next = this.#outgoing[0]; peer && next; next = this.#outgoing[0]) {
      if (peer.#waitingOctets >= this.#line.windowOctets) return;
      if (this.#line.isSilent()) {
        this.#sendAgain();
        return;
      }
      const octets = Uint8Array.from(next);
      this.#outgoing.shift();
      this.#outgoingOctets -= octets.length;
      if (this.#ttl - (this.#line.hops - 1) < peer.#leastTtl) continue;
      peer.#waitingOctets += octets.length;
      this.#line.clock.after(this.#line.delayMs, () => peer.#arrive(octets));
    }
    if (hadToWait && this.#handlers) this.#line.clock.after(0, () => this.#handlers?.drained());
  }

  #sendAgain(): void {
    if (this.#sendsAgain) return;
    this.#sendsAgain = true;
    this.#line.clock.after(RETRANSMISSION_MS, () => {
      this.#sendsAgain = false;
      if (this.#isOver) return;
      this.#push();
      this.#finish();
    });
  }

  #arrive(octets: Uint8Array): void {
    if (this.#isOver) return;
    this.#incoming.push(octets);
    this.#read();
  }

  #read(): void {
    while (!this.#isPaused) {
      const octets = this.#incoming.shift();
      if (!octets) break;
      this.#waitingOctets -= octets.length;
      this.#handlers?.data(octets);
    }
    if (this.#incoming.length > 0) return;
    const peer = this.#peer;
    if (peer) {
      peer.#push();
      peer.#finish();
    }
    if (this.#failure && !this.#isPaused) this.#tell(this.#failure);
  }

  /** Once all that was written has gone, the peer is told of the end. */
  #finish(): void {
    if (!this.#isEnding || this.#isOver || this.#outgoing.length > 0) return;
    this.#isOver = true;
    const peer = this.#peer;
    if (peer && !this.#line.isSilent()) this.#line.clock.after(this.#line.delayMs, () => peer.#closed());
  }

  /** Told once all that came before has been read. */
  #closed(): void {
    this.#failure ??= CLOSED;
    this.#read();
  }

  #break(failure: TransportFailure): void {
    this.#failure ??= failure;
    this.#incoming.length = 0;
    if (this.#handlers) this.#line.clock.after(0, () => this.#tell(failure));
    this.#isOver = true;
  }

  #tell(failure: TransportFailure): void {
    this.#isOver = true;
    const { closed } = this.#handlers ?? {};
    this.#handlers = undefined;
    closed?.(failure);
  }
}
