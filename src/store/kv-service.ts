/** etcdserverpb.KV. */
import type { Frame, RpcMethods, UnaryMethod } from "../port/rpc.ts";
import { kvMethods, type Method } from "../wire/etcd/services.ts";
import { grpcFrame } from "../wire/grpc-frames.ts";
import { decode } from "../wire/protobuf.ts";
import { deleteRangeAnswer, putAnswer, txnAnswer } from "./answers.ts";
import type { Committer } from "./committer.ts";
import type { Compactor } from "./compactor.ts";
import { requestTooLarge } from "./errors.ts";
import type { Lane } from "./lane.ts";
import type { Mvcc } from "./mvcc.ts";
import { checkRange, findRange, frameRange } from "./range.ts";
import { type HeaderAt, unary } from "./service.ts";
import { deleteRange, put, type TxnDeps, txn } from "./txn.ts";
import { checkDeleteRange, checkPut, checkTxn } from "./txn-check.ts";

/** etcd's own default, `--max-request-bytes`. */
export const MAX_REQUEST_OCTETS = 1.5 * 1024 * 1024;

export interface KvDeps {
  readonly mvcc: Mvcc;
  readonly committer: Committer;
  readonly compactor: Compactor;
  readonly lane: Lane;
  readonly leases: TxnDeps["leases"];
  readonly header: HeaderAt;
}

export function kvService(deps: KvDeps): RpcMethods {
  const { mvcc, committer, compactor, lane, header } = deps;
  return {
    ...reading(kvMethods.range, (request) => {
      checkRange(request);
      // What is not durable yet may still be lost: nobody is shown it.
      return committer.whenSettled(() => frameRange(mvcc, lane, findRange(mvcc, request), header(mvcc.revision)));
    }),
    ...writing(kvMethods.put, async (request) => {
      checkPut(request);
      return grpcFrame(putAnswer, await committer.submit((draft) => put(deps, draft, request)));
    }),
    ...writing(kvMethods.deleteRange, async (request) => {
      checkDeleteRange(request);
      return grpcFrame(deleteRangeAnswer, await committer.submit((draft) => deleteRange(deps, draft, request)));
    }),
    ...writing(kvMethods.txn, async (request) => {
      checkTxn(request);
      return grpcFrame(txnAnswer, await committer.submit((draft) => txn(deps, draft, request)));
    }),
    ...unary(kvMethods.compact, async ({ revision, physical }) => {
      const removed = compactor.compact(revision);
      if (physical) await removed;
      return { header: header(mvcc.revision) };
    }),
  };
}

type Handler<Q> = (request: Q) => Promise<Frame>;

function reading<Q extends object>(method: Method<Q, object>, handle: Handler<Q>): RpcMethods {
  const bound: UnaryMethod = { type: "unary", answer: (octets) => handle(decode(method.request, octets)) };
  return { [method.path]: bound };
}

function writing<Q extends object>(method: Method<Q, object>, handle: Handler<Q>): RpcMethods {
  const answer = (octets: Uint8Array): Promise<Frame> => {
    if (octets.length > MAX_REQUEST_OCTETS) throw requestTooLarge();
    return handle(decode(method.request, octets));
  };
  return { [method.path]: { type: "unary", answer } };
}
