/**
 * The answers that carry stored items, as messages: those of `wire/etcd/kv.ts` and `watch.ts` with the items themselves in
 * place of key-value messages, so that nothing is copied before it is written.
 */
import {
  deleteRangeResponseWith,
  eventWith,
  header,
  keyValueWith,
  putResponseWith,
  type ResponseHeader,
  rangeResponseWith,
} from "../wire/etcd/kv.ts";
import { watchResponseHead } from "../wire/etcd/watch.ts";
import { bool, type Message, message, nested, octetText, repeated } from "../wire/protobuf.ts";

/** An item as far as it is shown: an absent value or version is not written. */
export interface Shown {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: string;
  readonly lease: bigint;
}

const shown = keyValueWith(octetText);

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

export const rangeAnswer = rangeResponseWith(shown);
export const putAnswer = putResponseWith(shown);
export const deleteRangeAnswer = deleteRangeResponseWith(shown);
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

export const eventAnswer = eventWith(shown);
/** A watch response up to its events, which are appended one by one. */
export const watchAnswerHead = message(watchResponseHead);
