/**
 * A map in parts that grow one at a time: growing a map of a hundred thousand entries takes milliseconds, in which an event loop
 * does nothing else.
 */
const PARTS = 16;

export class PartedMap<K, V> {
  readonly #parts: readonly Map<K, V>[] = Array.from({ length: PARTS }, () => new Map<K, V>());
  readonly #hashOf: (key: K) => number;

  /** `hashOf`: any 32 bits; the more even the last four, the smaller the parts. */
  constructor(hashOf: (key: K) => number) {
    this.#hashOf = hashOf;
  }

  get size(): number {
    return this.#parts.reduce((sum, { size }) => sum + size, 0);
  }

  get(key: K): V | undefined {
    return this.#partOf(key)?.get(key);
  }

  set(key: K, value: V): void {
    this.#partOf(key)?.set(key, value);
  }

  delete(key: K): void {
    this.#partOf(key)?.delete(key);
  }

  /** In no order; entries may come and go meanwhile. */
  *values(): Generator<V, undefined> {
    for (const part of this.#parts) yield* part.values();
  }

  #partOf(key: K): Map<K, V> | undefined {
    return this.#parts[this.#hashOf(key) & (PARTS - 1)];
  }
}
