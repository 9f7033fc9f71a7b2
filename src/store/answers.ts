/**
 * The answers that carry stored items, as messages: `wire/etcd/kv.ts` and `watch.ts` with the items themselves in place
 * of key-value messages, so that nothing is copied before it is written.
 */
import { header, type ResponseHeader } from "../wire/etcd/kv.ts";
import { bool, int64, type Message, message, nested, octetText, repeated, signedId, string } from "../wire/protobuf.ts";

/** An item as far as it is shown: an absent value or version is not written. */
export interface Shown {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: string;
  readonly lease: bigint;
}

const shown = message({
  key: [1, octetText],
  createRevision: [2, int64],
  modRevision: [3, int64],
  version: [4, int64],
  value: [5, octetText],
  lease: [6, signedId],
});

export interface RangeAnswer {
  readonly header: ResponseHeader;
  readonly kvs: readonly Shown[];
  readonly more: boolean;
  readonly count: number;
}
export interface PutAnswer {
  readonly header: ResponseHeader;
  readonly prevKv: Shown | undefined;
}
export interface DeleteRangeAnswer {
  readonly header: ResponseHeader;
  readonly deleted: number;
  readonly prevKvs: readonly Shown[];
}
export interface TxnAnswer {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly OpAnswer[];
}
/** One of them is there. */
export interface OpAnswer {
  readonly range?: RangeAnswer;
  readonly put?: PutAnswer;
  readonly deleteRange?: DeleteRangeAnswer;
  readonly txn?: TxnAnswer;
}

export const rangeAnswer = message({
  header: [1, header],
  kvs: [2, repeated(nested(() => shown))],
  more: [3, bool],
  count: [4, int64],
});
export const putAnswer = message({ header: [1, header], prevKv: [2, nested(() => shown)] });
export const deleteRangeAnswer = message({
  header: [1, header],
  deleted: [2, int64],
  prevKvs: [3, repeated(nested(() => shown))],
});
const opAnswer: Message<OpAnswer> = message({
  range: [1, nested(() => rangeAnswer)],
  put: [2, nested(() => putAnswer)],
  deleteRange: [3, nested(() => deleteRangeAnswer)],
  txn: [4, nested((): Message<TxnAnswer> => txnAnswer)],
}) as Message<OpAnswer>;
export const txnAnswer: Message<TxnAnswer> = message({
  header: [1, header],
  succeeded: [2, bool],
  responses: [3, repeated(nested(() => opAnswer))],
}) as Message<TxnAnswer>;

export const eventAnswer = message({
  type: [1, int64],
  kv: [2, nested(() => shown)],
  prevKv: [3, nested(() => shown)],
});
/** A watch response up to its events, which are appended one by one as field 11. */
export const watchAnswerHead = message({
  header: [1, header],
  watchId: [2, int64],
  created: [3, bool],
  canceled: [4, bool],
  compactRevision: [5, int64],
  cancelReason: [6, string],
  fragment: [7, bool],
});
export const WATCH_EVENTS_FIELD = 11;
