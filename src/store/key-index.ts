/**
 * An ordered map by octet text, made for keys that come and go one at a time between long ordered walks: sorted chunks
 * of bounded size, each counting the entries that are live, so that a range is counted without being walked.
 */
import type { KeyRange } from "./key-range.ts";

/** Splitting moves half of a chunk: small enough for cheap insertion, large enough that there are few chunks. */
const MAX_CHUNK = 512;

export interface Entry {
  readonly key: string;
  /** Counted by `count`. Changes are told by `countLive`. */
  readonly isLive: boolean;
}

interface Chunk<E> {
  entries: E[];
  live: number;
}

export class KeyIndex<E extends Entry> {
  readonly #byKey = new Map<string, E>();
  /** Never empty; the first chunk may have no entries, the others have some. */
  readonly #chunks: Chunk<E>[] = [{ entries: [], live: 0 }];

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): E | undefined {
    return this.#byKey.get(key);
  }

  /** Adds an entry whose key is new. */
  add(entry: E): void {
    this.#byKey.set(entry.key, entry);
    const at = this.#chunkOf(entry.key);
    const chunk = this.#chunks[at] as Chunk<E>;
    chunk.entries.splice(lowerBound(chunk.entries, entry.key), 0, entry);
    if (entry.isLive) chunk.live++;
    if (chunk.entries.length > MAX_CHUNK) this.#split(at, chunk);
  }

  /** Removes an entry that is there. */
  remove(entry: E): void {
    this.#byKey.delete(entry.key);
    const at = this.#chunkOf(entry.key);
    const chunk = this.#chunks[at] as Chunk<E>;
    chunk.entries.splice(lowerBound(chunk.entries, entry.key), 1);
    if (entry.isLive) chunk.live--;
    if (chunk.entries.length === 0 && this.#chunks.length > 1) this.#chunks.splice(at, 1);
  }

  /** An entry that is there has become live (+1) or is live no more (-1). */
  countLive(key: string, change: 1 | -1): void {
    (this.#chunks[this.#chunkOf(key)] as Chunk<E>).live += change;
  }

  /** Visits the entries of a range, live or not, in order, until a visit gives false. */
  forEach(range: KeyRange, visit: (entry: E) => boolean | undefined): void {
    for (let at = this.#chunkOf(range.begin); at < this.#chunks.length; at++) {
      const { entries } = this.#chunks[at] as Chunk<E>;
      const from = lowerBound(entries, range.begin);
      const to = range.end === undefined ? entries.length : lowerBound(entries, range.end);
      for (let index = from; index < to; index++) if (visit(entries[index] as E) === false) return;
      if (to < entries.length) return;
    }
  }

  /** How many entries of the range are live. */
  count(range: KeyRange): number {
    let count = 0;
    for (let at = this.#chunkOf(range.begin); at < this.#chunks.length; at++) {
      const { entries, live } = this.#chunks[at] as Chunk<E>;
      const first = entries[0];
      if (range.end !== undefined && first && first.key >= range.end) break;
      const from = lowerBound(entries, range.begin);
      const to = range.end === undefined ? entries.length : lowerBound(entries, range.end);
      if (from === 0 && to === entries.length) count += live;
      else for (let index = from; index < to; index++) if (entries[index]?.isLive) count++;
    }
    return count;
  }

  /** The chunk that holds the key, or that it would be put into. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const first = this.#chunks[middle]?.entries[0];
      if (first && first.key <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #split(at: number, chunk: Chunk<E>): void {
    const entries = chunk.entries.splice(chunk.entries.length >>> 1);
    const live = entries.reduce((sum, entry) => sum + (entry.isLive ? 1 : 0), 0);
    chunk.live -= live;
    this.#chunks.splice(at + 1, 0, { entries, live });
  }
}

/** The index of the first entry whose key is not before `key`. */
function lowerBound(entries: readonly Entry[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as Entry).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
