/**
 * The store port over etcd v3: a real cluster, `ocicat store`, or `ocicat typha` for reading. Each object is one key; a
 * write is one transaction; a list is read in pages at one revision.
 * Operations as Calico's: `libcalico-go/lib/backend/etcdv3/etcdv3.go`.
 */
import { CodedError } from "../../base/errors.ts";
import type { Clock, Millis } from "../../port/clock.ts";
import {
  type Continuity,
  type Cursor,
  isUnreadable,
  keyText,
  type Listing,
  type ListQuery,
  type ObjectKey,
  type Store,
  type Stored,
  StoreError,
  type Unreadable,
  unreadableError,
  type Watch,
  type WatchSink,
  type WriteOp,
  type WriteResult,
} from "../../port/store.ts";
import { type KeyValue, prefixEnd, type RangeResponse } from "../../wire/etcd/kv.ts";
import { kvMethods } from "../../wire/etcd/services.ts";
import { grpcStatus } from "../../wire/grpc-status.ts";
import { octetTextOf } from "../../wire/octet-text.ts";
import { CallRefused, EtcdConnection } from "./etcd-connection.ts";
import { clusterText, continuityOf, formatCursor, olderOf, parseCursor } from "./etcd-cursor.ts";
import { readTransaction, transactionOf } from "./etcd-transaction.ts";
import { decodeObject, type EtcdKeys, encodeValue, keyOctets, objectKeyOf } from "./etcd-values.ts";
import { EtcdWatch } from "./etcd-watch.ts";
import { Slices } from "./slices.ts";

export interface EtcdStoreOptions {
  /** `http://host:port` or `unix:///absolute/path`; tried in turn. */
  readonly endpoints: readonly string[];
  readonly keys: EtcdKeys;
  readonly clock: Clock;
  /** For a call with all its attempts; default 5 s. */
  readonly callTimeoutMs?: Millis;
}

const CALL_TIMEOUT_MS = 5_000;
/** Objects of a page: some hundred kilobytes, parsed in a slice or two. */
const PAGE = 500;
/** How often a list begins anew because its revision was compacted while it was read. */
const LIST_ATTEMPTS = 5;

export class EtcdStore implements Store {
  readonly #keys: EtcdKeys;
  readonly #clock: Clock;
  readonly #connection: EtcdConnection;
  readonly #watches = new Set<EtcdWatch>();

  /** Connects with the first call. Throws StoreError for endpoints that cannot be read. */
  constructor({ endpoints, keys, clock, callTimeoutMs = CALL_TIMEOUT_MS }: EtcdStoreOptions) {
    this.#keys = keys;
    this.#clock = clock;
    this.#connection = new EtcdConnection({ endpoints, clock, callTimeoutMs });
  }

  async get(key: ObjectKey): Promise<Stored | undefined> {
    const { kvs } = await plainErrors(this.#connection.read(kvMethods.range, { key: keyOctets(this.#keys, key) }));
    const object = kvs[0] && decodeObject(key, kvs[0]);
    if (object && isUnreadable(object)) throw unreadableError(object);
    return object;
  }

  async list(query: ListQuery): Promise<Listing> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#listOnce(query);
      } catch (failure) {
        const isCompacted = failure instanceof CallRefused && failure.detail.status === grpcStatus.outOfRange;
        if (!isCompacted || attempt === LIST_ATTEMPTS) throw withoutRefusal(failure);
      }
    }
  }

  async #listOnce(query: ListQuery): Promise<Listing> {
    const prefix = octetTextOf(this.#keys.etcdPrefix(query));
    const rangeEnd = prefixEnd(prefix);
    const objects: Stored[] = [];
    const unreadable: Unreadable[] = [];
    const slices = new Slices(this.#clock);
    let page: RangeResponse;
    let key = prefix;
    let revision = 0;
    let cluster = "";
    do {
      page = await this.#connection.read(kvMethods.range, { key, rangeEnd, revision, limit: PAGE });
      if (revision === 0) {
        revision = page.header?.revision ?? 0;
        cluster = clusterText(page.header?.clusterId ?? 0n);
      }
      for (const kv of page.kvs) {
        if (slices.isOver) await slices.next();
        const object = this.#match(query, kv);
        if (object && isUnreadable(object)) unreadable.push(object);
        else if (object) objects.push(object);
      }
      key = `${page.kvs.at(-1)?.key ?? ""}\0`;
    } while (page.more);
    const cursor = formatCursor({ cluster, revision, behind: new Map() });
    return { objects: inOrder(objects), unreadable: inOrder(unreadable), cursor };
  }

  #match({ kind, namespace, namePrefix = "" }: ListQuery, kv: KeyValue): Stored | Unreadable | undefined {
    const key = objectKeyOf(this.#keys, kv);
    if (key?.kind !== kind || !key.name.startsWith(namePrefix)) return undefined;
    if (namespace !== undefined && key.namespace !== namespace) return undefined;
    return decodeObject(key, kv);
  }

  async write(ops: readonly WriteOp[]): Promise<WriteResult> {
    const request = transactionOf(this.#keys, ops);
    try {
      return readTransaction(ops, await this.#connection.write(kvMethods.txn, request));
    } catch (failure) {
      throw tooLarge(ops, failure) ?? withoutRefusal(failure);
    }
  }

  watch(kinds: readonly string[], from: Cursor, sink: WatchSink): Watch {
    // What is no cursor of etcd's is of another store: the watch asks, and finds that out.
    const position = parseCursor(from) ?? { cluster: "", revision: 0, behind: new Map() };
    const watch: EtcdWatch = new EtcdWatch({
      connection: this.#connection,
      clock: this.#clock,
      keys: this.#keys,
      kinds,
      from: position,
      sink,
      onEnd: () => void this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    watch.start();
    return watch;
  }

  continuity(known: Cursor, listed: Cursor): Continuity {
    return continuityOf(known, listed);
  }

  older(a: Cursor, b: Cursor): Cursor {
    return olderOf(a, b);
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    await this.#connection.close();
  }
}

/** In etcd's words, and in gRPC's where the request did not even come so far; the limit is the server's own affair. */
const TOO_LARGE = /request is too large|message larger than max/;

/** The refusal as one of the largest object; undefined for any other failure. */
function tooLarge(ops: readonly WriteOp[], failure: unknown): StoreError | undefined {
  if (!(failure instanceof CodedError && TOO_LARGE.test(failure.message))) return undefined;
  const sizes = ops.map((op) => ({
    key: keyText(op.key),
    octets: op.op === "delete" ? 0 : encodeValue(op.value).length,
  }));
  const { key, octets } = sizes.reduce((most, one) => (one.octets > most.octets ? one : most));
  const message = `${key}: its ${octets} octets are more than the store takes at once`;
  return new StoreError("tooLarge", message, { key }, { cause: failure });
}

async function plainErrors<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (failure) {
    throw withoutRefusal(failure);
  }
}

/** A refusal that nobody expected: the store does not support what was asked, and says why. */
function withoutRefusal(failure: unknown): unknown {
  if (!(failure instanceof CallRefused)) return failure;
  const message = `the store refuses the call: ${failure.message}`;
  return new StoreError("unsupported", message, { endpoint: failure.detail.endpoint }, { cause: failure });
}

/** By key text. The layout's order is almost always the same: then nothing is sorted. */
function inOrder<T extends { readonly key: ObjectKey }>(objects: readonly T[]): readonly T[] {
  let before = "";
  for (const { key } of objects) {
    const text = keyText(key);
    if (text < before) {
      const texts = new Map(objects.map((object) => [object, keyText(object.key)]));
      return [...objects].sort((a, b) => ((texts.get(a) ?? "") < (texts.get(b) ?? "") ? -1 : 1));
    }
    before = text;
  }
  return objects;
}
