/**
 * What etcd refuses of a request before it looks at any key (etcd's server/etcdserver/api/v3rpc/key.go). A transaction
 * may not put a key twice, nor put and delete it, on any one way through it.
 */
import type { DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from "../wire/etcd/kv.ts";
import { duplicateKey, emptyKey, keyNotFound, leaseProvided, tooManyOps, valueProvided } from "./errors.ts";
import { contains, type KeyRange, keyRange } from "./key-range.ts";
import { checkRange } from "./range.ts";

/** etcd's own default, `--max-txn-ops`. */
const MAX_OPS = 128;

export function checkPut({ key, value, lease, ignoreValue, ignoreLease }: PutRequest): void {
  if (key === "") throw emptyKey();
  if (ignoreValue && value.length > 0) throw valueProvided();
  if (ignoreLease && lease !== 0n) throw leaseProvided();
}

export function checkDeleteRange({ key }: DeleteRangeRequest): void {
  if (key === "") throw emptyKey();
}

/** Throws RpcError. */
export function checkTxn(txn: TxnRequest): void {
  checkParts(txn);
  checkKeys(txn.success);
  checkKeys(txn.failure);
}

function checkParts({ compare, success, failure }: TxnRequest): void {
  if (Math.max(compare.length, success.length, failure.length) > MAX_OPS) throw tooManyOps();
  for (const { key } of compare) if (key === "") throw emptyKey();
  for (const op of [...success, ...failure]) {
    if (op.range) checkRange(op.range);
    else if (op.put) checkPut(op.put);
    else if (op.deleteRange) checkDeleteRange(op.deleteRange);
    else if (op.txn) checkParts(op.txn);
    else throw keyNotFound();
  }
}

/** Keys that a way through some ops puts, and ranges that it deletes. */
interface Touched {
  readonly puts: ReadonlySet<string>;
  readonly deletes: readonly KeyRange[];
}

/** As etcd has it: a deletion of everything from a key on is not looked at, and may meet what is put beside it. */
const meets = ({ end, begin }: KeyRange, key: string): boolean => end !== undefined && contains({ begin, end }, key);

/**
 * What these ops touch, with both ways through each transaction in them, in etcd's order: deletions here, then
 * transactions one after the other, then puts here. Throws `duplicateKey`.
 */
function checkKeys(ops: readonly RequestOp[]): Touched {
  const puts = new Set<string>();
  const deletes: KeyRange[] = [];
  const isTaken = (key: string): boolean => puts.has(key) || deletes.some((range) => meets(range, key));
  for (const { deleteRange } of ops) if (deleteRange) deletes.push(keyRange(deleteRange.key, deleteRange.rangeEnd));
  for (const { txn } of ops) {
    if (!txn) continue;
    // Only one of the two ways is taken, so they may agree with each other.
    const ways = [checkKeys(txn.success), checkKeys(txn.failure)];
    for (const way of ways) for (const key of way.puts) if (isTaken(key)) throw duplicateKey();
    for (const way of ways) {
      for (const key of way.puts) puts.add(key);
      deletes.push(...way.deletes);
    }
  }
  for (const { put } of ops) {
    if (!put) continue;
    if (isTaken(put.key)) throw duplicateKey();
    puts.add(put.key);
  }
  return { puts, deletes };
}
