/**
 * Messages of etcd v3's `etcdserverpb.KV` and `mvccpb`: keys and values, ranges, puts, deletions, transactions.
 * Keys are octet texts (one character an octet): primitives for maps that sort as etcd sorts.
 * https://github.com/etcd-io/etcd/blob/release-3.5/api/etcdserverpb/rpc.proto
 */
import {
  bool,
  bytes,
  type FieldType,
  int64,
  type Message,
  message,
  nested,
  octetText,
  optional,
  repeated,
  signedId,
  unsignedId,
  type ValueOf,
} from "../protobuf.ts";

const responseHeader = message({
  clusterId: [1, unsignedId],
  memberId: [2, unsignedId],
  revision: [3, int64],
  raftTerm: [4, int64],
});
export type ResponseHeader = ValueOf<typeof responseHeader>;
export const header = nested(() => responseHeader);

/** For requests and answers that carry nothing but a header, or nothing at all. */
export const emptyRequest = message({});
export const headerResponse = message({ header: [1, header] });

/** The messages that carry keys and values are made for each form in which values are held: here octets. */
export const keyValueWith = <V>(value: FieldType<V>) =>
  message({
    key: [1, octetText],
    createRevision: [2, int64],
    modRevision: [3, int64],
    version: [4, int64],
    value: [5, value],
    lease: [6, signedId],
  });
export const keyValue = keyValueWith(bytes);
export type KeyValue = ValueOf<typeof keyValue>;

export const EVENT_PUT = 0;
export const EVENT_DELETE = 1;

export const eventWith = <K extends object>(kv: Message<K>) =>
  message({ type: [1, int64], kv: [2, nested(() => kv)], prevKv: [3, nested(() => kv)] });
export const event = eventWith(keyValue);
export type Event = ValueOf<typeof event>;

export const SORT_ORDER = { none: 0, ascend: 1, descend: 2 } as const;
export const SORT_TARGET = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

export const rangeRequest = message({
  key: [1, octetText],
  rangeEnd: [2, octetText],
  limit: [3, int64],
  revision: [4, int64],
  sortOrder: [5, int64],
  sortTarget: [6, int64],
  serializable: [7, bool],
  keysOnly: [8, bool],
  countOnly: [9, bool],
  minModRevision: [10, int64],
  maxModRevision: [11, int64],
  minCreateRevision: [12, int64],
  maxCreateRevision: [13, int64],
});
export type RangeRequest = ValueOf<typeof rangeRequest>;

export const rangeResponseWith = <K extends object>(kv: Message<K>) =>
  message({ header: [1, header], kvs: [2, repeated(nested(() => kv))], more: [3, bool], count: [4, int64] });
export const rangeResponse = rangeResponseWith(keyValue);
export type RangeResponse = ValueOf<typeof rangeResponse>;

export const putRequest = message({
  key: [1, octetText],
  value: [2, bytes],
  lease: [3, signedId],
  prevKv: [4, bool],
  ignoreValue: [5, bool],
  ignoreLease: [6, bool],
});
export type PutRequest = ValueOf<typeof putRequest>;

export const putResponseWith = <K extends object>(kv: Message<K>) =>
  message({ header: [1, header], prevKv: [2, nested(() => kv)] });
export const putResponse = putResponseWith(keyValue);
type PutResponse = ValueOf<typeof putResponse>;

export const deleteRangeRequest = message({ key: [1, octetText], rangeEnd: [2, octetText], prevKv: [3, bool] });
export type DeleteRangeRequest = ValueOf<typeof deleteRangeRequest>;

export const deleteRangeResponseWith = <K extends object>(kv: Message<K>) =>
  message({ header: [1, header], deleted: [2, int64], prevKvs: [3, repeated(nested(() => kv))] });
export const deleteRangeResponse = deleteRangeResponseWith(keyValue);
type DeleteRangeResponse = ValueOf<typeof deleteRangeResponse>;

export const COMPARE_RESULT = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const COMPARE_TARGET = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

export const compare = message({
  result: [1, int64],
  target: [2, int64],
  key: [3, octetText],
  version: [4, optional(int64)],
  createRevision: [5, optional(int64)],
  modRevision: [6, optional(int64)],
  value: [7, optional(bytes)],
  lease: [8, optional(signedId)],
  rangeEnd: [64, octetText],
});
export type Compare = ValueOf<typeof compare>;

/** One of them is there. */
export interface RequestOp {
  readonly range: RangeRequest | undefined;
  readonly put: PutRequest | undefined;
  readonly deleteRange: DeleteRangeRequest | undefined;
  readonly txn: TxnRequest | undefined;
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export const requestOp: Message<RequestOp> = message({
  range: [1, nested(() => rangeRequest)],
  put: [2, nested(() => putRequest)],
  deleteRange: [3, nested(() => deleteRangeRequest)],
  txn: [4, nested((): Message<TxnRequest> => txnRequest)],
});

export const txnRequest: Message<TxnRequest> = message({
  compare: [1, repeated(nested(() => compare))],
  success: [2, repeated(nested(() => requestOp))],
  failure: [3, repeated(nested(() => requestOp))],
});

interface ResponseOp {
  readonly range: RangeResponse | undefined;
  readonly put: PutResponse | undefined;
  readonly deleteRange: DeleteRangeResponse | undefined;
  readonly txn: TxnResponse | undefined;
}

export interface TxnResponse {
  readonly header: ResponseHeader | undefined;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

const responseOp: Message<ResponseOp> = message({
  range: [1, nested(() => rangeResponse)],
  put: [2, nested(() => putResponse)],
  deleteRange: [3, nested(() => deleteRangeResponse)],
  txn: [4, nested((): Message<TxnResponse> => txnResponse)],
});

export const txnResponse: Message<TxnResponse> = message({
  header: [1, header],
  succeeded: [2, bool],
  responses: [3, repeated(nested(() => responseOp))],
});

export const compactionRequest = message({ revision: [1, int64], physical: [2, bool] });

/** The end of the range of all keys that begin with `prefix`; `"\0"` (to the end of all keys) where there is none. */
export function prefixEnd(prefix: string): string {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const octet = prefix.charCodeAt(at);
    if (octet < 0xff) return prefix.slice(0, at) + String.fromCharCode(octet + 1);
  }
  return "\0";
}
