/**
 * gRPC calls over one HTTP/2 connection to one endpoint: unary calls and streams. It never reconnects: a channel that is
 * closed is replaced by its owner. While streams are open it pings, so that a peer that vanished without a word is noticed.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import http2 from "node:http2";
import { CodedError, messageOf } from "../../base/errors.ts";
import type { Clock, Millis, Timer } from "../../port/clock.ts";
import type { Method } from "../../wire/etcd/services.ts";
import { grpcFrame } from "../../wire/grpc-frames.ts";
import { decode } from "../../wire/protobuf.ts";
import { dial, type Endpoint } from "./endpoint.ts";
import { GrpcStream } from "./grpc-stream.ts";

/**
 * `status`: the peer answered with this gRPC status. `connection`: the peer cannot be reached or went away.
 * `timeout`: no answer in time. `protocol`: what answers does not speak gRPC.
 */
export class GrpcError extends CodedError<
  "status" | "connection" | "timeout" | "protocol",
  { endpoint: string; status?: number }
> {}

/** etcd refuses pings that come more often than every 5 s. */
const PING_EVERY_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;
/** Room for answers under way, so that large lists do not wait for window updates. */
const STREAM_WINDOW = 4 << 20;
const CONNECTION_WINDOW = 16 << 20;

export class GrpcChannel {
  readonly endpoint: Endpoint;
  readonly #session: http2.ClientHttp2Session;
  readonly #clock: Clock;
  #openStreams = 0;
  #pinging: Timer | undefined;
  #whyClosed: string | undefined;

  private constructor(endpoint: Endpoint, session: http2.ClientHttp2Session, clock: Clock) {
    this.endpoint = endpoint;
    this.#session = session;
    this.#clock = clock;
    session.setLocalWindowSize(CONNECTION_WINDOW);
    session.on("error", (failure) => this.#close(messageOf(failure)));
    // Calls under way may still be answered; no new one goes here.
    session.on("goaway", () => {
      this.#whyClosed ??= "the server ended the connection";
    });
    session.on("close", () => this.#close("the connection was closed"));
  }

  /** Throws GrpcError `connection` or `timeout`. */
  static connect(endpoint: Endpoint, clock: Clock, timeoutMs: Millis): Promise<GrpcChannel> {
    const { text } = endpoint;
    return new Promise((resolve, reject) => {
      const session = http2.connect("http://localhost", {
        createConnection: () => dial(endpoint),
        settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
      });
      const give = (code: "connection" | "timeout", why: string) => {
        timer.cancel();
        session.destroy();
        reject(new GrpcError(code, `${text}: ${why}`, { endpoint: text }));
      };
      const timer = clock.after(timeoutMs, () => give("timeout", `no connection within ${Math.round(timeoutMs)} ms`));
      const fail = (failure: Error) => give("connection", messageOf(failure));
      session.once("error", fail);
      session.once("connect", () => {
        timer.cancel();
        session.off("error", fail);
        resolve(new GrpcChannel(endpoint, session, clock));
      });
    });
  }

  get isOpen(): boolean {
    return this.#whyClosed === undefined && !this.#session.closed && !this.#session.destroyed;
  }

  /** One request, one answer. Throws GrpcError, ProtobufError. */
  async unary<Q extends object, S extends object>(
    method: Method<Q, S>,
    request: Partial<Q>,
    timeoutMs: Millis,
  ): Promise<S> {
    const stream = this.#start(method.path);
    const timer = this.#clock.after(timeoutMs, () => {
      stream.cancel(this.#error("timeout", `no answer within ${Math.round(timeoutMs)} ms`));
      this.#suspect();
    });
    try {
      stream.end(grpcFrame(method.request, request));
      return decode(method.response, await stream.only());
    } finally {
      timer.cancel();
    }
  }

  /** A stream in both directions, pinged while it is open. Throws GrpcError. */
  open(path: string): GrpcStream {
    const stream = this.#start(path);
    this.#openStreams++;
    this.#pinging ??= this.#clock.after(PING_EVERY_MS, this.#ping);
    stream.onClose(() => {
      this.#openStreams--;
    });
    return stream;
  }

  #start(path: string): GrpcStream {
    if (!this.isOpen) throw this.#error("connection", this.#whyClosed ?? "the connection was closed");
    const stream = this.#session.request(
      {
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      },
      { endStream: false },
    );
    return new GrpcStream(stream, (code, why, status) => this.#error(code, this.#whyClosed ?? why, status));
  }

  readonly #ping = (): void => {
    this.#pinging = undefined;
    if (this.#openStreams === 0 || !this.isOpen) return;
    this.#suspect();
    this.#pinging = this.#clock.after(PING_EVERY_MS, this.#ping);
  };

  /** Asks for a sign of life, and ends the connection when none comes. */
  #suspect(): void {
    if (!this.isOpen) return;
    const timer = this.#clock.after(PING_TIMEOUT_MS, () => this.#close("the server does not answer pings"));
    this.#session.ping((failure) => {
      timer.cancel();
      if (failure) this.#close(messageOf(failure));
    });
  }

  #close(why: string): void {
    this.#whyClosed ??= why;
    this.close();
  }

  /** Ends every call that is under way. Idempotent. */
  close(): void {
    this.#whyClosed ??= "the connection was closed";
    this.#pinging?.cancel();
    this.#session.destroy();
  }

  #error(code: GrpcError["code"], why: string, status?: number): GrpcError {
    const { text } = this.endpoint;
    return new GrpcError(code, `${text}: ${why}`, { endpoint: text, ...(status !== undefined && { status }) });
  }
}
