/**
 * Notifications of rtnetlink: a socket of its own in the groups that were asked for. What waits is decoded in the turn
 * that finds it readable, at most `TURN_DATAGRAMS` of it; the rest wakes the loop again. When the kernel had to drop
 * some (ENOBUFS), or one cannot be read, the sink is told to read everything again.
 */
import { eachMessage, type Message, NetlinkFormatError } from "../netlink/message.ts";
import { decodeEvent, type RtnetlinkEvent } from "../netlink/rtnetlink/event.ts";
import { KernelError, type NetlinkSocket } from "../port/netlink.ts";

export interface SubscriptionSink {
  /** In the kernel's order. */
  event(event: RtnetlinkEvent): void;
  /** Notifications were lost: what is known may be stale in any way. */
  overrun(reason: string): void;
}

/** Each costs a few microseconds to decode and to act on. */
const TURN_DATAGRAMS = 512;

export class Subscription {
  readonly #socket: NetlinkSocket;
  readonly #sink: SubscriptionSink;
  #isClosed = false;
  #isTaking = false;

  constructor(socket: NetlinkSocket, sink: SubscriptionSink) {
    this.#socket = socket;
    this.#sink = sink;
    socket.onReadable(() => this.#take(TURN_DATAGRAMS));
  }

  /**
   * Hands over everything that waits, now: what the kernel did before this call is known after it. Does nothing when
   * called by the sink, which would get later events before the rest of earlier ones.
   */
  drain(): void {
    this.#take(Number.POSITIVE_INFINITY);
  }

  #take(limit: number): void {
    if (this.#isTaking) return;
    this.#isTaking = true;
    try {
      for (let taken = 0; taken < limit && !this.#isClosed && this.#takeOne(); taken++);
    } finally {
      this.#isTaking = false;
    }
  }

  /** Whether there was one. */
  #takeOne(): boolean {
    try {
      const datagram = this.#socket.receive();
      if (!datagram) return false;
      eachMessage(datagram, this.#decode);
    } catch (failure) {
      const isLoss = failure instanceof KernelError && failure.errno === "ENOBUFS";
      if (!isLoss && !(failure instanceof NetlinkFormatError)) throw failure;
      this.#sink.overrun(failure.message);
    }
    return true;
  }

  readonly #decode = (message: Message): void => {
    const event = decodeEvent(message);
    if (event) this.#sink.event(event);
  };

  /** Idempotent. Nothing is handed over afterwards. */
  close(): void {
    this.#isClosed = true;
    this.#socket.close();
  }
}
