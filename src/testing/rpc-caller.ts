/** Calls gRPC methods by hand: no socket, and a reader that can be made to stop reading. */
import type { RpcError, RpcMethods, StreamHandler } from "../port/rpc.ts";
import type { Method } from "../wire/etcd/services.ts";
import { GrpcFramer } from "../wire/grpc-frames.ts";
import { decode, encode } from "../wire/protobuf.ts";

const MAX_OCTETS = 2 ** 31;
const DEADLINE_MS = 20_000;

function messagesOf<Q extends object, S extends object>(method: Method<Q, S>, octets: Uint8Array): S[] {
  const framer = new GrpcFramer(MAX_OCTETS);
  const messages = framer.push(Buffer.from(octets)).map((message) => decode(method.response, message));
  framer.end();
  return messages;
}

/** Calls a unary method; throws what it throws. */
export async function callOnce<Q extends object, S extends object>(
  methods: RpcMethods,
  method: Method<Q, S>,
  request: Partial<Q>,
): Promise<S> {
  const bound = methods[method.path];
  if (bound?.type !== "unary") throw new Error(`${method.path} is no unary method`);
  const frame = await bound.answer(encode(method.request, request));
  const [message] = messagesOf(method, frame instanceof Uint8Array ? frame : Buffer.concat(frame));
  return message!;
}

/** One stream as its caller sees it. */
export class CalledStream<Q extends object, S extends object> {
  readonly received: S[] = [];
  /** How often `send` was called. */
  sends = 0;
  end: { readonly error: RpcError | undefined } | undefined;
  readonly #method: Method<Q, S>;
  readonly #handler: StreamHandler;
  #isReading = true;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(methods: RpcMethods, method: Method<Q, S>) {
    const bound = methods[method.path];
    if (bound?.type !== "stream") throw new Error(`${method.path} is no stream`);
    this.#method = method;
    this.#handler = bound.open({
      send: (frame) => {
        this.sends++;
        this.received.push(...messagesOf(method, frame));
        this.#wake?.();
        return this.#isReading;
      },
      end: (error) => {
        this.end = { error };
        this.close();
        this.#wake?.();
      },
    });
  }

  send(message: Partial<Q>): void {
    this.#handler.message(encode(this.#method.request, message));
  }

  /** What is sent still arrives, but the sender is told to wait. */
  stopReading(): void {
    this.#isReading = false;
  }

  readOn(): void {
    this.#isReading = true;
    this.#handler.drained();
  }

  /** The caller sends no more. */
  finish(): void {
    this.#handler.ended();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler.closed();
  }

  /** Resolves once the condition holds. One caller at a time. */
  async until(holds: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const late = new Promise<never>((_, reject) => {
      signal.onabort = () => reject(new Error(`not received in ${DEADLINE_MS} ms: ${this.received.length} messages`));
    });
    while (!holds()) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, late]);
    }
    signal.onabort = null;
  }
}
