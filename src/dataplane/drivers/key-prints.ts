/**
 * A set of keys that keeps 32 bits of each: for "is this one of ours?" about the many routes of others, where a set of
 * strings would cost several megabytes and most of the time of a bulk load. Two keys may share a print: then `has` is true
 * too often, or, after one of them has gone, too seldom; with 100,000 keys that is one pair.
 *
 * Open addressing with linear probing in one typed array, at most half full.
 */
const SMALLEST = 256;
const EMPTY = 0;

export class KeyPrints {
  #slots = new Uint32Array(SMALLEST);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(key: string): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const print = printOf(key);
    const at = this.#find(print);
    if (this.#slots[at] === print) return;
    this.#slots[at] = print;
    this.#size++;
  }

  has(key: string): boolean {
    const print = printOf(key);
    return this.#slots[this.#find(print)] === print;
  }

  delete(key: string): void {
    const print = printOf(key);
    const mask = this.#slots.length - 1;
    let hole = this.#find(print);
    if (this.#slots[hole] !== print) return;
    this.#size--;
    // Those behind the hole that were pushed past it move up, so that no search ends early.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const other = this.#slots[at] ?? EMPTY;
      if (other === EMPTY) break;
      const home = other & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#slots[hole] = other;
      hole = at;
    }
    this.#slots[hole] = EMPTY;
  }

  clear(): void {
    this.#slots = new Uint32Array(SMALLEST);
    this.#size = 0;
  }

  /** Where the print is, or the free slot where it belongs. */
  #find(print: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = print & mask;
    for (let there = slots[at]; there !== EMPTY && there !== print; there = slots[at]) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 4);
    for (const print of old) if (print !== EMPTY) this.#slots[this.#find(print)] = print;
  }
}

/** FNV-1a; never EMPTY. */
function printOf(key: string): number {
  let print = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) print = Math.imul(print ^ key.charCodeAt(at), 0x01000193);
  return print >>> 0 || 1;
}
