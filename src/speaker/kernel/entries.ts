/** Entries by prefix. */
import { IdTable } from "../../bgp/rib/id-table.ts";
import { PrefixTable } from "../../bgp/rib/prefix-table.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { Entry } from "./way.ts";

export class Entries {
  readonly #prefixes = new PrefixTable();
  readonly #entries = new IdTable<Entry>();

  get size(): number {
    return this.#prefixes.size;
  }

  get(prefix: PrefixCode): Entry | undefined {
    const id = this.#prefixes.idOf(prefix);
    return id < 0 ? undefined : this.#entries.get(id);
  }

  /** One that is not there. */
  add(entry: Entry): void {
    this.#entries.set(this.#prefixes.hold(entry.prefix), entry);
  }

  delete(prefix: PrefixCode): void {
    const id = this.#prefixes.idOf(prefix);
    if (id < 0) return;
    this.#entries.set(id, undefined);
    this.#prefixes.release(id);
  }

  *values(): Generator<Entry> {
    for (let id = 0; id < this.#prefixes.bound; id++) {
      const entry = this.#entries.get(id);
      if (entry) yield entry;
    }
  }
}
