/** A number for each id, as pages, zero where nothing was counted. */
import { type IdSet, PAGE_BITS, PAGE_IDS } from "./id-set.ts";

export class IdCounts {
  readonly #pages: (Int32Array | undefined)[] = [];

  /** What the id's is then. */
  add(id: number, change: number): number {
    const page = this.#page(id >>> PAGE_BITS);
    const at = id & (PAGE_IDS - 1);
    const count = (page[at] ?? 0) + change;
    page[at] = count;
    return count;
  }

  /** One more for each id of the set. */
  addAll(ids: IdSet): void {
    ids.eachWord((first, word) => {
      const page = this.#page(first >>> PAGE_BITS);
      const from = first & (PAGE_IDS - 1);
      for (let bits = word; bits !== 0; bits &= bits - 1) {
        const at = from + 31 - Math.clz32(bits & -bits);
        page[at] = (page[at] ?? 0) + 1;
      }
    });
  }

  #page(at: number): Int32Array {
    const there = this.#pages[at];
    if (there) return there;
    while (this.#pages.length < at) this.#pages.push(undefined);
    const page = new Int32Array(PAGE_IDS);
    this.#pages[at] = page;
    return page;
  }
}
