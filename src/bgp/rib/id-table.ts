/**
 * What is known of prefixes by their ids, as pages: a single list of a million would be copied whole each time it outgrows its
 * place, which holds up the event loop.
 */
const PAGE_BITS = 10;
const PAGE_IDS = 1 << PAGE_BITS;

export class IdTable<T> {
  readonly #pages: (T | undefined)[][] = [];

  get(id: number): T | undefined {
    return this.#pages[id >>> PAGE_BITS]?.[id & (PAGE_IDS - 1)];
  }

  set(id: number, value: T | undefined): void {
    const at = id >>> PAGE_BITS;
    while (this.#pages.length <= at) this.#pages.push(new Array<T | undefined>(PAGE_IDS).fill(undefined));
    const page = this.#pages[at];
    if (page) page[id & (PAGE_IDS - 1)] = value;
  }

  copy(): IdTable<T> {
    const copy = new IdTable<T>();
    for (const page of this.#pages) copy.#pages.push(page.slice());
    return copy;
  }
}
