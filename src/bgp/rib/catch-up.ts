/**
 * Members of an update group that are not where the others are: they have just come, were too slow, or asked to hear everything
 * again. What they have yet to be told is a set of prefixes, not a list of changes, so it never grows beyond the table: two bits
 * a prefix, whoever is how far behind. Members that come before the first of it is sent go through it together.
 */
import { ChangeBatch } from "./change-batch.ts";
import { type Exported, hiddenFrom } from "./export.ts";
import { IdSet } from "./id-set.ts";
import type { Member } from "./member.ts";
import type { PrefixTable } from "./prefix-table.ts";

export class CatchUp {
  readonly members = new Set<Member>();
  /** To be looked at: what is there by then is told. */
  readonly pending = new IdSet();
  /** For newcomers, of which more can still join: nothing was told yet. */
  isFresh: boolean;
  readonly #table: PrefixTable;
  readonly #toldIds = new IdSet();
  /** Of the told ones those that did not go to all members: some member is where they came from. */
  readonly #hidden = new Map<number, Exported>();

  /** Left out `only`: for newcomers. */
  constructor(table: PrefixTable, only?: Member) {
    this.#table = table;
    this.isFresh = only === undefined;
    if (only) this.members.add(only);
  }

  /** `all`: something that went to all members. */
  told(id: number): Exported | "all" | undefined {
    return this.#toldIds.has(id) ? (this.#hidden.get(id) ?? "all") : undefined;
  }

  toldIds(): Iterable<number> {
    return this.#toldIds;
  }

  setTold(id: number, told: Exported | "all" | undefined): void {
    this.#hidden.delete(id);
    if (!told) {
      if (this.#toldIds.delete(id)) this.#table.release(id);
      return;
    }
    if (this.#toldIds.add(id)) this.#table.holdId(id);
    if (told === "all") return;
    for (const { peer } of this.members) if (hiddenFrom(told, peer)) this.#hidden.set(id, told);
  }

  /** The next `limit` prefixes; undefined: its members are where the others are. */
  take(limit: number, now: (id: number) => Exported | undefined): ChangeBatch | undefined {
    this.isFresh = false;
    const batch = new ChangeBatch();
    while (batch.size < limit) {
      const id = this.pending.shift();
      if (id < 0) break;
      const before = this.told(id);
      const after = now(id);
      if (!before && !after) continue;
      batch.add(this.#table.prefixOf(id), before, after);
      this.setTold(id, after);
    }
    return batch.size > 0 ? batch : undefined;
  }

  close(): void {
    for (const id of this.#toldIds) this.#table.release(id);
    this.#toldIds.clear();
    this.#hidden.clear();
  }
}
