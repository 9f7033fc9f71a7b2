/** A revision log that lives in memory and fails on demand. */
import {
  type LogBatch,
  LogError,
  type LogLease,
  type LogRow,
  type LogSize,
  type RevisionLog,
} from "../port/revision-log.ts";

export class MemoryLog implements RevisionLog {
  readonly clusterId = 0xc1n;
  readonly memberId = 0x3en;
  readonly term = 1;
  compactedRevision = -1;
  /** What the next writes throw. */
  failure: "full" | "failed" | undefined;
  /** What syncs wait for; a rejection is the sync's. */
  syncing: Promise<void> = Promise.resolve();
  /** Batches written so far. */
  writes = 0;
  #rows: LogRow[] = [];
  readonly #leases = new Map<bigint, LogLease>();

  rows = (): Iterable<LogRow> => this.#rows;
  leases = (): Iterable<LogLease> => this.#leases.values();

  write({ rows, granted, revoked }: LogBatch): void {
    if (this.failure) throw new LogError(this.failure, `the log is ${this.failure}`, { file: "memory" });
    this.writes++;
    this.#rows.push(...rows);
    for (const lease of granted) this.#leases.set(lease.id, lease);
    for (const id of revoked) this.#leases.delete(id);
  }

  sync(): void {}

  syncOffLoop = (): Promise<void> => this.syncing;

  scan(fromSequence: number, limit: number): readonly LogRow[] {
    return this.#rows.filter(({ sequence }) => sequence >= fromSequence).slice(0, limit);
  }

  row = (sequence: number): LogRow | undefined => this.#rows.find((row) => row.sequence === sequence);

  positionOf(revision: number): number {
    return this.#rows.find((row) => row.revision >= revision)?.sequence ?? (this.#rows.at(-1)?.sequence ?? 0) + 1;
  }

  compact(revision: number): void {
    this.compactedRevision = revision;
  }

  remove(sequences: readonly number[]): void {
    const gone = new Set(sequences);
    this.#rows = this.#rows.filter(({ sequence }) => !gone.has(sequence));
  }

  size = (): LogSize => ({ octets: this.#rows.length, octetsInUse: this.#rows.length });
  shrink = (): boolean => false;
  close(): void {}
}
