/**
 * The connection to an etcd v3 store: one channel at a time to one of several endpoints, made when it is needed, and the
 * next endpoint when one fails. Every call ends in bounded time. gRPC's errors become the store's.
 */
import { CodedError, messageOf } from "../../base/errors.ts";
import type { Clock, Millis } from "../../port/clock.ts";
import { StoreError } from "../../port/store.ts";
import type { Method } from "../../wire/etcd/services.ts";
import { grpcStatus } from "../../wire/grpc-status.ts";
import { ProtobufError } from "../../wire/protobuf.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { GrpcChannel, GrpcError } from "./grpc-channel.ts";

export interface EtcdConnectionOptions {
  /** `http://host:port`, `unix:///absolute/path`; at least one. */
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly callTimeoutMs: Millis;
}

/** An answer of the store that its callers tell apart (a revision that was compacted), before it becomes a StoreError. */
export class CallRefused extends CodedError<"refused", { status: number; endpoint: string }> {}

export class EtcdConnection {
  readonly #endpoints: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #callTimeoutMs: Millis;
  /** The endpoint that is tried first. */
  #preferred = 0;
  #channel: Promise<GrpcChannel> | undefined;
  #isClosed = false;

  /** Throws StoreError for endpoints that cannot be read. */
  constructor({ endpoints, clock, callTimeoutMs }: EtcdConnectionOptions) {
    this.#endpoints = endpoints.map(parseEndpoint);
    if (this.#endpoints.length === 0) throw new StoreError("malformed", "no store endpoint is given", {});
    this.#clock = clock;
    this.#callTimeoutMs = callTimeoutMs;
  }

  /**
   * A call that changes nothing, so that it may be tried again at the next endpoint. Throws StoreError, or CallRefused
   * with the status that the store gave.
   */
  async read<Q extends object, S extends object>(method: Method<Q, S>, request: Partial<Q>): Promise<S> {
    const deadline = this.#clock.now() + this.#callTimeoutMs;
    for (let left = this.#endpoints.length; ; left--) {
      try {
        // An endpoint that hangs leaves time for the others.
        const now = this.#clock.now();
        return await this.#once(method, request, now + (deadline - now) / Math.max(left, 1));
      } catch (failure) {
        const isLast = left <= 0 || this.#clock.now() >= deadline;
        if (isLast || !isWorthAnotherTry(failure)) throw translate(failure);
      }
    }
  }

  /** A call that changes something: made once, since a lost answer does not say whether it was carried out. */
  async write<Q extends object, S extends object>(method: Method<Q, S>, request: Partial<Q>): Promise<S> {
    try {
      return await this.#once(method, request, this.#clock.now() + this.#callTimeoutMs);
    } catch (failure) {
      throw translate(failure);
    }
  }

  async #once<Q extends object, S extends object>(
    method: Method<Q, S>,
    request: Partial<Q>,
    deadline: Millis,
  ): Promise<S> {
    const channel = await this.channel(deadline);
    try {
      return await channel.unary(method, request, Math.max(deadline - this.#clock.now(), 1));
    } catch (failure) {
      if (isWorthAnotherTry(failure)) this.#leave(channel);
      throw failure;
    }
  }

  /** The open channel, or a new one to the first endpoint that takes it. Throws StoreError, GrpcError. */
  async channel(deadline = this.#clock.now() + this.#callTimeoutMs): Promise<GrpcChannel> {
    for (;;) {
      if (this.#isClosed) throw new StoreError("closed", "the store is closed", {});
      this.#channel ??= this.#connect(deadline);
      const connecting = this.#channel;
      try {
        const channel = await connecting;
        if (channel.isOpen) return channel;
      } catch (failure) {
        if (this.#channel === connecting) this.#channel = undefined;
        throw failure;
      }
      if (this.#channel === connecting) this.#channel = undefined;
    }
  }

  async #connect(deadline: Millis): Promise<GrpcChannel> {
    const count = this.#endpoints.length;
    const share = Math.max(deadline - this.#clock.now(), 1) / count;
    const failures: unknown[] = [];
    for (let tried = 0; tried < count; tried++) {
      const endpoint = this.#endpoints[this.#preferred % count];
      if (!endpoint) break;
      try {
        const channel = await GrpcChannel.connect(endpoint, this.#clock, share);
        if (!this.#isClosed) return channel;
        channel.close();
        break;
      } catch (failure) {
        failures.push(failure);
        this.#preferred = (this.#preferred + 1) % count;
      }
    }
    if (this.#isClosed) throw new StoreError("closed", "the store is closed", {});
    const why = failures.map(messageOf).join("; ");
    const endpoint = this.#endpoints.map(({ text }) => text).join(", ");
    throw new StoreError("unavailable", `the store cannot be reached: ${why}`, { endpoint });
  }

  /** After a failure: the next call begins with the next endpoint, where there is one. */
  #leave(channel: GrpcChannel): void {
    const at = this.#endpoints.indexOf(channel.endpoint);
    if (at !== this.#preferred || this.#endpoints.length === 1) return;
    this.#preferred = (at + 1) % this.#endpoints.length;
    this.#channel = undefined;
    channel.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const connecting = this.#channel;
    this.#channel = undefined;
    const [settled] = await Promise.allSettled([connecting]);
    if (settled?.status === "fulfilled") settled.value?.close();
  }
}

/** Another endpoint may answer: nothing was wrong with the call. */
function isWorthAnotherTry(failure: unknown): boolean {
  if (!(failure instanceof GrpcError)) return false;
  return failure.code !== "status" || failure.detail.status === grpcStatus.unavailable;
}

/** What callers of the store get. Errors that are none of the connection's pass as they are. */
export function translate(failure: unknown): unknown {
  if (failure instanceof ProtobufError) {
    return new StoreError("malformed", "the store's answer cannot be read", {}, { cause: failure });
  }
  if (!(failure instanceof GrpcError)) return failure;
  const { endpoint, status } = failure.detail;
  const error = (code: StoreError["code"], message: string) =>
    new StoreError(code, `${message}: ${failure.message}`, { endpoint }, { cause: failure.cause });
  if (failure.code !== "status") return error("unavailable", "the store does not answer");
  switch (status) {
    case grpcStatus.unavailable:
    case grpcStatus.deadlineExceeded:
    case grpcStatus.resourceExhausted:
    case grpcStatus.cancelled:
      return error("unavailable", "the store cannot answer");
    case grpcStatus.unauthenticated:
    case grpcStatus.permissionDenied:
      return error("unauthorized", "the store refuses this user");
    case grpcStatus.unimplemented:
      return error("unsupported", "the store does not know the call");
    default:
      return new CallRefused("refused", failure.message, { endpoint, status: status ?? grpcStatus.unknown });
  }
}
