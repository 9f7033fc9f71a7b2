/** A write of the store port as one etcd transaction, and its answer as the write's result. Pure. */
import type { JsonObject } from "../../base/json.ts";
import { parseJson } from "../../base/json.ts";
import { isUnreadable, type Stored, StoreError, type WriteOp, type WriteResult } from "../../port/store.ts";
import {
  COMPARE_RESULT,
  COMPARE_TARGET,
  type Compare,
  compare,
  deleteRangeRequest,
  type KeyValue,
  putRequest,
  type RequestOp,
  rangeRequest,
  requestOp,
  type TxnRequest,
  type TxnResponse,
} from "../../wire/etcd/kv.ts";
import { decodeObject, type EtcdKeys, encodeValue, keyOctets } from "./etcd-values.ts";

/**
 * Compares every op's condition; carries all out, or reads the keys to say which condition failed. Throws StoreError
 * `unsupported` for several ops on one object.
 */
export function transactionOf(keys: EtcdKeys, ops: readonly WriteOp[]): TxnRequest {
  const at = ops.map((op) => ({ op, key: keyOctets(keys, op.key) }));
  const twice = at.find(({ key }, index) => at.findIndex((other) => other.key === key) !== index);
  if (twice) throw new StoreError("unsupported", `${twice.key} is written twice at once`, { key: twice.key });
  return {
    compare: at.flatMap(({ op, key }) => conditionOf(op, key)),
    success: at.map(({ op, key }): RequestOp => {
      if (op.op === "delete") {
        return { ...requestOp.absent, deleteRange: { ...deleteRangeRequest.absent, key, prevKv: true } };
      }
      return { ...requestOp.absent, put: { ...putRequest.absent, key, value: encodeValue(op.value) } };
    }),
    failure: at.map(({ key }) => ({ ...requestOp.absent, range: { ...rangeRequest.absent, key } })),
  };
}

function conditionOf(op: WriteOp, key: string): Compare[] {
  if (op.op === "put") return [];
  if (op.op === "create") return [{ ...compare.absent, target: COMPARE_TARGET.version, key, version: 0 }];
  if (op.revision === undefined) {
    return [{ ...compare.absent, target: COMPARE_TARGET.version, result: COMPARE_RESULT.greater, key, version: 0 }];
  }
  return [{ ...compare.absent, target: COMPARE_TARGET.mod, key, modRevision: Number(op.revision) }];
}

/** Throws StoreError `malformed` when the answer does not fit the ops. */
export function readTransaction(ops: readonly WriteOp[], answer: TxnResponse): WriteResult {
  if (answer.responses.length !== ops.length) {
    throw new StoreError("malformed", `${ops.length} writes, but ${answer.responses.length} answers`, {});
  }
  return answer.succeeded ? carriedOut(ops, answer) : refused(ops, answer);
}

function carriedOut(ops: readonly WriteOp[], answer: TxnResponse): WriteResult {
  const revision = String(answer.header?.revision ?? 0);
  const stored = ops.flatMap((op, index): Stored[] => {
    if (op.op !== "delete") {
      // As it was written, and nobody else's object.
      return [{ key: op.key, value: parseJson(encodeValue(op.value).toString()) as JsonObject, revision }];
    }
    const was = answer.responses[index]?.deleteRange?.prevKvs[0];
    if (!was) return [];
    const object = decodeObject(op.key, was);
    return [isUnreadable(object) ? { key: op.key, value: {}, revision: object.revision } : object];
  });
  return { ok: true, stored };
}

function refused(ops: readonly WriteOp[], answer: TxnResponse): WriteResult {
  for (const [index, op] of ops.entries()) {
    const reason = reasonOf(op, answer.responses[index]?.range?.kvs[0]);
    if (reason) return { ok: false, reason, key: op.key };
  }
  throw new StoreError("malformed", "the store refuses a transaction whose conditions hold", {});
}

function reasonOf(op: WriteOp, there: KeyValue | undefined): "exists" | "notFound" | "conflict" | undefined {
  if (op.op === "put") return undefined;
  if (op.op === "create") return there ? "exists" : undefined;
  if (!there) return "notFound";
  return op.revision !== undefined && op.revision !== String(there.modRevision) ? "conflict" : undefined;
}
