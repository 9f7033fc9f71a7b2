/**
 * The server's side of gRPC as services see it: methods by path, messages as frames (`wire/grpc-frames.ts`), errors by
 * status. What carries it (HTTP/2 on sockets; a test's own hands) is an adapter.
 */
import { CodedError } from "../base/errors.ts";
import type { GrpcStatus } from "../wire/grpc-status.ts";

/** A call's end with another status than ok; `message` goes to the caller as it is. */
export class RpcError extends CodedError<Exclude<GrpcStatus, "ok">> {
  constructor(status: Exclude<GrpcStatus, "ok">, message: string, options?: ErrorOptions) {
    super(status, message, {}, options);
  }
}

/** One framed message, whole or in pieces where it is too long to be built in one turn. */
export type Frame = Uint8Array | readonly Uint8Array[];

/** Takes one message, gives one frame. What it throws and is no RpcError ends the call as `internal`. */
export interface UnaryMethod {
  readonly type: "unary";
  readonly answer: (request: Uint8Array) => Frame | Promise<Frame>;
}

/** Messages both ways, in any order. */
export interface StreamMethod {
  readonly type: "stream";
  readonly open: (call: StreamCall) => StreamHandler;
}

/** What a handler holds of its caller. After `end`, and after the handler was told `closed`, nothing is sent. */
export interface StreamCall {
  /** Queues a frame. False: the caller reads more slowly than it is written to; `drained` tells when it has caught up. */
  send(frame: Uint8Array): boolean;
  /** Ends the call; without an error with status ok. */
  end(error?: RpcError): void;
}

/** What a handler is told. */
export interface StreamHandler {
  /** A whole message. What it throws ends the call. */
  message(octets: Uint8Array): void;
  drained(): void;
  /** The caller sends no more. */
  ended(): void;
  /** The call is over, whoever ended it. Told once. */
  closed(): void;
}

/** Methods by `:path`, `/etcdserverpb.KV/Range`. */
export type RpcMethods = Readonly<Record<string, UnaryMethod | StreamMethod>>;
