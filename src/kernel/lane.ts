/**
 * A netlink socket and the chunks of messages that go through it. Every chunk ends with a no-op that asks for an
 * acknowledgement; messages themselves are answered only when they fail, so that 256 requests cost two system calls.
 */
import { errnoName } from "../netlink/errno.ts";
import {
  type Acknowledgement,
  beginMessage,
  ControlType,
  decodeAcknowledgement,
  eachMessage,
  endMessage,
  Flag,
  type Message,
  NetlinkFormatError,
  stampMessage,
} from "../netlink/message.ts";
import { KernelError, type Netlink, type NetlinkProtocol, type NetlinkSocket } from "../port/netlink.ts";
import { Writer } from "../wire/writer.ts";

/** Many messages of one call, written one by one into the octets that are sent. */
export interface Batch {
  readonly count: number;
  /** Writes message `index`, whole, with its type and flags; the sequence is stamped later. */
  encode(writer: Writer, index: number): void;
  /** What the message is about, for errors: the verb, and "route 10.0.0.0/26 via 10.1.0.2". */
  about(index: number): About;
  /** Gets what a message asks for. */
  answer?(index: number, message: Message): void;
}

export interface About {
  readonly call: string;
  readonly subject: string;
}

/** Failures by the index of their message; what is not in it has succeeded. */
export type Failures = Map<number, KernelError>;

/** A part of a batch, encoded. The octets are the lane's and stay valid until the chunk after its next one is encoded. */
export interface Chunk {
  readonly octets: Uint8Array;
  readonly from: number;
  /** Index behind the last message. */
  readonly to: number;
  /** Sequence of message `from`; the no-op's is that of `to`. */
  readonly sequence: number;
}

/** One send is at most so many octets (a message more), so that it fits any send buffer. */
const CHUNK_OCTETS = 128 << 10;

const SENDING: About = { call: "send", subject: "netlink messages" };
const RECEIVING: About = { call: "receive", subject: "netlink answers" };

export const Errno = { EINTR: 4, EBADF: 9, EBADMSG: 74, ENOBUFS: 105 } as const;

export class Lane {
  readonly #netlink: Netlink;
  readonly #protocol: NetlinkProtocol;
  /** Two, so that a chunk can be encoded while the kernel works on the one before. */
  readonly #writers = [new Writer(4096), new Writer(4096)] as const;
  #turn = 0;
  #socket: NetlinkSocket | undefined;
  #sequence = 1;
  #ended = false;

  constructor(netlink: Netlink, protocol: NetlinkProtocol) {
    this.#netlink = netlink;
    this.#protocol = protocol;
  }

  /** Opened when first asked for. Throws KernelError. */
  get socket(): NetlinkSocket {
    if (this.#ended) throw failed(Errno.EBADF, { call: "use", subject: "a closed netlink channel" });
    this.#socket ??= this.#netlink.open({ protocol: this.#protocol });
    return this.#socket;
  }

  /** Drops the socket with all that waits in it; the next use opens another. */
  renew(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** For good. Idempotent. */
  close(): void {
    this.#ended = true;
    this.renew();
  }

  /** Encodes messages from `from` on, at most `limit`. */
  encode(batch: Batch, from: number, limit: number): Chunk {
    const writer = this.#nextWriter();
    const end = Math.min(from + limit, batch.count);
    const sequence = this.#take(end - from + 1);
    let to = from;
    for (; to < end && writer.length < CHUNK_OCTETS; to++) {
      const at = writer.length;
      batch.encode(writer, to);
      stampMessage(writer, at, sequence + to - from);
    }
    const at = beginMessage(writer, ControlType.noop, Flag.request | Flag.ack);
    endMessage(writer, at);
    stampMessage(writer, at, sequence + to - from);
    return { octets: writer.finish(), from, to, sequence };
  }

  /** Encodes one message alone, without the no-op. Its sequence is returned. */
  encodeOne(encode: (writer: Writer) => void): { readonly octets: Uint8Array; readonly sequence: number } {
    const sequence = this.#take(1);
    const writer = this.#nextWriter();
    encode(writer);
    stampMessage(writer, 0, sequence);
    return { octets: writer.finish(), sequence };
  }

  #nextWriter(): Writer {
    this.#turn = 1 - this.#turn;
    const writer = this.#turn === 0 ? this.#writers[0] : this.#writers[1];
    writer.reset();
    return writer;
  }

  /** A run of sequence numbers; 0 is left to notifications. */
  #take(count: number): number {
    if (this.#sequence + count > 0xffffffff) this.#sequence = 1;
    const first = this.#sequence;
    this.#sequence += count;
    return first;
  }

  /** Sends a chunk and takes its answers. */
  execute(chunk: Chunk, batch: Batch, failures: Failures): void {
    let refusal: KernelError | undefined;
    try {
      this.socket.send(chunk.octets);
    } catch (failure) {
      refusal = asKernelError(failure, SENDING);
    }
    this.#finish(chunk, batch, failures, refusal);
  }

  /**
   * The same while the kernel works on another thread. Resolves when it has, with what takes the answers: the next chunk
   * may be sent before.
   */
  async start(chunk: Chunk, batch: Batch, failures: Failures): Promise<() => void> {
    let refusal: KernelError | undefined;
    try {
      await this.socket.sendOffLoop(chunk.octets);
    } catch (failure) {
      refusal = asKernelError(failure, SENDING);
    }
    return () => this.#finish(chunk, batch, failures, refusal);
  }

  #finish(chunk: Chunk, batch: Batch, failures: Failures, refusal: KernelError | undefined): void {
    if (refusal) failWhole(chunk, batch, failures, refusal);
    else this.#receive(chunk, batch, failures);
  }

  #receive(chunk: Chunk, batch: Batch, failures: Failures): void {
    let isComplete = false;
    let loss: KernelError | undefined;
    const take = (message: Message): void => {
      const index = chunk.from + message.sequence - chunk.sequence;
      if (index < chunk.from || index > chunk.to) return;
      if (message.type === ControlType.error) {
        const acknowledgement = decodeAcknowledgement(message);
        if (index === chunk.to) isComplete = true;
        else if (acknowledgement.errno !== 0) failures.set(index, refused(acknowledgement, batch.about(index)));
      } else if (message.type > ControlType.overrun) batch.answer?.(index, message);
    };
    while (!isComplete) {
      try {
        const datagram = this.socket.receive();
        if (datagram) eachMessage(datagram, take);
        else {
          loss ??= failed(Errno.EBADMSG, RECEIVING, "it is missing");
          break;
        }
      } catch (failure) {
        loss = asKernelError(failure, RECEIVING);
        if (!isLoss(loss)) break;
      }
    }
    if (loss) failWhole(chunk, batch, failures, loss);
  }
}

/** Whether answers were lost and those behind them may still come. */
const isLoss = ({ errno }: KernelError): boolean => errno === "ENOBUFS" || errno === "EBADMSG";

/** Fails every message of the chunk that has no failure of its own yet: what became of it is not known. */
function failWhole(chunk: Chunk, batch: Batch, failures: Failures, reason: KernelError): void {
  const { errno, number } = reason.detail;
  for (let index = chunk.from; index < chunk.to; index++) {
    if (failures.has(index)) continue;
    failures.set(index, new KernelError({ ...batch.about(index), errno, number, extack: reason.message }));
  }
}

/** An error of ours about a request. */
export function failed(number: number, about: About, why?: string): KernelError {
  const base = { ...about, errno: errnoName(number), number };
  return new KernelError(why === undefined ? base : { ...base, extack: why });
}

/** The kernel's refusal, with its own words where it has any. */
export function refused({ errno, text, offset }: Acknowledgement, about: About): KernelError {
  const base = { ...about, errno: errnoName(errno), number: errno };
  if (text === undefined && offset === undefined) return new KernelError(base);
  const at = offset === undefined ? "" : `at octet ${offset} of the request`;
  return new KernelError({ ...base, extack: [text, at].filter(Boolean).join(", ") });
}

/** Octets that are no netlink become EBADMSG; KernelErrors stay. Anything else is thrown on. */
export function asKernelError(failure: unknown, about: About): KernelError {
  if (failure instanceof KernelError) return failure;
  if (failure instanceof NetlinkFormatError) return failed(Errno.EBADMSG, about, failure.message);
  throw failure;
}
