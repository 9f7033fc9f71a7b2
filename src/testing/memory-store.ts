/**
 * The store port in memory: for tests of everything above it, and the smallest statement of its contract. Faults are
 * switched on it: `isAway`, `compact`, `rollBack`, `replace` (another cluster), `beforeWrite` (conflicts, crashes).
 */
import type { JsonObject } from "../base/json.ts";
import { formatJson, parseJson } from "../base/json.ts";
import {
  type Continuity,
  type Cursor,
  keyText,
  type Listing,
  type ListQuery,
  type ObjectKey,
  type Store,
  type Stored,
  StoreError,
  type Watch,
  type WatchEvent,
  type WatchSink,
  type WriteOp,
  type WriteResult,
} from "../port/store.ts";

interface Change {
  readonly revision: number;
  readonly event: WatchEvent;
}

interface Watcher {
  readonly kinds: ReadonlySet<string>;
  readonly sink: WatchSink;
  /** The last revision that was told. */
  at: number;
  isInterrupted: boolean;
}

export class MemoryStore implements Store {
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Set<Watcher>();
  #log: Change[] = [];
  #revision = 1;
  #compacted = 0;
  #cluster = "memory-1";
  #isAway = false;
  #isClosed = false;
  /** Called before each write is carried out; what it throws, the write throws, and nothing is stored. */
  beforeWrite: ((ops: readonly WriteOp[]) => void | Promise<void>) | undefined;

  /** While away every call fails with `unavailable`, and watches are interrupted. */
  get isAway(): boolean {
    return this.#isAway;
  }

  set isAway(away: boolean) {
    this.#isAway = away;
    for (const watcher of [...this.#watchers]) {
      if (away) this.#interrupt(watcher);
      else queueMicrotask(() => this.#resume(watcher));
    }
  }

  /** Forgets history: watches from before expire. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#log = [];
  }

  /** The store comes back as another one, empty. */
  replace(): void {
    this.#cluster = `memory-${Number(this.#cluster.split("-")[1]) + 1}`;
    this.#objects.clear();
    this.#log = [];
    this.#revision = 1;
    this.#compacted = 0;
    this.#expireAll("unknown");
  }

  /** The store comes back as it was some revisions ago. */
  rollBack(revisions: number): void {
    this.#revision -= revisions;
    this.#log = [];
    for (const [key, object] of this.#objects) if (Number(object.revision) > this.#revision) this.#objects.delete(key);
    this.#expireAll("rolledBack");
  }

  async get(key: ObjectKey): Promise<Stored | undefined> {
    await this.#turn();
    return this.#objects.get(keyText(key));
  }

  async list({ kind, namespace, namePrefix = "" }: ListQuery): Promise<Listing> {
    await this.#turn();
    const objects = [...this.#objects.values()].filter(
      ({ key }) =>
        key.kind === kind &&
        (namespace === undefined || key.namespace === namespace) &&
        key.name.startsWith(namePrefix),
    );
    objects.sort((a, b) => (keyText(a.key) < keyText(b.key) ? -1 : 1));
    return { objects, cursor: this.#cursor() };
  }

  async write(ops: readonly WriteOp[]): Promise<WriteResult> {
    await this.#turn();
    await this.beforeWrite?.(ops);
    this.#check();
    const refusal = ops.map((op) => this.#refusal(op)).find((result) => result !== undefined);
    if (refusal) return refusal;
    const revision = ++this.#revision;
    const stored = ops.map((op) => this.#carryOut(op, revision));
    for (const watcher of [...this.#watchers]) queueMicrotask(() => this.#tell(watcher));
    return { ok: true, stored };
  }

  #refusal(op: WriteOp): WriteResult | undefined {
    const there = this.#objects.get(keyText(op.key));
    const no = (reason: "exists" | "notFound" | "conflict"): WriteResult => ({ ok: false, reason, key: op.key });
    if (op.op === "create") return there ? no("exists") : undefined;
    if (op.op === "put") return undefined;
    if (!there) return no("notFound");
    return op.revision !== undefined && op.revision !== there.revision ? no("conflict") : undefined;
  }

  #carryOut(op: WriteOp, revision: number): Stored {
    const text = keyText(op.key);
    if (op.op === "delete") {
      const was = this.#objects.get(text) as Stored;
      this.#objects.delete(text);
      this.#log.push({ revision, event: { type: "removed", key: op.key, was } });
      return was;
    }
    // Through text, as every real store: what a caller does to its object later changes nothing here.
    const value = parseJson(formatJson(op.value)) as JsonObject;
    const object = { key: op.key, value, revision: String(revision) };
    this.#objects.set(text, object);
    this.#log.push({ revision, event: { type: "changed", object } });
    return object;
  }

  watch(kinds: readonly string[], from: Cursor, sink: WatchSink): Watch {
    const watcher: Watcher = { kinds: new Set(kinds), sink, at: 0, isInterrupted: false };
    this.#watchers.add(watcher);
    queueMicrotask(() => this.#begin(watcher, from));
    return { close: () => void this.#watchers.delete(watcher) };
  }

  #begin(watcher: Watcher, from: Cursor): void {
    if (!this.#watchers.has(watcher)) return;
    const continuity = this.continuity(from, this.#cursor());
    if (continuity !== "continues") {
      this.#expire(watcher, continuity);
      return;
    }
    watcher.at = revisionOf(from);
    if (this.#isAway) this.#interrupt(watcher);
    else this.#tell(watcher);
  }

  #tell(watcher: Watcher): void {
    if (this.#isAway || !this.#watchers.has(watcher)) return;
    if (watcher.at < this.#compacted) {
      this.#expire(watcher, "compacted");
      return;
    }
    const changes = this.#log.filter(({ revision }) => revision > watcher.at);
    watcher.at = this.#revision;
    const events = changes
      .map(({ event }) => event)
      .filter((event) => watcher.kinds.has((event.type === "changed" ? event.object.key : event.key).kind));
    if (events.length > 0) watcher.sink.events(events, this.#cursor());
  }

  #interrupt(watcher: Watcher): void {
    watcher.isInterrupted = true;
    watcher.sink.interrupted(this.#unavailable());
  }

  #resume(watcher: Watcher): void {
    if (!watcher.isInterrupted || this.#isAway) return;
    watcher.isInterrupted = false;
    watcher.sink.resumed();
    this.#tell(watcher);
  }

  #expire(watcher: Watcher, reason: "compacted" | "rolledBack" | "unknown"): void {
    this.#watchers.delete(watcher);
    watcher.sink.expired(reason);
  }

  #expireAll(reason: "rolledBack" | "unknown"): void {
    for (const watcher of [...this.#watchers]) this.#expire(watcher, reason);
  }

  continuity(known: Cursor, listed: Cursor): Continuity {
    if (clusterOf(known) !== clusterOf(listed)) return "unknown";
    return revisionOf(listed) < revisionOf(known) ? "rolledBack" : "continues";
  }

  older(a: Cursor, b: Cursor): Cursor {
    return revisionOf(a) <= revisionOf(b) ? a : b;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watchers.clear();
  }

  #cursor(): Cursor {
    return `${this.#cluster}:${this.#revision}`;
  }

  /** Every call of a real store takes a turn: what runs between call and answer shows in tests. */
  async #turn(): Promise<void> {
    await Promise.resolve();
    this.#check();
  }

  #check(): void {
    if (this.#isClosed) throw new StoreError("closed", "the store is closed", {});
    if (this.#isAway) throw this.#unavailable();
  }

  #unavailable(): StoreError {
    return new StoreError("unavailable", "the store does not answer", { endpoint: "memory" });
  }
}

const clusterOf = (cursor: Cursor): string => cursor.slice(0, cursor.lastIndexOf(":"));
const revisionOf = (cursor: Cursor): number => Number(cursor.slice(cursor.lastIndexOf(":") + 1));
