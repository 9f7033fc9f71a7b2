/** The gRPC methods of etcd v3 with the types of their messages. */
import type { Message } from "../protobuf.ts";
import {
  compactionRequest,
  deleteRangeRequest,
  deleteRangeResponse,
  headerResponse,
  putRequest,
  putResponse,
  rangeRequest,
  rangeResponse,
  txnRequest,
  txnResponse,
} from "./kv.ts";
import { watchRequest, watchResponse } from "./watch.ts";

export interface Method<Q extends object, S extends object> {
  /** The `:path` of the call. */
  readonly path: string;
  readonly request: Message<Q>;
  readonly response: Message<S>;
}

const method = <Q extends object, S extends object>(
  service: string,
  name: string,
  request: Message<Q>,
  response: Message<S>,
): Method<Q, S> => ({ path: `/etcdserverpb.${service}/${name}`, request, response });

export const kvMethods = {
  range: method("KV", "Range", rangeRequest, rangeResponse),
  put: method("KV", "Put", putRequest, putResponse),
  deleteRange: method("KV", "DeleteRange", deleteRangeRequest, deleteRangeResponse),
  txn: method("KV", "Txn", txnRequest, txnResponse),
  compact: method("KV", "Compact", compactionRequest, headerResponse),
} as const;

export const watchMethod = method("Watch", "Watch", watchRequest, watchResponse);
