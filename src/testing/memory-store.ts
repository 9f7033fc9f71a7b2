/**
 * The store port in memory: for tests of everything above it, and the smallest statement of its contract. Faults are
 * switched on it: `isAway`, `compact`, `rollBack`, `replace` (another cluster), `spoil` (a value that cannot be read),
 * `beforeWrite` (conflicts, crashes).
 * Clients of one store share its objects; each is away or closed by itself.
 */
import type { JsonObject } from "../base/json.ts";
import { formatJson, parseJson } from "../base/json.ts";
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
  type WatchEvent,
  type WatchSink,
  type WriteOp,
  type WriteResult,
} from "../port/store.ts";

interface Change {
  readonly revision: number;
  readonly event: WatchEvent;
}

/** What the clients of one store share. */
class MemoryData {
  readonly objects = new Map<string, Stored | Unreadable>();
  /** The watches of all clients: to be told that there is news, or that they are over. */
  readonly watchers = new Set<{ tell(): void; expire(reason: "rolledBack" | "unknown"): void }>();
  /** Every change since the beginning, so that the store can be rolled back. */
  log: Change[] = [];
  revision = 1;
  compacted = 0;
  cluster = "memory-1";
}

interface Watcher {
  readonly kinds: ReadonlySet<string>;
  readonly sink: WatchSink;
  /** The last revision that was told; undefined until the watch has begun. */
  at: number | undefined;
  isInterrupted: boolean;
  readonly entry: { tell(): void; expire(reason: "rolledBack" | "unknown"): void };
}

export class MemoryStore implements Store {
  readonly #data: MemoryData;
  readonly #watchers = new Set<Watcher>();
  #isAway = false;
  #isClosed = false;
  /** Called before each write is carried out; what it throws, the write throws, and nothing is stored. */
  beforeWrite: ((ops: readonly WriteOp[]) => void | Promise<void>) | undefined;

  constructor(data = new MemoryData()) {
    this.#data = data;
  }

  /** Another client of the same objects. */
  client(): MemoryStore {
    return new MemoryStore(this.#data);
  }

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
    this.#data.compacted = this.#data.revision;
  }

  /** The store comes back as another one, empty. */
  replace(): void {
    const data = this.#data;
    data.cluster = `memory-${Number(data.cluster.split("-")[1]) + 1}`;
    data.objects.clear();
    data.log = [];
    data.revision = 1;
    data.compacted = 0;
    for (const watcher of [...data.watchers]) watcher.expire("unknown");
  }

  /** The store comes back as it was some revisions ago. */
  rollBack(revisions: number): void {
    const data = this.#data;
    data.revision -= revisions;
    data.log = data.log.filter(({ revision }) => revision <= data.revision);
    data.objects.clear();
    for (const { event } of data.log) {
      if (event.type === "changed") data.objects.set(keyText(event.object.key), event.object);
      else if (event.type === "unreadable") data.objects.set(keyText(event.key), withoutType(event));
      else data.objects.delete(keyText(event.key));
    }
    for (const watcher of [...data.watchers]) watcher.expire("rolledBack");
  }

  /** Somebody writes, by no client of ours, what cannot be read. */
  spoil(key: ObjectKey): void {
    const revision = ++this.#data.revision;
    const why = `the value of ${keyText(key)} cannot be read (it is no JSON); mend or delete it`;
    const object = { key, revision: String(revision), why };
    this.#data.objects.set(keyText(key), object);
    this.#data.log.push({ revision, event: { type: "unreadable", ...object } });
    this.#news();
  }

  #news(): void {
    for (const watcher of [...this.#data.watchers]) queueMicrotask(() => watcher.tell());
  }

  async get(key: ObjectKey): Promise<Stored | undefined> {
    await this.#turn();
    const object = this.#data.objects.get(keyText(key));
    if (object && isUnreadable(object)) throw unreadableError(object);
    return object;
  }

  async list({ kind, namespace, namePrefix = "" }: ListQuery): Promise<Listing> {
    await this.#turn();
    const found = [...this.#data.objects.values()].filter(
      ({ key }) =>
        key.kind === kind &&
        (namespace === undefined || key.namespace === namespace) &&
        key.name.startsWith(namePrefix),
    );
    found.sort((a, b) => (keyText(a.key) < keyText(b.key) ? -1 : 1));
    const objects = found.flatMap((object) => (isUnreadable(object) ? [] : [object]));
    return { objects, unreadable: found.filter(isUnreadable), cursor: this.#cursor() };
  }

  async write(ops: readonly WriteOp[]): Promise<WriteResult> {
    await this.#turn();
    await this.beforeWrite?.(ops);
    this.#check();
    if (new Set(ops.map(({ key }) => keyText(key))).size < ops.length) {
      throw new StoreError("unsupported", "one object is written twice at once", {});
    }
    const refusal = ops.map((op) => this.#refusal(op)).find((result) => result !== undefined);
    if (refusal) return refusal;
    const revision = ++this.#data.revision;
    const stored = ops.map((op) => this.#carryOut(op, revision));
    this.#news();
    return { ok: true, stored };
  }

  #refusal(op: WriteOp): WriteResult | undefined {
    const there = this.#data.objects.get(keyText(op.key));
    const no = (reason: "exists" | "notFound" | "conflict"): WriteResult => ({ ok: false, reason, key: op.key });
    if (op.op === "create") return there ? no("exists") : undefined;
    if (op.op === "put") return undefined;
    if (!there) return no("notFound");
    return op.revision !== undefined && op.revision !== there.revision ? no("conflict") : undefined;
  }

  #carryOut(op: WriteOp, revision: number): Stored {
    const { objects, log } = this.#data;
    const text = keyText(op.key);
    if (op.op === "delete") {
      const was = objects.get(text) as Stored | Unreadable;
      objects.delete(text);
      const isKnown = !isUnreadable(was);
      log.push({ revision, event: { type: "removed", key: op.key, ...(isKnown && { was }) } });
      return isKnown ? was : { key: op.key, value: {}, revision: was.revision };
    }
    // Through text, as every real store: what a caller does to its object later changes nothing here.
    const value = parseJson(formatJson(op.value)) as JsonObject;
    const object = { key: op.key, value, revision: String(revision) };
    objects.set(text, object);
    log.push({ revision, event: { type: "changed", object } });
    return object;
  }

  watch(kinds: readonly string[], from: Cursor, sink: WatchSink): Watch {
    const watcher: Watcher = {
      kinds: new Set(kinds),
      sink,
      at: undefined,
      isInterrupted: false,
      entry: { tell: () => this.#tell(watcher), expire: (reason) => this.#expire(watcher, reason) },
    };
    this.#watchers.add(watcher);
    this.#data.watchers.add(watcher.entry);
    queueMicrotask(() => this.#begin(watcher, from));
    return { close: () => this.#forget(watcher) };
  }

  #forget(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    this.#data.watchers.delete(watcher.entry);
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
    const { at } = watcher;
    if (this.#isAway || at === undefined || !this.#watchers.has(watcher)) return;
    if (at < this.#data.compacted) {
      this.#expire(watcher, "compacted");
      return;
    }
    watcher.at = this.#data.revision;
    const told = this.#data.log.findLastIndex(({ revision }) => revision <= at);
    const events = this.#data.log
      .slice(told + 1)
      .map(({ event }) => event)
      .filter((event) => watcher.kinds.has((event.type === "changed" ? event.object.key : event.key).kind));
    if (events.length > 0) watcher.sink.events(events, this.#cursor());
  }

  #interrupt(watcher: Watcher): void {
    watcher.isInterrupted = true;
    watcher.sink.interrupted(this.#unavailable());
  }

  #resume(watcher: Watcher): void {
    if (!watcher.isInterrupted || this.#isAway || !this.#watchers.has(watcher)) return;
    watcher.isInterrupted = false;
    watcher.sink.resumed();
    this.#tell(watcher);
  }

  #expire(watcher: Watcher, reason: "compacted" | "rolledBack" | "unknown"): void {
    this.#forget(watcher);
    watcher.sink.expired(reason);
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
    for (const watcher of [...this.#watchers]) this.#forget(watcher);
  }

  #cursor(): Cursor {
    return `${this.#data.cluster}:${this.#data.revision}`;
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

const withoutType = ({ key, revision, why }: Unreadable): Unreadable => ({ key, revision, why });

const clusterOf = (cursor: Cursor): string => cursor.slice(0, cursor.lastIndexOf(":"));
const revisionOf = (cursor: Cursor): number => Number(cursor.slice(cursor.lastIndexOf(":") + 1));
