/** Methods of a service from functions on messages. */
import type { RpcMethods, StreamMethod, UnaryMethod } from "../port/rpc.ts";
import type { ResponseHeader } from "../wire/etcd/kv.ts";
import type { Method } from "../wire/etcd/services.ts";
import { grpcFrame } from "../wire/grpc-frames.ts";
import { decode } from "../wire/protobuf.ts";

/** The header of an answer that was true at a revision. */
export type HeaderAt = (revision: number) => ResponseHeader;

/** One message in, one out. */
export function unary<Q extends object, S extends object>(
  method: Method<Q, S>,
  answer: (request: Q) => Partial<S> | Promise<Partial<S>>,
): RpcMethods {
  const bound: UnaryMethod = {
    type: "unary",
    answer: async (octets) => grpcFrame(method.response, await answer(decode(method.request, octets))),
  };
  return { [method.path]: bound };
}

export const stream = (path: string, open: StreamMethod["open"]): RpcMethods => ({ [path]: { type: "stream", open } });
