/**
 * A set of keys that keeps 32 bits of each: for "is this one of ours?" about the many routes of others, where a map of
 * strings would cost several megabytes and most of the time of a bulk load. Two keys may share a print: then `has` is true
 * too often, or, after one of them has gone, too seldom; with 100,000 keys that is one pair.
 */
export class KeyPrints {
  readonly #prints = new Set<number>();

  add(key: string): void {
    this.#prints.add(printOf(key));
  }

  delete(key: string): void {
    this.#prints.delete(printOf(key));
  }

  has(key: string): boolean {
    return this.#prints.has(printOf(key));
  }

  get size(): number {
    return this.#prints.size;
  }

  clear(): void {
    this.#prints.clear();
  }
}

/** FNV-1a. */
function printOf(key: string): number {
  let print = 0x811c9dc5 | 0;
  for (let at = 0; at < key.length; at++) print = Math.imul(print ^ key.charCodeAt(at), 0x01000193);
  return print;
}
