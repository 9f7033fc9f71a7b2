/**
 * Netlink requests and their answers, whatever the protocol's messages say.
 *
 * Lanes (DESIGN 4), each a socket of its own that is opened when first used: `fast` works on the loop, `blocking` on
 * another thread and one call after the other, `dump` reads, one dump after the other. A message whose outcome is unknown because
 * answers were lost or cut fails like a refused one: requests are written so that they can be repeated.
 */
import {
  type Acknowledgement,
  ControlType,
  decodeAcknowledgement,
  eachMessage,
  Flag,
  type Message,
} from "../netlink/message.ts";
import type { Clock } from "../port/clock.ts";
import type { KernelError, Netlink, NetlinkProtocol } from "../port/netlink.ts";
import type { Writer } from "../wire/writer.ts";
import { type About, asKernelError, type Batch, Errno, type Failures, failed, Lane, refused } from "./lane.ts";
import { TurnBudget } from "./turn-budget.ts";

/** What one dump reads. */
export interface Dump {
  /** Writes the request, with the flags `request` and `dump`. */
  encode(writer: Writer): void;
  /** For errors. */
  readonly about: About;
  /** Called before each attempt: what was visited before counts for nothing. */
  restart(): void;
  /** May throw NetlinkFormatError. */
  visit(message: Message): void;
}

const CHUNK_MESSAGES = 256;
const SMALLEST_CHUNK = 16;
/** So much of a slice one chunk may take. */
const CHUNK_MICROS = 2_000;
/** A dump during which the kernel's tables moved is begun again so often before it fails with EINTR. */
const DUMP_ATTEMPTS = 6;

export class NetlinkChannel {
  readonly #clock: Clock;
  readonly #fast: Lane;
  readonly #blocking: Lane;
  readonly #dumping: Lane;
  #blockingTail: Promise<unknown> = Promise.resolve();
  #dumpTail: Promise<unknown> = Promise.resolve();

  constructor(netlink: Netlink, protocol: NetlinkProtocol, clock: Clock) {
    this.#clock = clock;
    this.#fast = new Lane(netlink, protocol);
    this.#blocking = new Lane(netlink, protocol);
    this.#dumping = new Lane(netlink, protocol);
  }

  /** The port that the kernel names as the origin of what `execute` and `executeSliced` change. */
  get portId(): number {
    return this.#fast.socket.portId;
  }

  /** The fast lane: returns when the kernel has done all of it. */
  execute(batch: Batch): Failures {
    const failures: Failures = new Map();
    for (let from = 0; from < batch.count; ) {
      const chunk = this.#fast.encode(batch, from, CHUNK_MESSAGES);
      this.#fast.execute(chunk, batch, failures);
      from = chunk.to;
    }
    return failures;
  }

  /** The fast lane for very many: gives others a turn whenever the budget is spent, which may be one for several calls. */
  async executeSliced(batch: Batch, budget = new TurnBudget(this.#clock)): Promise<Failures> {
    const failures: Failures = new Map();
    let size = SMALLEST_CHUNK;
    let before = this.#clock.cpuMicros();
    for (let from = 0; from < batch.count; ) {
      const chunk = this.#fast.encode(batch, from, size);
      this.#fast.execute(chunk, batch, failures);
      from = chunk.to;
      size = nextSize(size, this.#clock.cpuMicros() - before);
      if (budget.isSpent) await budget.rest();
      before = this.#clock.cpuMicros();
    }
    return failures;
  }

  /** The blocking lane: for links and whatever else takes milliseconds. */
  executeOffLoop(batch: Batch): Promise<Failures> {
    const work = this.#blockingTail.then(async () => {
      const failures: Failures = new Map();
      for (let from = 0; from < batch.count; ) {
        const chunk = this.#blocking.encode(batch, from, CHUNK_MESSAGES);
        await this.#blocking.executeOffLoop(chunk, batch, failures);
        from = chunk.to;
      }
      return failures;
    });
    this.#blockingTail = work.catch(() => undefined);
    return work;
  }

  /** Reads what a request lists, in slices. Throws KernelError; EINTR when the tables moved during every attempt. */
  dump(dump: Dump): Promise<void> {
    const work = this.#dumpTail.then(() => this.#dumpAttempts(dump));
    this.#dumpTail = work.catch(() => undefined);
    return work;
  }

  async #dumpAttempts(dump: Dump): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      dump.restart();
      try {
        await this.#dumpOnce(dump);
        return;
      } catch (failure) {
        // The rest of a broken dump would stand before the next one's answer; a fresh socket has none.
        this.#dumping.renew();
        const error = asKernelError(failure, dump.about);
        if (!isPassing(error) || attempt === DUMP_ATTEMPTS) throw error;
      }
      await this.#clock.yield();
    }
  }

  async #dumpOnce(dump: Dump): Promise<void> {
    const { octets, sequence } = this.#dumping.encodeOne((writer) => dump.encode(writer));
    this.#dumping.socket.send(octets);
    let wasInterrupted = false;
    let end: Acknowledgement | undefined;
    const take = (message: Message): void => {
      if (message.sequence !== sequence) return;
      if ((message.flags & Flag.dumpInterrupted) !== 0) wasInterrupted = true;
      if (message.type === ControlType.done || message.type === ControlType.error) end = decodeAcknowledgement(message);
      else if (message.type > ControlType.overrun) dump.visit(message);
    };
    const budget = new TurnBudget(this.#clock);
    while (!end) {
      const datagram = this.#dumping.socket.receive();
      if (!datagram) throw failed(Errno.EBADMSG, dump.about, "the answer stops before its end");
      eachMessage(datagram, take);
      if (budget.isSpent) await budget.rest();
    }
    if (end.errno !== 0) throw refused(end, dump.about);
    if (wasInterrupted) throw failed(Errno.EINTR, dump.about, "the tables changed during the dump");
  }

  /** Idempotent. What is under way fails. */
  close(): void {
    for (const lane of [this.#fast, this.#blocking, this.#dumping]) lane.close();
  }
}

/** Whether the same dump may succeed when begun again. */
const isPassing = ({ errno }: KernelError): boolean => ["EINTR", "EBADMSG", "ENOBUFS", "EBUSY"].includes(errno);

/** Messages take from 2 µs to over 60, depending on what the kernel must check: chunks follow what the last one took. */
function nextSize(size: number, micros: number): number {
  if (micros < CHUNK_MICROS / 2) return Math.min(size * 2, CHUNK_MESSAGES);
  return micros > CHUNK_MICROS ? Math.max(size >> 1, SMALLEST_CHUNK) : size;
}
