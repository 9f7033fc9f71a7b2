/**
 * Keys with their history: the ordered index in memory, over a log on disk that holds every row. Items are immutable,
 * so what a reader holds stays what it was however long it takes; the current value of a key is kept in memory as long
 * as all kept ones fit `cacheOctets` or the log does not have it yet, older values are read from the log.
 *
 * Each key knows where its older rows lie; a queue holds the rows that were superseded in the order in which that
 * happened, which is the order in which compaction may remove them.
 */
import type { LogRow, RevisionLog } from "../port/revision-log.ts";
import { compacted, futureRevision } from "./errors.ts";
import { type Entry, KeyIndex } from "./key-index.ts";
import type { KeyRange } from "./key-range.ts";

/** What a key is at a revision. */
export interface Item {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
  /** As octet text; undefined: not in memory, ask `valueOf`. */
  readonly value: string | undefined;
  readonly sequence: number;
}

/** One key's change at one revision. */
export interface Change {
  readonly revision: number;
  readonly sequence: number;
  readonly key: string;
  readonly before: Item | undefined;
  /** With its value; undefined: deleted. */
  readonly after: (Item & { readonly value: string }) | undefined;
}

class KeyState implements Entry {
  readonly key: string;
  item: Item | undefined;
  /** Positions of the rows before the current item, in order; negative for a deletion. */
  older: number[] | undefined;

  constructor(key: string) {
    this.key = key;
  }

  get isLive(): boolean {
    return this.item !== undefined;
  }
}

interface Superseded {
  readonly state: KeyState;
  readonly sequence: number;
  readonly at: number;
}

export interface MvccOptions {
  /** Octets of values that may be kept in memory. */
  readonly cacheOctets: number;
}

export class Mvcc {
  readonly #log: RevisionLog;
  readonly #cacheOctets: number;
  readonly #index = new KeyIndex<KeyState>();
  readonly #keysByLease = new Map<bigint, Set<string>>();
  #superseded: Superseded[] = [];
  /** Where the queue of superseded rows begins. */
  #removed = 0;
  #head = 1;
  #revision = 1;
  #compactedRevision: number;
  #headSequence = 0;
  #sequence = 0;
  #cached = 0;

  /** Reads the whole log. Throws LogError. */
  constructor(log: RevisionLog, options: MvccOptions) {
    this.#log = log;
    this.#cacheOctets = options.cacheOctets;
    this.#compactedRevision = log.compactedRevision;
    for (const row of log.rows()) this.#load(row);
  }

  /** Of the last change; 1 before the first, as in etcd. What is beyond `revision` nobody may be told of yet. */
  get head(): number {
    return this.#head;
  }

  /** Of the last change that is durable. */
  get revision(): number {
    return this.#revision;
  }

  /** History before it is forgotten. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** The position of the last row that is durable. */
  get sequence(): number {
    return this.#sequence;
  }

  get(key: string): Item | undefined {
    return this.#index.get(key)?.item;
  }

  count(range: KeyRange): number {
    return this.#index.count(range);
  }

  /** The items of a range, in order; `limit` 0 for all of them. */
  select(range: KeyRange, limit = 0): Item[] {
    const items: Item[] = [];
    this.#index.forEach(range, ({ item }) => (item ? items.push(item) !== limit : undefined));
    return items;
  }

  /**
   * What the range was at an older revision, in order: the item where it is still current, the position of its row in
   * the log otherwise. Throws `compacted`, `futureRevision`.
   */
  selectAt(range: KeyRange, revision: number): (Item | number)[] {
    this.checkRevision(revision);
    const end = this.#log.positionOf(revision + 1);
    const found: (Item | number)[] = [];
    this.#index.forEach(range, ({ item, older }) => {
      if (item && item.sequence < end) found.push(item);
      else if (older) {
        const row = lastBefore(older, end);
        if (row > 0) found.push(row);
      }
      return undefined;
    });
    return found;
  }

  /** Throws `compacted`, `futureRevision` for revisions that cannot be read. */
  checkRevision(revision: number): void {
    if (revision > this.#head) throw futureRevision();
    if (revision < this.#compactedRevision) throw compacted();
  }

  /** The item of a row in the log. Throws `compacted` when the row was removed. */
  itemAt(sequence: number): Item & { readonly value: string } {
    const row = this.#log.row(sequence);
    if (row?.value === undefined) throw compacted();
    return { ...itemOf(row), value: row.value };
  }

  /** The item with its value. Throws `compacted` when it is in memory no more and its row was removed. */
  withValue(item: Item): Item & { readonly value: string } {
    return item.value === undefined ? this.itemAt(item.sequence) : (item as Item & { readonly value: string });
  }

  /** The key before a row; undefined when it was not there, or when that is forgotten. */
  before(key: string, sequence: number): Item | undefined {
    const row = lastBefore(this.#index.get(key)?.older ?? [], sequence);
    return row > 0 ? this.itemAt(row) : undefined;
  }

  /** Keys that go when the lease ends. */
  keysOf(lease: bigint): ReadonlySet<string> {
    return this.#keysByLease.get(lease) ?? new Set();
  }

  put(revision: number, key: string, value: string, lease: bigint): Change {
    const state = this.#stateOf(key);
    const before = state.item;
    const after = {
      key,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
      lease,
      value,
      sequence: ++this.#headSequence,
    };
    this.#supersede(state, revision);
    this.#setItem(state, after);
    return { revision, sequence: after.sequence, key, before, after };
  }

  /** Deletes a key that is there. */
  delete(revision: number, key: string): Change {
    const state = this.#stateOf(key);
    const before = state.item;
    const sequence = ++this.#headSequence;
    this.#supersede(state, revision);
    this.#setItem(state, undefined);
    this.#buryAt(state, sequence, revision);
    return { revision, sequence, key, before, after: undefined };
  }

  /** Everything is durable, these changes the last: their values need not be kept in memory where there is no room. */
  settle(changes: readonly Change[]): void {
    this.#revision = this.#head;
    this.#sequence = this.#headSequence;
    for (const { key } of changes) {
      if (this.#cached <= this.#cacheOctets) return;
      const state = this.#index.get(key);
      if (state) this.#drop(state);
    }
  }

  #drop(state: KeyState): void {
    if (state.item?.value === undefined) return;
    this.#cached -= state.item.value.length;
    state.item = { ...state.item, value: undefined };
  }

  /** The changes up to this revision are complete. */
  advanceTo(revision: number): void {
    this.#head = revision;
  }

  /** Takes the last change back. */
  undo({ key, before, after, revision, sequence }: Change): void {
    const state = this.#stateOf(key);
    if (!after) this.#unsupersede(state);
    if (before) this.#unsupersede(state);
    this.#setItem(state, before);
    if (!state.item && !state.older) this.#index.remove(state);
    this.#headSequence = sequence - 1;
    this.#head = Math.min(this.#head, revision - 1);
  }

  /** Forgets history before a revision. Throws `compacted`, `futureRevision`. What it frees, `removable` gives. */
  compact(revision: number): void {
    if (revision <= this.#compactedRevision) throw compacted();
    if (revision > this.#revision) throw futureRevision();
    this.#log.compact(revision);
    this.#compactedRevision = revision;
  }

  /** Takes up to `limit` rows off the queue that no reader may ask for any more: they are to be removed from the log. */
  takeRemovable(limit: number): number[] {
    const sequences: number[] = [];
    while (sequences.length < limit) {
      const next = this.#superseded[this.#removed];
      // What ended at the very revision stays: a watch may start there and must be told of deletions.
      if (!next || next.at >= this.#compactedRevision) break;
      this.#removed++;
      const { state, sequence } = next;
      state.older?.shift();
      if (state.older?.length === 0) state.older = undefined;
      if (!state.item && !state.older) this.#index.remove(state);
      sequences.push(sequence);
    }
    if (this.#removed > 1_000 && this.#removed * 2 > this.#superseded.length) {
      this.#superseded = this.#superseded.slice(this.#removed);
      this.#removed = 0;
    }
    return sequences;
  }

  #load(row: LogRow): void {
    const state = this.#stateOf(row.key);
    this.#sequence = this.#headSequence = row.sequence;
    this.#revision = this.#head = row.revision;
    this.#supersede(state, row.revision);
    if (row.value === undefined) {
      this.#setItem(state, undefined);
      this.#buryAt(state, row.sequence, row.revision);
    } else {
      this.#setItem(state, itemOf(row));
      if (this.#cached > this.#cacheOctets) this.#drop(state);
    }
  }

  #stateOf(key: string): KeyState {
    const there = this.#index.get(key);
    if (there) return there;
    const state = new KeyState(key);
    this.#index.add(state);
    return state;
  }

  /** The current item, if any, becomes an older row. */
  #supersede(state: KeyState, at: number): void {
    if (!state.item) return;
    const { sequence } = state.item;
    state.older ??= [];
    state.older.push(sequence);
    this.#superseded.push({ state, sequence, at });
  }

  /** The row of a deletion is an older row from the start. */
  #buryAt(state: KeyState, sequence: number, at: number): void {
    state.older ??= [];
    state.older.push(-sequence);
    this.#superseded.push({ state, sequence, at });
  }

  #unsupersede(state: KeyState): void {
    this.#superseded.pop();
    state.older?.pop();
    if (state.older?.length === 0) state.older = undefined;
  }

  #setItem(state: KeyState, item: Item | undefined): void {
    const before = state.item;
    state.item = item;
    this.#cached += (item?.value?.length ?? 0) - (before?.value?.length ?? 0);
    if ((before === undefined) !== (item === undefined)) this.#index.countLive(state.key, item ? 1 : -1);
    if (before?.lease === item?.lease) return;
    if (before) this.#detach(before);
    if (item) this.#attach(item);
  }

  #attach({ key, lease }: Item): void {
    if (lease === 0n) return;
    const keys = this.#keysByLease.get(lease);
    if (keys) keys.add(key);
    else this.#keysByLease.set(lease, new Set([key]));
  }

  #detach({ key, lease }: Item): void {
    const keys = this.#keysByLease.get(lease);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysByLease.delete(lease);
  }
}

/** The last row before a position, negative for a deletion; 0 when there is none. */
function lastBefore(rows: readonly number[], position: number): number {
  let at = rows.length - 1;
  while (at >= 0 && Math.abs(rows[at] ?? 0) >= position) at--;
  return rows[at] ?? 0;
}

const itemOf = ({ key, createRevision, revision, version, lease, value, sequence }: LogRow): Item => ({
  key,
  createRevision,
  modRevision: revision,
  version,
  lease,
  value,
  sequence,
});

export const logRowOf = ({ sequence, revision, key, after }: Change): LogRow => ({
  sequence,
  revision,
  key,
  createRevision: after?.createRevision ?? 0,
  version: after?.version ?? 0,
  lease: after?.lease ?? 0n,
  value: after?.value,
});
