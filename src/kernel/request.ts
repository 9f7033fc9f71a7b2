/**
 * Netlink requests and their answers, whatever the protocol's messages say.
 *
 * Lanes (DESIGN 4), each a socket of its own that is opened when first used: `fast` works on the loop; `bulk` and `blocking`
 * work on another thread, one call after the other in each; `dumping` reads, one dump after the other. A message whose outcome
 * is unknown because answers were lost or cut fails like a refused one: requests are written so that they can be repeated.
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
/** In bulk a chunk costs a hop to another thread and back, some 50 µs: it should be worth it. */
const BULK_CHUNK_MESSAGES = 512;
/** So few go by the fast lane: at up to 60 µs each, less than half of a turn. */
const FEW = 64;
/** A dump during which the kernel's tables moved is begun again so often before it fails with EINTR. */
const DUMP_ATTEMPTS = 6;

export class NetlinkChannel {
  readonly #clock: Clock;
  readonly #fast: Lane;
  readonly #bulk: Lane;
  readonly #blocking: Lane;
  readonly #dumping: Lane;
  #bulkTail: Promise<unknown> = Promise.resolve();
  #blockingTail: Promise<unknown> = Promise.resolve();
  #dumpTail: Promise<unknown> = Promise.resolve();

  constructor(netlink: Netlink, protocol: NetlinkProtocol, clock: Clock) {
    this.#clock = clock;
    this.#fast = new Lane(netlink, protocol);
    this.#bulk = new Lane(netlink, protocol);
    this.#blocking = new Lane(netlink, protocol);
    this.#dumping = new Lane(netlink, protocol);
  }

  /** The ports that the kernel names as the origin of what `execute` and `executeMany` change. */
  get portIds(): readonly number[] {
    return [this.#fast.socket.portId, this.#bulk.socket.portId];
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

  /**
   * For thousands: the kernel works on one chunk on another thread while the next is encoded, and the loop has its turns in
   * between. A few go by the fast lane. A loop that is busy with other things comes back for the next chunk late: who expects
   * that has larger chunks.
   */
  async executeMany(batch: Batch, chunkMessages = BULK_CHUNK_MESSAGES): Promise<Failures> {
    if (batch.count <= FEW) return this.execute(batch);
    const work = this.#bulkTail.then(() => offLoop(this.#bulk, batch, chunkMessages));
    this.#bulkTail = work.catch(() => undefined);
    return work;
  }

  /** The blocking lane: for links and whatever else takes milliseconds. */
  executeOffLoop(batch: Batch): Promise<Failures> {
    const work = this.#blockingTail.then(() => offLoop(this.#blocking, batch, CHUNK_MESSAGES));
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
    for (const lane of [this.#fast, this.#bulk, this.#blocking, this.#dumping]) lane.close();
  }
}

/** Whether the same dump may succeed when begun again. */
const isPassing = ({ errno }: KernelError): boolean => ["EINTR", "EBADMSG", "ENOBUFS", "EBUSY"].includes(errno);

async function offLoop(lane: Lane, batch: Batch, chunkMessages: number): Promise<Failures> {
  const failures: Failures = new Map();
  let before: Promise<() => void> | undefined;
  for (let from = 0; from < batch.count; ) {
    const chunk = lane.encode(batch, from, chunkMessages);
    const takeAnswers = await before;
    before = lane.start(chunk, batch, failures);
    takeAnswers?.();
    from = chunk.to;
  }
  (await before)?.();
  return failures;
}
