/**
 * Members of an update group that are not where the others are: they have just come, were too slow, or asked to hear everything
 * again. They have been told what the group has told, save where something is recorded: a set of prefixes, not a list of changes,
 * so it never grows beyond the table, whoever is how far behind. Members that come before the first of it is sent go through it
 * together.
 */
import { ChangeBatch } from "./change-batch.ts";
import type { Exported } from "./export.ts";
import { IdSet } from "./id-set.ts";
import type { Member } from "./member.ts";
import type { PrefixTable } from "./prefix-table.ts";

export class CatchUp {
  readonly members = new Set<Member>();
  /** For newcomers, of which more can still join: nothing was told yet. */
  isFresh = false;
  readonly #table: PrefixTable;
  readonly #pending = new IdSet();
  /** What they were told where it is not what the group has told. Their ids are held. */
  readonly #told = new Map<number, Exported>();
  /** They were told nothing, whatever the group has told. */
  readonly #untold = new IdSet();
  /** Handed to them, and not taken: forgotten, the oldest first in the list. */
  readonly #missed: ChangeBatch[] = [];

  constructor(table: PrefixTable) {
    this.#table = table;
  }

  /** Of a newcomer: all of it is to be told. */
  static fresh(table: PrefixTable, ids: IdSet): CatchUp {
    const fresh = new CatchUp(table);
    fresh.isFresh = true;
    fresh.#pending.addAll(ids);
    fresh.#untold.addAll(ids);
    return fresh;
  }

  /** The same, for one of the members that goes its own way. */
  copy(): CatchUp {
    const copy = new CatchUp(this.#table);
    copy.#pending.addAll(this.#pending);
    copy.#untold.addAll(this.#untold);
    for (const [id, told] of this.#told) copy.#record(id, told);
    copy.miss(this.#missed);
    return copy;
  }

  add(member: Member): void {
    this.members.add(member);
    member.catchUp = this;
  }

  /** The members did not take these batches, and are told of their prefixes as it is by then. Worked off when they take again. */
  miss(batches: readonly ChangeBatch[]): void {
    this.#missed.push(...batches);
  }

  /** To be looked at: what is there by then is told. */
  get pending(): IdSet {
    return this.#pending;
  }

  /** Prefixes of which the members were told something else than the group has told, or will be by now. */
  *differing(): IterableIterator<number> {
    yield* this.#told.keys();
    yield* this.#untold;
  }

  /** What the members were told, where the group has told `group`. */
  told(id: number, group: Exported | undefined): Exported | undefined {
    return this.#told.get(id) ?? (this.#untold.has(id) ? undefined : group);
  }

  /** To be told as it is by then, though nothing may have changed. */
  tellAgain(ids: IdSet): void {
    this.#pending.addAll(ids);
  }

  /** The group tells something else from now on, where it has told `before`. */
  changed(id: number, before: Exported | undefined): void {
    if (!this.#told.has(id) && !this.#untold.has(id)) this.#record(id, before);
    this.#pending.add(id);
  }

  /** The next `limit` prefixes; undefined: its members are where the others are. `now`: what the group has told. */
  take(limit: number, now: (id: number) => Exported | undefined): ChangeBatch | undefined {
    this.isFresh = false;
    this.catchUpWithMissed();
    const batch = new ChangeBatch();
    while (batch.size < limit) {
      const id = this.#pending.shift();
      if (id < 0) break;
      const after = now(id);
      const before = this.told(id, after);
      if (before || after) batch.add(this.#table.prefixOf(id), before, after);
      this.#forget(id);
    }
    return batch.size > 0 ? batch : undefined;
  }

  /** Takes in what was missed: the oldest of the batches knows what the members have. */
  catchUpWithMissed(): void {
    for (let batch = this.#missed.pop(); batch; batch = this.#missed.pop()) {
      for (const [at, prefix] of batch.prefixes.entries()) {
        const id = this.#table.hold(prefix);
        this.#forget(id);
        this.#record(id, batch.before[at]);
        this.#pending.add(id);
        this.#table.release(id);
      }
    }
  }

  close(): void {
    for (const id of this.#told.keys()) this.#table.release(id);
    this.#told.clear();
  }

  #record(id: number, told: Exported | undefined): void {
    if (!told) {
      this.#untold.add(id);
      return;
    }
    this.#told.set(id, told);
    this.#table.holdId(id);
  }

  #forget(id: number): void {
    this.#untold.delete(id);
    if (this.#told.delete(id)) this.#table.release(id);
  }
}
