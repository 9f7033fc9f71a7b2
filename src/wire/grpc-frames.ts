/**
 * gRPC's framing of messages on an HTTP/2 stream: an octet (0: not compressed), a length, the message.
 * Pure; works for any split of the stream, and refuses what is too long before it is collected.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import { CodedError } from "../base/errors.ts";
import { encodeInto, type Message } from "./protobuf.ts";
import { OctetSink } from "./protobuf-octets.ts";

export class GrpcFrameError extends CodedError<
  "compressed" | "tooLong" | "cutShort",
  { length?: number; limit?: number }
> {}

const HEAD_OCTETS = 5;

/** Collects the messages of one stream. */
export class GrpcFramer {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #length = 0;

  /** `limit`: octets of the longest message that is taken. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a piece of the stream and gives the messages that it completes. Throws GrpcFrameError. */
  push(piece: Buffer): Buffer[] {
    this.#pieces.push(piece);
    this.#length += piece.length;
    const messages: Buffer[] = [];
    while (this.#length >= HEAD_OCTETS) {
      const head = this.#peek(HEAD_OCTETS);
      const length = head.readUInt32BE(1);
      if (head[0] !== 0) {
        throw new GrpcFrameError("compressed", "grpc: Decompressor is not installed for a compressed message", {});
      }
      if (length > this.#limit) {
        const text = `grpc: received message larger than max (${length} vs. ${this.#limit})`;
        throw new GrpcFrameError("tooLong", text, { length, limit: this.#limit });
      }
      if (this.#length < HEAD_OCTETS + length) break;
      messages.push(this.#peek(HEAD_OCTETS + length).subarray(HEAD_OCTETS));
      this.#drop(HEAD_OCTETS + length);
    }
    return messages;
  }

  /** The stream has ended. Throws GrpcFrameError when a message was begun. */
  end(): void {
    if (this.#length > 0) {
      throw new GrpcFrameError("cutShort", "grpc: the stream ended within a message", { length: this.#length });
    }
  }

  /** The first octets as one piece; pieces are joined once for each message, not once for each piece. */
  #peek(count: number): Buffer {
    const [first] = this.#pieces;
    if (first && first.length >= count) return first.subarray(0, count);
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole.subarray(0, count);
  }

  #drop(count: number): void {
    const [first] = this.#pieces;
    if (!first) return;
    if (first.length > count) this.#pieces[0] = first.subarray(count);
    else this.#pieces.shift();
    this.#length -= count;
  }
}

/** A message with its head. */
export function grpcFrame<V extends object>(type: Message<V>, value: Partial<V>, capacity = 256): Buffer {
  const sink = new OctetSink(capacity);
  sink.reserve(HEAD_OCTETS);
  encodeInto(sink, type, value);
  sink.patchU32(1, sink.length - HEAD_OCTETS);
  return sink.finish();
}
