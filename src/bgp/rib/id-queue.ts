/** Ids in the order of their first mention; one that waits already is not queued again. */
import { IdSet } from "./id-set.ts";

/** Taken ids are cut off when so many stand before the first that waits. */
const CUT = 65_536;

export class IdQueue {
  #ids: number[] = [];
  #head = 0;
  readonly #waiting = new IdSet();

  get size(): number {
    return this.#waiting.size;
  }

  /** Whether it did not wait before. */
  push(id: number): boolean {
    if (!this.#waiting.add(id)) return false;
    this.#ids.push(id);
    return true;
  }

  /** −1: empty. */
  shift(): number {
    const id = this.#ids[this.#head];
    if (id === undefined) return -1;
    this.#waiting.delete(id);
    if (++this.#head === this.#ids.length) {
      this.#ids = [];
      this.#head = 0;
    } else if (this.#head === CUT) {
      this.#ids = this.#ids.slice(CUT);
      this.#head = 0;
    }
    return id;
  }
}
