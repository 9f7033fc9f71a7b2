/**
 * Who is interested in a key, without asking everybody: parties by single key, by prefix and by any other range. Many
 * parties share few ranges (every agent watches the same dozen prefixes), so parties of one range are kept together.
 */
import { contains, type KeyRange, prefixOf, singleKey } from "./key-range.ts";

export class InterestIndex<P> {
  readonly #byKey = new Map<string, Set<P>>();
  readonly #byPrefix = new Map<string, Set<P>>();
  /** How many prefixes of each length there are: a key is asked for its beginning of each of these lengths. */
  readonly #lengths = new Map<number, number>();
  readonly #others = new Map<string, { readonly range: KeyRange; readonly parties: Set<P> }>();

  add(range: KeyRange, party: P): void {
    this.#set(range, true)?.add(party);
  }

  /** A party that is there under this range. */
  remove(range: KeyRange, party: P): void {
    const parties = this.#set(range, false);
    parties?.delete(party);
    if (parties?.size === 0) this.#forget(range);
  }

  /** Calls `tell` for each party that is interested in the key. */
  forEach(key: string, tell: (party: P) => void): void {
    for (const party of this.#byKey.get(key) ?? []) tell(party);
    for (const length of this.#lengths.keys()) {
      if (length <= key.length) for (const party of this.#byPrefix.get(key.slice(0, length)) ?? []) tell(party);
    }
    for (const { range, parties } of this.#others.values()) {
      if (contains(range, key)) for (const party of parties) tell(party);
    }
  }

  #set(range: KeyRange, make: boolean): Set<P> | undefined {
    const key = singleKey(range);
    if (key !== undefined) return setOf(this.#byKey, key, make);
    const prefix = prefixOf(range);
    if (prefix !== undefined) {
      if (make && !this.#byPrefix.has(prefix)) this.#countLength(prefix.length, 1);
      return setOf(this.#byPrefix, prefix, make);
    }
    const other = this.#others.get(textOf(range));
    if (other || !make) return other?.parties;
    const parties = new Set<P>();
    this.#others.set(textOf(range), { range, parties });
    return parties;
  }

  #forget(range: KeyRange): void {
    const key = singleKey(range);
    if (key !== undefined) {
      this.#byKey.delete(key);
      return;
    }
    const prefix = prefixOf(range);
    if (prefix === undefined) this.#others.delete(textOf(range));
    else if (this.#byPrefix.delete(prefix)) this.#countLength(prefix.length, -1);
  }

  #countLength(length: number, change: 1 | -1): void {
    const count = (this.#lengths.get(length) ?? 0) + change;
    if (count === 0) this.#lengths.delete(length);
    else this.#lengths.set(length, count);
  }
}

function setOf<P>(map: Map<string, Set<P>>, key: string, make: boolean): Set<P> | undefined {
  const there = map.get(key);
  if (there || !make) return there;
  const parties = new Set<P>();
  map.set(key, parties);
  return parties;
}

/** Lengths keep `a` + `bc` and `ab` + `c` apart. */
const textOf = ({ begin, end }: KeyRange): string => `${begin.length}:${begin}${end === undefined ? "" : `:${end}`}`;
