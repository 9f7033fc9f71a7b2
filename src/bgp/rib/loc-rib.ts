/**
 * The chosen routes, and two queues of prefixes: those to be decided again, and those whose routes have changed and that nobody
 * has asked for yet. Both are worked off in slices.
 */

import type { AdjRibIn } from "./adj-rib-in.ts";
import { decide, multipath } from "./decision.ts";
import { IdQueue } from "./id-queue.ts";
import { IdTable } from "./id-table.ts";
import { Path } from "./path.ts";
import type { PrefixTable } from "./prefix-table.ts";
import type { BestChange } from "./types.ts";

type Chosen = Path | readonly Path[] | undefined;

export class LocRib {
  readonly #table: PrefixTable;
  readonly #maxPaths: number;
  readonly #chosen = new IdTable<Path | readonly Path[]>();
  readonly #undecided = new IdQueue();
  /** Undefined: nobody asks for changes. */
  #untold: IdQueue | undefined;
  #size = 0;

  constructor(table: PrefixTable, maxPaths: number) {
    this.#table = table;
    this.#maxPaths = maxPaths;
  }

  /** Prefixes with a route. */
  get size(): number {
    return this.#size;
  }

  get hasWork(): boolean {
    return this.#undecided.size > 0;
  }

  touch(id: number): void {
    this.#undecided.push(id);
  }

  best(id: number): Path | undefined {
    return bestOf(this.#chosen.get(id));
  }

  /** The best first, then those used beside it. */
  chosen(id: number): readonly Path[] {
    return listOf(this.#chosen.get(id));
  }

  /** Changes are kept for `takeChanges` from now on; what is chosen already is one. */
  keepChanges(): void {
    if (this.#untold) return;
    this.#untold = new IdQueue();
    for (let id = 0; id < this.#table.bound; id++) if (this.#chosen.get(id)) this.#noteChange(id);
  }

  /** Decides `limit` prefixes at most. `changed` is told where the best path is another one. */
  work(limit: number, candidates: AdjRibIn, changed: (id: number, best: Path | undefined) => void): void {
    for (let done = 0; done < limit; done++) {
      const id = this.#undecided.shift();
      if (id < 0) break;
      const before = this.#chosen.get(id);
      const chosen = this.#decide(id, candidates);
      if (chosen === before) continue;
      this.#choose(id, before, chosen);
      const best = bestOf(chosen);
      if (best !== bestOf(before)) changed(id, best);
    }
  }

  /** Prefixes whose routes have changed since they were last taken, `limit` at most. */
  takeChanges(limit: number): BestChange[] {
    const changes: BestChange[] = [];
    while (this.#untold && changes.length < limit) {
      const id = this.#untold.shift();
      if (id < 0) break;
      changes.push({ prefix: this.#table.prefixOf(id), routes: learned(this.#chosen.get(id)) });
      this.#table.release(id);
    }
    return changes;
  }

  #decide(id: number, candidates: AdjRibIn): Chosen {
    const only = candidates.onlyPath(id);
    if (only) return only.isEligible ? only : undefined;
    const all = candidates.paths(id);
    if (all.length === 0) return undefined;
    const chosen = multipath(decide(all), this.#maxPaths);
    return chosen.length > 1 ? chosen : chosen[0];
  }

  #choose(id: number, was: Chosen, chosen: Chosen): void {
    this.#chosen.set(id, chosen);
    if (chosen && !was) {
      this.#table.holdId(id);
      this.#size++;
    }
    if (this.#untold && !isSame(was, chosen)) this.#noteChange(id);
    if (was && !chosen) {
      this.#size--;
      this.#table.release(id);
    }
  }

  #noteChange(id: number): void {
    if (this.#untold?.push(id)) this.#table.holdId(id);
  }
}

const bestOf = (chosen: Chosen): Path | undefined =>
  chosen === undefined || chosen instanceof Path ? chosen : chosen[0];

const NONE: readonly Path[] = [];

const listOf = (chosen: Chosen): readonly Path[] =>
  chosen === undefined ? NONE : chosen instanceof Path ? [chosen] : chosen;

/** Whether the routes to use are the same, whatever was received on the way to them. */
function isSame(a: Chosen, b: Chosen): boolean {
  if (a === b) return true;
  if (a instanceof Path && b instanceof Path) return a.peer === b.peer && a.attributes === b.attributes;
  const [left, right] = [listOf(a), listOf(b)];
  return (
    left.length === right.length &&
    left.every((path, at) => path.peer === right[at]?.peer && path.attributes === right[at]?.attributes)
  );
}

/** Routes of peers; none where our own comes first. */
const learned = (chosen: Chosen): BestChange["routes"] =>
  chosen instanceof Path ? chosen.routes : listOf(chosen).flatMap(({ routes }) => routes);
