/** Watch.Watch: the watches of one stream, made, ended and answered as etcd does (its api/v3rpc/watch.go). */
import type { RpcError, StreamCall, StreamHandler } from "../port/rpc.ts";
import type { ResponseHeader } from "../wire/etcd/kv.ts";
import { WATCH_FILTER, type WatchCreateRequest, type WatchResponse, watchRequest } from "../wire/etcd/watch.ts";
import { grpcFrame } from "../wire/grpc-frames.ts";
import { decode } from "../wire/protobuf.ts";
import { watchAnswerHead } from "./answers.ts";
import { type KeyRange, keyRange } from "./key-range.ts";
import type { Mvcc } from "./mvcc.ts";
import type { WatchHub } from "./watch-hub.ts";
import { type Outlet, Watcher } from "./watcher.ts";

/** The id of answers that are about no watch, or about all of them. */
const NO_WATCH = -1;

export interface WatchStreamDeps {
  readonly mvcc: Mvcc;
  readonly hub: WatchHub;
  readonly header: (revision: number) => ResponseHeader;
  readonly onClosed: (stream: WatchStream) => void;
}

export class WatchStream implements StreamHandler, Outlet {
  readonly #deps: WatchStreamDeps;
  readonly #call: StreamCall;
  readonly #watchers = new Map<number, Watcher>();
  #nextId = 0;
  #isBlocked = false;
  /** The client wants to know up to which revision everything has been told. */
  #isAsked = false;
  /** Watches that asked for it are due to hear of progress. */
  #isDue = false;

  constructor(deps: WatchStreamDeps, call: StreamCall) {
    this.#deps = deps;
    this.#call = call;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  message(octets: Uint8Array): void {
    const { create, cancel, progress } = decode(watchRequest, octets);
    if (create) this.#create(create);
    else if (cancel) this.#cancel(cancel.watchId);
    else if (progress) {
      this.#isAsked = true;
      this.#deps.hub.wake(this);
    }
  }

  #create(request: WatchCreateRequest): void {
    const { mvcc, hub } = this.#deps;
    const { startRevision, filters } = request;
    const id = request.watchId > 0 ? request.watchId : this.#freeId();
    const range = keyRange(request.key === "" ? "\0" : request.key, request.rangeEnd);
    const refusal = this.#watchers.has(id)
      ? "mvcc: duplicate watch ID provided on the WatchStream"
      : isEmpty(range)
        ? "mvcc: watcher range is empty"
        : undefined;
    if (refusal !== undefined) {
      this.#answer({ watchId: NO_WATCH, created: true, canceled: true, cancelReason: refusal });
      return;
    }
    const spec = {
      id,
      range,
      wantsPuts: !filters.includes(WATCH_FILTER.noPut),
      wantsDeletions: !filters.includes(WATCH_FILTER.noDelete),
      wantsBefore: request.prevKv,
      wantsProgress: request.progressNotify,
      takesFragments: request.fragment,
    };
    const { revision } = mvcc;
    const next = startRevision > 0 ? startRevision : revision + 1;
    const watcher = new Watcher(spec, this, { next, told: revision });
    this.#watchers.set(id, watcher);
    this.#answer({ watchId: id, created: true });
    if (next < mvcc.compactedRevision) this.expire(watcher);
    else hub.add(watcher);
  }

  #freeId(): number {
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #cancel(id: number): void {
    if (this.#forget(id)) this.#answer({ watchId: id, canceled: true });
  }

  #forget(id: number): boolean {
    const watcher = this.#watchers.get(id);
    if (watcher) this.#deps.hub.remove(watcher);
    return this.#watchers.delete(id);
  }

  expire(watcher: Watcher): void {
    const { id } = watcher.spec;
    if (!this.#forget(id)) return;
    this.#answer({ watchId: id, canceled: true, compactRevision: this.#deps.mvcc.compactedRevision });
  }

  fail(error: RpcError): void {
    this.#call.end(error);
  }

  /** To be called now and then: watches that are current and asked for progress are told the revision if it moved. */
  progressIsDue(): void {
    this.#isDue = true;
    this.#deps.hub.wake(this);
  }

  flush(): void {
    const { header } = this.#deps;
    for (const watcher of this.#watchers.values()) {
      while (watcher.hasPending && !this.#isBlocked) {
        for (const frame of watcher.takeResponse(header)) this.#send(frame);
      }
    }
    if (!this.#isBlocked) this.#tellProgress();
  }

  #tellProgress(): void {
    const { hub, mvcc } = this.#deps;
    if (this.#isDue) {
      this.#isDue = false;
      for (const watcher of this.#watchers.values()) {
        if (!hub.isBehind(watcher) && watcher.takeProgress(mvcc.revision)) this.#answer({ watchId: watcher.spec.id });
      }
    }
    if (!this.#isAsked || [...this.#watchers.values()].some((watcher) => hub.isBehind(watcher))) return;
    this.#isAsked = false;
    this.#answer({ watchId: NO_WATCH });
  }

  #answer(answer: Partial<Omit<WatchResponse, "header" | "events">>): void {
    const { header, mvcc } = this.#deps;
    this.#send(grpcFrame(watchAnswerHead, { ...answer, header: header(mvcc.revision) }));
  }

  #send(frame: Uint8Array): void {
    if (!this.#call.send(frame)) this.#isBlocked = true;
  }

  drained(): void {
    this.#isBlocked = false;
    this.#deps.hub.drained(this);
  }

  ended(): void {
    this.#call.end();
  }

  closed(): void {
    for (const id of [...this.#watchers.keys()]) this.#forget(id);
    this.#deps.onClosed(this);
  }
}

const isEmpty = ({ begin, end }: KeyRange): boolean => end !== undefined && begin >= end;
