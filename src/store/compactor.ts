/**
 * Forgets history: at once for readers, in slices on the disk. By itself it keeps so much time and so many revisions,
 * whichever is less (`Retention`); the age of a revision is known from when this process first saw it.
 */
import type { Clock, Millis, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { LogError, type RevisionLog } from "../port/revision-log.ts";
import type { Lane } from "./lane.ts";
import type { Mvcc } from "./mvcc.ts";
import type { Retention } from "./retention.ts";

/** Rows removed in one write. */
const ROWS_AT_ONCE = 256;
const LOOK_MS: Millis = 30_000;
/** Looks at the clock within the time that is kept: what is forgotten is at most so much older. */
const LOOKS_WITHIN_AGE = 10;

export interface CompactorDeps {
  readonly mvcc: Mvcc;
  readonly log: RevisionLog;
  readonly clock: Clock;
  readonly lane: Lane;
  readonly logger: Log;
  readonly retention: Retention;
}

export class Compactor {
  readonly #deps: CompactorDeps;
  /** Which revision was the last at which time, oldest first. */
  readonly #seen: { readonly at: Millis; readonly revision: number }[] = [];
  #timer: Timer | undefined;
  #sweep: Promise<void> | undefined;
  /** Rows that are forgotten, but could not be removed yet. */
  #left: number[] = [];
  #isClosed = false;

  constructor(deps: CompactorDeps) {
    this.#deps = deps;
  }

  /** Goes on where the last process was interrupted, and begins to keep to the retention. */
  start(): void {
    void this.#startSweep();
    const { ageMs, revisions } = this.#deps.retention;
    if (ageMs !== undefined || revisions !== undefined) this.#look();
  }

  /**
   * Forgets history before a revision; throws `compacted`, `futureRevision`. What it gives resolves once the rows are
   * gone from the disk, as far as that could be done.
   */
  compact(revision: number): Promise<void> {
    this.#deps.mvcc.compact(revision);
    return this.#startSweep();
  }

  /** Gives free room on the disk back to the file system. */
  async defragment(): Promise<void> {
    while (!this.#isClosed && this.#deps.log.shrink()) await this.#deps.lane.next(0);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #look(): void {
    const { mvcc, clock, retention } = this.#deps;
    const { ageMs, revisions } = retention;
    const now = clock.now();
    this.#seen.push({ at: now, revision: mvcc.revision });
    const old = ageMs === undefined ? -1 : this.#seen.findLastIndex(({ at }) => at <= now - ageMs);
    const byAge = this.#seen[old]?.revision ?? 0;
    const byNumber = revisions === undefined ? 0 : mvcc.revision - revisions;
    this.#seen.splice(0, ageMs === undefined ? this.#seen.length : old + 1);
    this.#timer = clock.after(Math.min(LOOK_MS, (ageMs ?? LOOK_MS) / LOOKS_WITHIN_AGE), () => this.#look());
    const revision = Math.max(byAge, byNumber);
    if (revision > mvcc.compactedRevision) this.#compactByItself(revision);
  }

  #compactByItself(revision: number): void {
    const { logger } = this.#deps;
    try {
      void this.compact(revision);
      logger.debug("history is forgotten", { before: revision });
    } catch (failure) {
      if (!(failure instanceof LogError)) throw failure;
      logger.warn("history could not be forgotten; it is tried again", { before: revision }, failure);
    }
  }

  /** One sweep at a time: a later compaction only gives the running one more to do. */
  #startSweep(): Promise<void> {
    this.#sweep ??= this.#removeAll().finally(() => {
      this.#sweep = undefined;
    });
    return this.#sweep;
  }

  async #removeAll(): Promise<void> {
    const { mvcc, log, lane, logger } = this.#deps;
    for (let slices = 0; ; slices++) {
      await lane.next(slices);
      if (this.#isClosed) return;
      const rows = this.#left.length > 0 ? this.#left : mvcc.takeRemovable(ROWS_AT_ONCE);
      if (rows.length === 0) return;
      this.#left = rows;
      try {
        log.remove(rows);
      } catch (failure) {
        if (!(failure instanceof LogError)) throw failure;
        logger.warn("forgotten rows stay on the disk until the next compaction", { rows: rows.length }, failure);
        return;
      }
      this.#left = [];
    }
  }
}
