/**
 * What is known of prefixes by their ids, as pages: a single list of a million would be copied whole each time it outgrows its
 * place, which holds up the event loop. A copy shares the pages until one of the two writes to them.
 */
const PAGE_BITS = 10;
const PAGE_IDS = 1 << PAGE_BITS;

type Page<T> = (T | undefined)[];

export class IdTable<T> {
  readonly #pages: (Page<T> | undefined)[] = [];
  /** Of those, what no copy has too. */
  #own: (Page<T> | undefined)[] = [];

  get(id: number): T | undefined {
    return this.#pages[id >>> PAGE_BITS]?.[id & (PAGE_IDS - 1)];
  }

  set(id: number, value: T | undefined): void {
    const at = id >>> PAGE_BITS;
    const page = this.#own[at] ?? this.#take(at);
    page[id & (PAGE_IDS - 1)] = value;
  }

  copy(): IdTable<T> {
    const copy = new IdTable<T>();
    for (const page of this.#pages) copy.#pages.push(page);
    this.#own = [];
    return copy;
  }

  #take(at: number): Page<T> {
    const page = this.#pages[at]?.slice() ?? new Array<T | undefined>(PAGE_IDS).fill(undefined);
    for (const list of [this.#pages, this.#own]) {
      while (list.length < at) list.push(undefined);
      list[at] = page;
    }
    return page;
  }
}
