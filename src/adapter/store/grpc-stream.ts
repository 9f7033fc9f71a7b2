/** One gRPC call on an HTTP/2 stream, the client's side: messages out, messages in, how it ended. */
import http2 from "node:http2";
import { messageOf } from "../../base/errors.ts";
import { GrpcFrameError, GrpcFramer } from "../../wire/grpc-frames.ts";
import { decodeGrpcMessage, grpcStatus } from "../../wire/grpc-status.ts";

/** A page of 500 objects of etcd's largest size (1.5 MiB), which is more than anybody stores. */
const MAX_ANSWER_OCTETS = 1 << 30;

type MakeError = (code: "status" | "connection" | "protocol", why: string, status?: number) => Error;

export class GrpcStream {
  readonly #stream: http2.ClientHttp2Stream;
  readonly #makeError: MakeError;
  readonly #framer = new GrpcFramer(MAX_ANSWER_OCTETS);
  #status: { readonly code: number; readonly message: string } | undefined;
  #failure: Error | undefined;
  /** Trailers may follow the last data; after this nothing does. */
  readonly #closed: Promise<void>;

  constructor(stream: http2.ClientHttp2Stream, makeError: MakeError) {
    this.#stream = stream;
    this.#makeError = makeError;
    this.#closed = new Promise((resolve) => stream.once("close", () => resolve()));
    stream.on("response", (headers) => this.#readHead(headers));
    stream.on("trailers", (headers) => this.#readStatus(headers));
    stream.on("error", (failure) => {
      this.#failure ??= makeError("connection", messageOf(failure));
    });
  }

  #readHead(headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader): void {
    const status = headers[":status"];
    const type = headers["content-type"] ?? "none";
    if (status !== 200 || !type.startsWith("application/grpc")) {
      const why = `what answers does not speak gRPC (HTTP status ${status}, content type ${type})`;
      this.cancel(this.#makeError("protocol", why));
      return;
    }
    this.#readStatus(headers);
  }

  #readStatus(headers: http2.IncomingHttpHeaders): void {
    const code = headers["grpc-status"];
    if (code === undefined) return;
    const message = headers["grpc-message"];
    this.#status = { code: Number(code), message: typeof message === "string" ? decodeGrpcMessage(message) : "" };
  }

  write(frame: Uint8Array): void {
    this.#stream.write(frame);
  }

  /** The last message that goes out. */
  end(frame: Uint8Array): void {
    this.#stream.end(frame);
  }

  /** Ends the call; whoever waits for its answer gets `failure`. */
  cancel(failure?: Error): void {
    this.#failure ??= failure;
    this.#stream.close(http2.constants.NGHTTP2_CANCEL);
  }

  onClose(closed: () => void): void {
    this.#stream.once("close", closed);
  }

  /** The answer of a unary call. */
  async only(): Promise<Buffer> {
    const messages: Buffer[] = [];
    this.#stream.on("data", (piece: Buffer) => {
      try {
        messages.push(...this.#framer.push(piece));
      } catch (failure) {
        this.cancel(this.#makeError("protocol", messageOf(failure)));
      }
    });
    await this.#closed;
    const failure = this.#outcome();
    const [message] = messages;
    if (failure) throw failure;
    if (!message) throw this.#makeError("protocol", "the answer is missing");
    return message;
  }

  /** The messages as they come, those of one piece of the stream together. Ends with the stream, throws as it failed. */
  async *pieces(): AsyncGenerator<Buffer[]> {
    try {
      for await (const piece of this.#stream as AsyncIterable<Buffer>) {
        const messages = this.#framer.push(piece);
        if (messages.length > 0) yield messages;
      }
    } catch (failure) {
      const code = failure instanceof GrpcFrameError ? "protocol" : "connection";
      this.#failure ??= this.#makeError(code, messageOf(failure));
    }
    // The server has said all it will; the call is over once our side is too.
    this.#stream.end();
    await this.#closed;
    const failure = this.#outcome();
    if (failure) throw failure;
  }

  #outcome(): Error | undefined {
    if (this.#failure) return this.#failure;
    if (!this.#status) return this.#makeError("connection", "the connection was closed before the answer");
    const { code, message } = this.#status;
    return code === grpcStatus.ok ? undefined : this.#makeError("status", message, code);
  }
}
