/**
 * A set of small integers (the ids of prefixes) as pages of bits: a session that knows a few of a million prefixes holds a few
 * pages, one that knows all holds a bit for each.
 */
export const PAGE_BITS = 12;
export const PAGE_IDS = 1 << PAGE_BITS;
const WORDS = PAGE_IDS / 32;

export class IdSet {
  readonly #pages: (Uint32Array | undefined)[] = [];
  /** No id below it is in the set. */
  #least = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(id: number): boolean {
    const page = this.#pages[id >>> PAGE_BITS];
    return page !== undefined && ((page[(id & (PAGE_IDS - 1)) >>> 5] ?? 0) & (1 << (id & 31))) !== 0;
  }

  /** Whether it is new. */
  add(id: number): boolean {
    const at = id >>> PAGE_BITS;
    let page = this.#pages[at];
    if (!page) {
      while (this.#pages.length < at) this.#pages.push(undefined);
      page = new Uint32Array(WORDS);
      this.#pages[at] = page;
    }
    const word = (id & (PAGE_IDS - 1)) >>> 5;
    const was = page[word] ?? 0;
    const is = was | (1 << (id & 31));
    if ((was | 0) === is) return false;
    page[word] = is;
    this.#size++;
    if (id < this.#least) this.#least = id;
    return true;
  }

  /** Whether it was there. */
  delete(id: number): boolean {
    const page = this.#pages[id >>> PAGE_BITS];
    const word = (id & (PAGE_IDS - 1)) >>> 5;
    const was = page?.[word] ?? 0;
    const bit = 1 << (id & 31);
    if (!page || (was & bit) === 0) return false;
    page[word] = was & ~bit;
    if (--this.#size === 0) this.clear();
    return true;
  }

  clear(): void {
    this.#pages.length = 0;
    this.#least = 0;
    this.#size = 0;
  }

  /** The least member from `from` on; −1: none. */
  nextFrom(from: number): number {
    for (let at = from >>> PAGE_BITS; at < this.#pages.length; at++) {
      const page = this.#pages[at];
      if (!page) continue;
      const start = at === from >>> PAGE_BITS ? from & (PAGE_IDS - 1) : 0;
      for (let word = start >>> 5; word < WORDS; word++) {
        const mask = word === start >>> 5 ? -1 << (start & 31) : -1;
        const bits = (page[word] ?? 0) & mask;
        if (bits !== 0) return (at << PAGE_BITS) + (word << 5) + (31 - Math.clz32(bits & -bits));
      }
    }
    return -1;
  }

  /** Takes out the least member; −1: it is empty. */
  shift(): number {
    const id = this.#size === 0 ? -1 : this.nextFrom(this.#least);
    if (id < 0) return -1;
    this.#least = id + 1;
    this.delete(id);
    return id;
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let id = this.nextFrom(0); id >= 0; id = this.nextFrom(id + 1)) yield id;
  }

  /** Adds all of another set, a word at a time as all that follows. */
  addAll(other: IdSet): void {
    for (const [at, theirs] of other.#pages.entries()) {
      if (theirs) this.#merge(at, theirs);
    }
    if (other.#size > 0) this.#least = 0;
  }

  /** Takes out all that are in another set. */
  deleteAll(other: IdSet): void {
    for (const [at, theirs] of other.#pages.entries()) {
      const ours = this.#pages[at];
      if (!theirs || !ours) continue;
      for (let word = 0; word < WORDS; word++) {
        const gone = (ours[word] ?? 0) & (theirs[word] ?? 0);
        if (gone === 0) continue;
        ours[word] = (ours[word] ?? 0) & ~gone;
        this.#size -= bitsOf(gone);
      }
    }
    if (this.#size === 0) this.clear();
  }

  /** Those that are in another set too. */
  common(other: IdSet): IdSet {
    const common = new IdSet();
    for (const [at, ours] of this.#pages.entries()) {
      const theirs = other.#pages[at];
      if (ours && theirs)
        common.#merge(
          at,
          ours.map((word, index) => word & (theirs[index] ?? 0)),
        );
    }
    return common;
  }

  /** Those that are not. */
  without(other: IdSet): IdSet {
    const left = new IdSet();
    left.addAll(this);
    left.deleteAll(other);
    return left;
  }

  /** Faster than iteration; nothing may change meanwhile. */
  each(action: (id: number) => void): void {
    this.eachWord((first, word) => {
      for (let bits = word; bits !== 0; bits &= bits - 1) action(first + 31 - Math.clz32(bits & -bits));
    });
  }

  /** The same, 32 ids at a time: bit 0 stands for `first`. */
  eachWord(action: (first: number, word: number) => void): void {
    for (const [at, page] of this.#pages.entries()) {
      for (let word = 0; page && word < WORDS; word++) {
        const bits = page[word] ?? 0;
        if (bits !== 0) action((at << PAGE_BITS) + (word << 5), bits);
      }
    }
  }

  #merge(at: number, theirs: Uint32Array): void {
    while (this.#pages.length < at) this.#pages.push(undefined);
    const ours = this.#pages[at] ?? new Uint32Array(WORDS);
    this.#pages[at] = ours;
    for (let word = 0; word < WORDS; word++) {
      const added = (theirs[word] ?? 0) & ~(ours[word] ?? 0);
      if (added === 0) continue;
      ours[word] = (ours[word] ?? 0) | added;
      this.#size += bitsOf(added);
    }
  }
}

/** How many bits of a word are set. */
function bitsOf(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
