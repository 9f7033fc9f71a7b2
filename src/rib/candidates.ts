/**
 * Several sources may want something under one key: two nodes that claim one tunnel address, a block's route and a
 * borrowed address's, later the routes of BGP peers. Each source sets what it wants as a whole; per key the candidate
 * with the lowest preference wins, ties go to the source that sorts first, so that the outcome does not depend on order.
 */
import { isDeepStrictEqual } from "node:util";

export interface Candidate<V> {
  readonly key: string;
  readonly value: V;
  /** Lower wins. */
  readonly preference: number;
}

interface Entry<V> extends Candidate<V> {
  readonly source: string;
}

export class Candidates<V> {
  /** One entry alone, or a list in the order of precedence: nearly all keys have one. */
  readonly #byKey = new Map<string, Entry<V> | Entry<V>[]>();
  readonly #bySource = new Map<string, readonly string[]>();

  /** Keys that some source wants. */
  get size(): number {
    return this.#byKey.size;
  }

  /**
   * What the source wants from now on, in place of what it wanted. Reports each key that it wanted or wants: an occasion
   * to try again. Gives whether a winner is another value than before.
   */
  set(source: string, wanted: readonly Candidate<V>[], touched: (key: string) => void): boolean {
    const before = this.#bySource.get(source) ?? [];
    if (before.length === 0 && wanted.length === 0) return false;
    const winners = new Map<string, V | undefined>();
    for (const key of before) winners.set(key, this.get(key));
    for (const { key } of wanted) winners.set(key, this.get(key));
    for (const key of before) this.#drop(key, source);
    for (const candidate of wanted) this.#add({ ...candidate, source });
    if (wanted.length === 0) this.#bySource.delete(source);
    else
      this.#bySource.set(
        source,
        wanted.map(({ key }) => key),
      );
    let isOther = false;
    for (const [key, was] of winners) {
      isOther ||= !isDeepStrictEqual(this.get(key), was);
      touched(key);
    }
    return isOther;
  }

  /** The winner under a key. */
  get(key: string): V | undefined {
    return this.#first(key)?.value;
  }

  /** The source whose candidate won: what provenance starts from. */
  sourceOf(key: string): string | undefined {
    return this.#first(key)?.source;
  }

  /** What the source wants, winner or not. */
  keysOf(source: string): readonly string[] {
    return this.#bySource.get(source) ?? [];
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }

  #first(key: string): Entry<V> | undefined {
    const entry = this.#byKey.get(key);
    return Array.isArray(entry) ? entry[0] : entry;
  }

  #add(entry: Entry<V>): void {
    const there = this.#byKey.get(entry.key);
    if (!there) {
      this.#byKey.set(entry.key, entry);
      return;
    }
    const entries = Array.isArray(there) ? there : [there];
    entries.push(entry);
    entries.sort((a, b) => a.preference - b.preference || (a.source < b.source ? -1 : 1));
    this.#byKey.set(entry.key, entries);
  }

  #drop(key: string, source: string): void {
    const there = this.#byKey.get(key);
    if (!there) return;
    const left = (Array.isArray(there) ? there : [there]).filter((entry) => entry.source !== source);
    const [only] = left;
    if (!only) this.#byKey.delete(key);
    else this.#byKey.set(key, left.length === 1 ? only : left);
  }
}
