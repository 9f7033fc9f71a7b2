/** One gRPC call on an HTTP/2 stream, the server's side. Nothing thrown leaves it. */
import http2 from "node:http2";
import { messageOf } from "../../base/errors.ts";
import {
  type Frame,
  RpcError,
  type StreamCall,
  type StreamHandler,
  type StreamMethod,
  type UnaryMethod,
} from "../../port/rpc.ts";
import { GrpcFrameError, GrpcFramer } from "../../wire/grpc-frames.ts";
import { encodeGrpcMessage, grpcStatus } from "../../wire/grpc-status.ts";
import { ProtobufError } from "../../wire/protobuf.ts";
import type { CallGate } from "./call-gate.ts";

export interface CallOptions {
  readonly gate: CallGate;
  readonly maxMessageOctets: number;
  /** Told of what is a fault of ours. */
  readonly failed: (failure: unknown) => void;
}

const HEAD = { ":status": 200, "content-type": "application/grpc" } as const;
/** The same as a list of names and values, which costs less than an object: most calls end well. */
const HEAD_LIST = [":status", "200", "content-type", "application/grpc"] as const;
const OK = { "grpc-status": "0" } as const;

const statusOf = (error: RpcError) => ({
  "grpc-status": String(grpcStatus[error.code]),
  "grpc-message": encodeGrpcMessage(error.message),
});

const isOver = (stream: http2.ServerHttp2Stream): boolean => stream.destroyed || stream.closed;

/** Ends a call that has had no answer yet; one that has is broken off. */
export function refuseCall(stream: http2.ServerHttp2Stream, error: RpcError): void {
  if (isOver(stream)) return;
  if (stream.headersSent) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  else stream.respond({ ...HEAD, ...statusOf(error) }, { endStream: true });
}

/** What a call ends with when this was thrown: octets that cannot be read are the caller's, the rest is ours. */
function rpcErrorOf(failure: unknown, { failed }: CallOptions): RpcError {
  if (failure instanceof RpcError) return failure;
  if (failure instanceof ProtobufError) {
    return new RpcError("internal", `grpc: failed to unmarshal the received message: ${failure.message}`);
  }
  if (failure instanceof GrpcFrameError) {
    const code = { compressed: "unimplemented", tooLong: "resourceExhausted", cutShort: "internal" } as const;
    return new RpcError(code[failure.code], failure.message);
  }
  failed(failure);
  return new RpcError("internal", `a fault of the store: ${messageOf(failure)}`);
}

export function serveUnary(stream: http2.ServerHttp2Stream, method: UnaryMethod, options: CallOptions): void {
  const framer = new GrpcFramer(options.maxMessageOctets);
  let isTaken = false;
  const refuse = (failure: unknown): void => refuseCall(stream, rpcErrorOf(failure, options));
  const answer = (message: Buffer): void => {
    try {
      const given = method.answer(message);
      if (given instanceof Promise) given.then((frame) => send(stream, frame)).catch(refuse);
      else send(stream, given);
    } catch (failure) {
      refuse(failure);
    }
  };
  stream.on("data", (piece: Buffer) => {
    if (isTaken) return;
    try {
      const [message] = framer.push(piece);
      if (!message) return;
      isTaken = true;
      pass(stream, options.gate, () => answer(message));
    } catch (failure) {
      isTaken = true;
      refuse(failure);
    }
  });
  stream.on("end", () => {
    if (!isTaken) refuseCall(stream, new RpcError("internal", "grpc: the call ended before its request was whole"));
  });
}

/** Begins the call when the gate lets it in; it is over when its answer has gone out, or its caller has gone. */
function pass(stream: http2.ServerHttp2Stream, gate: CallGate, begin: () => void): void {
  const { session } = stream;
  if (!session) return;
  gate.enter(session, () => {
    if (isOver(stream)) {
      gate.leave(session);
      return;
    }
    stream.once("close", () => gate.leave(session));
    begin();
  });
}

function send(stream: http2.ServerHttp2Stream, frame: Frame): void {
  if (isOver(stream)) return;
  stream.respond(HEAD_LIST, { waitForTrailers: true });
  stream.once("wantTrailers", sendOk);
  if (frame instanceof Uint8Array) stream.end(frame);
  else sendPieces(stream, frame, 0);
}

function sendOk(this: http2.ServerHttp2Stream): void {
  this.sendTrailers(OK);
}

/** As fast as the caller reads. */
function sendPieces(stream: http2.ServerHttp2Stream, pieces: readonly Uint8Array[], from: number): void {
  for (const [index, piece] of pieces.slice(from).entries()) {
    if (isOver(stream)) return;
    if (stream.write(piece)) continue;
    stream.once("drain", () => sendPieces(stream, pieces, from + index + 1));
    return;
  }
  stream.end();
}

/** Gives a way to end the stream from outside. */
export function serveStream(
  stream: http2.ServerHttp2Stream,
  method: StreamMethod,
  options: CallOptions,
): (error: RpcError) => void {
  const framer = new GrpcFramer(options.maxMessageOctets);
  let isEnded = false;
  let isToldClosed = false;
  let trailers: http2.OutgoingHttpHeaders = OK;
  const end = (error?: RpcError): void => {
    if (isEnded || isOver(stream)) return;
    isEnded = true;
    if (error) trailers = statusOf(error);
    stream.end();
    queueMicrotask(tellClosed);
  };
  const call: StreamCall = {
    send: (frame) => {
      if (isEnded || isOver(stream)) return false;
      const isFast = stream.write(frame);
      // Who does not read is not heard either, or its requests would pile up answers.
      if (!isFast) stream.pause();
      return isFast;
    },
    end,
  };
  const guard = (work: () => void): void => {
    try {
      work();
    } catch (failure) {
      end(rpcErrorOf(failure, options));
    }
  };
  const tellClosed = (): void => {
    if (isToldClosed) return;
    isToldClosed = true;
    guard(() => handler?.closed());
  };
  stream.respond(HEAD, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  let handler: StreamHandler | undefined;
  guard(() => {
    handler = method.open(call);
  });
  stream.on("data", (piece: Buffer) =>
    guard(() => {
      for (const message of framer.push(piece)) if (!isEnded) handler?.message(message);
    }),
  );
  stream.on("drain", () => {
    stream.resume();
    guard(() => isEnded || handler?.drained());
  });
  stream.on("end", () => guard(() => isEnded || handler?.ended()));
  stream.on("close", tellClosed);
  return end;
}
