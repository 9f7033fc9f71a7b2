/**
 * Puts, deletions and transactions on a draft. Everything that can be refused is refused before the first change; the
 * comparisons of transactions in transactions are made before it too (etcd's server/etcdserver/apply.go).
 */
import {
  COMPARE_RESULT,
  COMPARE_TARGET,
  type Compare,
  type DeleteRangeRequest,
  type PutRequest,
  type RequestOp,
  type ResponseHeader,
  type TxnRequest,
} from "../wire/etcd/kv.ts";
import type { DeleteRangeAnswer, OpAnswer, PutAnswer, TxnAnswer } from "./answers.ts";
import type { Draft } from "./draft.ts";
import { keyNotFound, leaseNotFound } from "./errors.ts";
import type { Item } from "./item.ts";
import { keyRange } from "./key-range.ts";
import type { Mvcc } from "./mvcc.ts";
import { answerRange, findRange } from "./range.ts";

export interface TxnDeps {
  readonly mvcc: Mvcc;
  readonly leases: { has(id: bigint): boolean };
  readonly header: (revision: number) => ResponseHeader;
}

/** Throws `keyNotFound`, `leaseNotFound`. */
export function put(deps: TxnDeps, draft: Draft, request: PutRequest): PutAnswer {
  mustHaveLease(deps, request);
  return applyPut(deps, draft, request);
}

export function deleteRange(deps: TxnDeps, draft: Draft, request: DeleteRangeRequest): DeleteRangeAnswer {
  return applyDeleteRange(deps, draft, request);
}

/** Throws what etcd refuses such a transaction with; then nothing has changed. */
export function txn(deps: TxnDeps, draft: Draft, request: TxnRequest): TxnAnswer {
  const chosen = choose(deps, request);
  forEachOp(chosen, ({ put }) => {
    if (!put) return;
    mustHaveKey(deps, put);
    mustHaveLease(deps, put);
  });
  forEachOp(chosen, ({ range }) => range && range.revision > 0 && deps.mvcc.checkRevision(range.revision));
  const answer = apply(deps, draft, chosen);
  return { ...answer, header: headerOf(deps, draft) };
}

/** The way through a transaction, and through those in it. */
interface Chosen {
  readonly succeeded: boolean;
  readonly ops: readonly { readonly op: RequestOp; readonly txn: Chosen | undefined }[];
}

function choose(deps: TxnDeps, request: TxnRequest): Chosen {
  const succeeded = request.compare.every((compare) => holds(deps.mvcc, compare));
  const ops = (succeeded ? request.success : request.failure).map((op) => ({
    op,
    txn: op.txn && choose(deps, op.txn),
  }));
  return { succeeded, ops };
}

function forEachOp({ ops }: Chosen, look: (op: RequestOp) => unknown): void {
  for (const { op, txn } of ops) {
    if (txn) forEachOp(txn, look);
    else look(op);
  }
}

function mustHaveKey({ mvcc }: TxnDeps, { key, ignoreValue, ignoreLease }: PutRequest): void {
  if ((ignoreValue || ignoreLease) && !mvcc.get(key)) throw keyNotFound();
}

function mustHaveLease({ leases }: TxnDeps, { lease }: PutRequest): void {
  if (lease !== 0n && !leases.has(lease)) throw leaseNotFound();
}

function apply(deps: TxnDeps, draft: Draft, { succeeded, ops }: Chosen): TxnAnswer {
  const responses = ops.map(({ op, txn }): OpAnswer => {
    if (txn) return { txn: apply(deps, draft, txn) };
    const { range: found, put: put_, deleteRange: deleted } = op;
    if (put_) return { put: within(applyPut(deps, draft, put_)) };
    if (deleted) return { deleteRange: within(applyDeleteRange(deps, draft, deleted)) };
    return found ? { range: within(answerRange(deps.mvcc, findRange(deps.mvcc, found), headerOf(deps, draft))) } : {};
  });
  return { header: NO_HEADER, succeeded, responses };
}

/** Answers within an answer: of the header the revision alone is told, and by transactions not even that. */
const NO_HEADER: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
const within = <A extends { readonly header: ResponseHeader }>(answer: A): A => ({
  ...answer,
  header: { ...NO_HEADER, revision: answer.header.revision },
});

const headerOf = ({ header, mvcc }: TxnDeps, draft: Draft): ResponseHeader =>
  header(draft.hasChanged ? draft.revision : mvcc.head);

function applyPut(deps: TxnDeps, draft: Draft, request: PutRequest): PutAnswer {
  const { mvcc } = deps;
  const { key, prevKv, ignoreValue, ignoreLease } = request;
  // It may have gone within the transaction: then all of it is taken back.
  mustHaveKey(deps, request);
  const before = mvcc.get(key);
  const known = before && (prevKv || ignoreValue) ? mvcc.withValue(before) : undefined;
  const value = ignoreValue && known ? known.value : octetTextOf(request.value);
  draft.put(key, value, ignoreLease && before ? before.lease : request.lease);
  return { header: headerOf(deps, draft), prevKv: prevKv ? known : undefined };
}

function applyDeleteRange(
  deps: TxnDeps,
  draft: Draft,
  { key, rangeEnd, prevKv }: DeleteRangeRequest,
): DeleteRangeAnswer {
  const { mvcc } = deps;
  const items = mvcc.select(keyRange(key, rangeEnd));
  const prevKvs = prevKv ? items.map((item) => mvcc.withValue(item)) : [];
  for (const item of items) draft.delete(item.key);
  return { header: headerOf(deps, draft), deleted: items.length, prevKvs };
}

const octetTextOf = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");

/** A comparison over a range holds when it holds for every key there; no key at all compares as one that is all zeros. */
function holds(mvcc: Mvcc, compare: Compare): boolean {
  const items = mvcc.select(keyRange(compare.key, compare.rangeEnd));
  if (items.length > 0) return items.every((item) => holdsFor(mvcc, compare, item));
  // A value that is not there cannot be told from an empty one, so nothing holds for it.
  return compare.target !== COMPARE_TARGET.value && holdsFor(mvcc, compare, undefined);
}

function holdsFor(mvcc: Mvcc, compare: Compare, item: Item | undefined): boolean {
  const order = orderOf(mvcc, compare, item);
  switch (compare.result) {
    case COMPARE_RESULT.equal:
      return order === 0;
    case COMPARE_RESULT.notEqual:
      return order !== 0;
    case COMPARE_RESULT.greater:
      return order > 0;
    case COMPARE_RESULT.less:
      return order < 0;
    default:
      return true;
  }
}

/** Below 0, 0 or above 0: how the item stands to what it is compared with. */
function orderOf(mvcc: Mvcc, compare: Compare, item: Item | undefined): number {
  switch (compare.target) {
    case COMPARE_TARGET.version:
      return (item?.version ?? 0) - (compare.version ?? 0);
    case COMPARE_TARGET.create:
      return (item?.createRevision ?? 0) - (compare.createRevision ?? 0);
    case COMPARE_TARGET.mod:
      return (item?.modRevision ?? 0) - (compare.modRevision ?? 0);
    case COMPARE_TARGET.value: {
      const [x, y] = [item ? mvcc.withValue(item).value : "", octetTextOf(compare.value ?? Buffer.alloc(0))];
      return x < y ? -1 : x > y ? 1 : 0;
    }
    case COMPARE_TARGET.lease: {
      const [x, y] = [item?.lease ?? 0n, compare.lease ?? 0n];
      return x < y ? -1 : x > y ? 1 : 0;
    }
    default:
      return 0;
  }
}
