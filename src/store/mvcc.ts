/**
 * Keys with their history: the ordered index in memory, over a log on disk that holds every row. Items are immutable,
 * so what a reader holds stays what it was however long it takes; the current value of a key is kept in memory as long
 * as all kept ones fit `cacheOctets` or the log does not have it yet, older values are read from the log.
 */
import type { LogRow, RevisionLog } from "../port/revision-log.ts";
import { compacted, futureRevision } from "./errors.ts";
import { type Change, type Item, itemOf, type WholeItem } from "./item.ts";
import { KeyHistory, KeyState } from "./key-history.ts";
import { KeyIndex } from "./key-index.ts";
import type { KeyRange } from "./key-range.ts";
import { LeaseKeys } from "./lease-keys.ts";

export interface MvccOptions {
  /** Octets of values that may be kept in memory. */
  readonly cacheOctets: number;
}

export class Mvcc {
  readonly #log: RevisionLog;
  readonly #cacheOctets: number;
  readonly #index = new KeyIndex<KeyState>();
  readonly #history = new KeyHistory();
  readonly #leaseKeys = new LeaseKeys();
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
    this.#index.forEach(range, (state) => {
      const { item } = state;
      if (item && item.sequence < end) found.push(item);
      else {
        const row = state.lastBefore(end);
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
  itemAt(sequence: number): WholeItem {
    const row = this.#log.row(sequence);
    if (row?.value === undefined) throw compacted();
    return { ...itemOf(row), value: row.value };
  }

  /** The item with its value. Throws `compacted` when it is in memory no more and its row was removed. */
  withValue(item: Item): WholeItem {
    return item.value === undefined ? this.itemAt(item.sequence) : (item as WholeItem);
  }

  /** The key before a row; undefined when it was not there, or when that is forgotten. */
  before(key: string, sequence: number): Item | undefined {
    const row = this.#index.get(key)?.lastBefore(sequence) ?? 0;
    return row > 0 ? this.itemAt(row) : undefined;
  }

  /** Keys that go when the lease ends. */
  keysOf(lease: bigint): ReadonlySet<string> {
    return this.#leaseKeys.of(lease);
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
    this.#history.supersede(state, revision);
    this.#setItem(state, after);
    return { revision, sequence: after.sequence, key, before, after };
  }

  /** Deletes a key that is there. */
  delete(revision: number, key: string): Change {
    const state = this.#stateOf(key);
    const before = state.item;
    const sequence = ++this.#headSequence;
    this.#history.supersede(state, revision);
    this.#setItem(state, undefined);
    this.#history.bury(state, sequence, revision);
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
    if (!after) this.#history.undo(state);
    if (before) this.#history.undo(state);
    this.#setItem(state, before);
    if (!state.item && !state.older) this.#index.remove(state);
    this.#headSequence = sequence - 1;
    this.#head = Math.min(this.#head, revision - 1);
  }

  /** Forgets history before a revision. Throws `compacted`, `futureRevision`. What it frees, `takeRemovable` gives. */
  compact(revision: number): void {
    if (revision <= this.#compactedRevision) throw compacted();
    if (revision > this.#revision) throw futureRevision();
    this.#log.compact(revision);
    this.#compactedRevision = revision;
  }

  /** Takes up to `limit` rows out of the history that no reader may ask for any more: they are to be removed from the log. */
  takeRemovable(limit: number): number[] {
    const sequences: number[] = [];
    while (sequences.length < limit) {
      // What ended at the very revision stays: a watch may start there and must be told of deletions.
      const row = this.#history.takeBefore(this.#compactedRevision);
      if (!row) break;
      const { state, sequence } = row;
      if (!state.item && !state.older) this.#index.remove(state);
      sequences.push(sequence);
    }
    return sequences;
  }

  #load(row: LogRow): void {
    const state = this.#stateOf(row.key);
    this.#sequence = this.#headSequence = row.sequence;
    this.#revision = this.#head = row.revision;
    this.#history.supersede(state, row.revision);
    if (row.value === undefined) {
      this.#setItem(state, undefined);
      this.#history.bury(state, row.sequence, row.revision);
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

  #setItem(state: KeyState, item: Item | undefined): void {
    const before = state.item;
    state.item = item;
    this.#cached += (item?.value?.length ?? 0) - (before?.value?.length ?? 0);
    if ((before === undefined) !== (item === undefined)) this.#index.countLive(state.key, item ? 1 : -1);
    this.#leaseKeys.move(before, item);
  }
}
