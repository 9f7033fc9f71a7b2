/**
 * The store port: objects by kind, namespace and name, with optimistic concurrency and watches. Adapters: etcd v3
 * (a real cluster, `ocicat store`, `ocicat typha`), memory; Kubernetes comes with its issue. One contract suite
 * (`src/testing/store-contract.ts`) runs on all of them.
 *
 * Kinds are Calico's (`IPPool`, `Node`, `WorkloadEndpoint` …), Kubernetes' and our own, and the IPAM records:
 *   IPAMBlock       name `10.0.0.0/26`
 *   BlockAffinity   name `host/<node>/10.0.0.0/26` (`virtual/load-balancer/…`)
 *   IPAMHandle      name = handle id
 *   IPAMConfig      name `default`
 * Values are whole objects as stored: unknown fields and integers above 2^53 (as bigint) included.
 */

import { CodedError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";

export interface ObjectKey {
  readonly kind: string;
  /** Absent for kinds without namespaces. */
  readonly namespace?: string;
  readonly name: string;
}

/** A primitive for maps: objects compare by identity. */
export const keyText = (key: ObjectKey): string => `${key.kind}/${key.namespace ?? ""}/${key.name}`;

/** Opaque; equal means unchanged. Never compared for order. */
export type Revision = string;

export interface Stored {
  readonly key: ObjectKey;
  readonly value: JsonObject;
  readonly revision: Revision;
}

/** An object whose value cannot be read. It is there: nobody may take it for gone, and what was known of it stays. */
export interface Unreadable {
  readonly key: ObjectKey;
  readonly revision: Revision;
  /** One line: where the value is, what is wrong with it, what to do. */
  readonly why: string;
}

export const isUnreadable = (object: Stored | Unreadable): object is Unreadable => "why" in object;

/** Where a list stood, enough to watch on from it and to relate a later list to it. Opaque, survives on disk. */
export type Cursor = string;

/** How a list relates to what was known: `rolledBack` and `unknown` prove no absence (DESIGN 2). */
export type Continuity = "continues" | "rolledBack" | "unknown";

export interface ListQuery {
  readonly kind: string;
  readonly namespace?: string;
  /** Only names that begin so: `host/worker-1/` lists a node's affinities. */
  readonly namePrefix?: string;
}

export interface Listing {
  /** In the order of their keys. */
  readonly objects: readonly Stored[];
  /** Objects of the query that are there and cannot be read, in the order of their keys. */
  readonly unreadable: readonly Unreadable[];
  readonly cursor: Cursor;
}

export type WriteOp =
  /** Fails with `exists`. */
  | { readonly op: "create"; readonly key: ObjectKey; readonly value: JsonObject }
  /** Fails with `conflict` when the revision moved, `notFound` when the object is gone. */
  | { readonly op: "update"; readonly key: ObjectKey; readonly value: JsonObject; readonly revision: Revision }
  /** Unconditional. */
  | { readonly op: "put"; readonly key: ObjectKey; readonly value: JsonObject }
  /** With a revision: compare, then delete. Fails with `notFound`, `conflict`. */
  | { readonly op: "delete"; readonly key: ObjectKey; readonly revision?: Revision };

export type WriteResult =
  /**
   * `stored` holds what each create, update and put stored; deletes contribute what was deleted, without fields where
   * it could not be read. In the order of the ops.
   */
  | { readonly ok: true; readonly stored: readonly Stored[] }
  | { readonly ok: false; readonly reason: "exists" | "notFound" | "conflict"; readonly key: ObjectKey };

export type WatchEvent =
  | { readonly type: "changed"; readonly object: Stored }
  /** Somebody wrote what cannot be read: the object is there, as nobody knows it. */
  | ({ readonly type: "unreadable" } & Unreadable)
  /** `was` is the object before, where the store could say it. */
  | { readonly type: "removed"; readonly key: ObjectKey; readonly was?: Stored };

export interface WatchSink {
  /** Events in the store's order, at least one; `cursor` stands after the last of them. */
  events(events: readonly WatchEvent[], cursor: Cursor): void;
  /** The cursor is too old for the store (compacted) or the store is another: list again. The watch of all kinds is over. */
  expired(reason: "compacted" | "rolledBack" | "unknown"): void;
  /** The connection is lost; the watch goes on by itself without a gap once it is back. Repeated while it lasts. */
  interrupted(error: StoreError): void;
  /** The watch runs again. */
  resumed(): void;
}

export interface Watch {
  close(): void;
}

export interface Store {
  /** Throws StoreError `malformed` where the value cannot be read. */
  get(key: ObjectKey): Promise<Stored | undefined>;
  list(query: ListQuery): Promise<Listing>;
  /**
   * All or nothing. Throws StoreError `tooLarge` for more octets than the store takes at once; adapters that can take one object
   * only, `unsupported` for more.
   */
  write(ops: readonly WriteOp[]): Promise<WriteResult>;
  /** Every change of these kinds after the cursor (of one list each, or of the oldest of several lists). */
  watch(kinds: readonly string[], from: Cursor, sink: WatchSink): Watch;
  /** Relates a cursor that was kept to one that a list gave just now. */
  continuity(known: Cursor, listed: Cursor): Continuity;
  /** The older of two cursors of one store, to watch several kinds after listing each. */
  older(a: Cursor, b: Cursor): Cursor;
  close(): Promise<void>;
}

/** Trouble with the store itself; outcomes of writes are values. With a key it is about that object alone. */
export class StoreError extends CodedError<
  "unavailable" | "unauthorized" | "malformed" | "unsupported" | "tooLarge" | "closed",
  { endpoint?: string; key?: string }
> {}

export const unreadableError = ({ key, why }: Unreadable): StoreError =>
  new StoreError("malformed", why, { key: keyText(key) });

/**
 * The objects of a list, for decisions that a missing one would mislead (may it be deleted, is the range free): throws
 * StoreError `malformed` for the first that cannot be read.
 */
export function allReadable({ objects, unreadable: [first] }: Listing): readonly Stored[] {
  if (first) throw unreadableError(first);
  return objects;
}
