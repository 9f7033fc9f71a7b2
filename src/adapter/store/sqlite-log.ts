/**
 * The revision log in one SQLite file, in write-ahead mode, owned by one process (`locking_mode=EXCLUSIVE`: the kernel's
 * lock ends with the process). Every row carries a CRC of its content, checked when it is read; the file says by its
 * application id that it is ours.
 *
 * Syncing is done here, with fdatasync(2) on the write-ahead log: the SQLite in Node.js knows only fsync(2), which
 * waits for the file system's journal too, and takes several times as long on a busy disk. SQLite itself syncs around
 * checkpoints (`synchronous=NORMAL`), which keeps the file whole.
 *
 * A file is judged before anything is written to it: foreign, newer, structurally broken or locked files are refused
 * and stay octet for octet as they are (`sqlite-file.ts`). What a killed process left half-written in the write-ahead
 * log is dropped by SQLite: it was never acknowledged.
 */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { promisify } from "node:util";
import {
  type LogBatch,
  LogError,
  type LogLease,
  type LogRow,
  type LogSize,
  type RevisionLog,
} from "../../port/revision-log.ts";
import { logError, logFileAt, openLogFile, writeAheadLogOf } from "./sqlite-file.ts";
import { allRows, prepareScan, rowOf, valuesOf } from "./sqlite-row.ts";

const fdatasync = promisify(fs.fdatasync);

/** Pages given back at a time: about a megabyte. */
const SHRINK_PAGES = 256;

export class SqliteLog implements RevisionLog {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly term: number;
  readonly #file: string;
  readonly #database: DatabaseSync;
  /** A descriptor of the write-ahead log of our own. (SQLite's locks are on the other file: closing this one does not end them.) */
  readonly #writeAhead: number;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #grant: StatementSync;
  readonly #revoke: StatementSync;
  readonly #scan: StatementSync;
  readonly #bounds: StatementSync;
  readonly #revisionFrom: StatementSync;
  #compactedRevision: number;
  #broken: LogError | undefined;
  /** Transactions that were written. */
  #written = 0;
  /** Of them, those that are durable: all, or all but the last (`write-ahead-log.ts`). */
  #synced = 0;

  /** Opens the log, or makes it where there is no file or an empty one. Throws LogError. */
  constructor(file: string) {
    this.#file = logFileAt(file);
    this.#database = openLogFile(this.#file);
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#insert = prepare("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    this.#delete = prepare("DELETE FROM log WHERE sequence = ?");
    this.#grant = prepare("INSERT OR REPLACE INTO lease VALUES (?, ?)");
    this.#revoke = prepare("DELETE FROM lease WHERE id = ?");
    this.#scan = prepareScan(this.#database);
    // Each by itself is one look at the index; asked for together they are a scan.
    this.#bounds = prepare("SELECT (SELECT min(sequence) FROM log) AS low, (SELECT max(sequence) FROM log) AS high");
    this.#revisionFrom = prepare("SELECT sequence, revision FROM log WHERE sequence >= ? ORDER BY sequence LIMIT 1");
    this.clusterId = this.#identity("cluster");
    this.memberId = this.#identity("member");
    this.term = Number(this.#setting("term") ?? 0) + 1;
    this.#set("term", String(this.term));
    this.#compactedRevision = Number(this.#setting("compacted") ?? -1);
    this.#writeAhead = fs.openSync(writeAheadLogOf(this.#file), "r+");
    // Into the file itself: who copies it without its write-ahead log still has a store with the same ids.
    this.#database.exec("PRAGMA wal_checkpoint; PRAGMA synchronous = NORMAL");
  }

  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  rows(): Iterable<LogRow> {
    return allRows(this.#scan, this.#file);
  }

  leases(): LogLease[] {
    const rows = this.#database.prepare("SELECT CAST(id AS TEXT) AS id, ttl FROM lease").all();
    return rows.map(({ id, ttl }) => ({ id: BigInt(String(id)), ttlSeconds: Number(ttl) }));
  }

  write({ rows, granted, revoked }: LogBatch): void {
    this.#atomically(rows.length + granted.length + revoked.length, () => {
      for (const row of rows) this.#insert.run(...valuesOf(row));
      for (const { id, ttlSeconds } of granted) this.#grant.run(id, ttlSeconds);
      for (const id of revoked) this.#revoke.run(id);
    });
  }

  sync(): void {
    try {
      fs.fdatasyncSync(this.#writeAhead);
    } catch (failure) {
      throw this.#break(failure);
    }
    this.#synced = this.#written;
  }

  async syncOffLoop(): Promise<void> {
    const written = this.#written;
    try {
      await fdatasync(this.#writeAhead);
    } catch (failure) {
      throw this.#break(failure);
    }
    this.#synced = Math.max(this.#synced, written);
  }

  /** After a sync that failed nobody knows what is on the disk, and no later one tells: nothing is written any more. */
  #break(failure: unknown): LogError {
    const text = `${this.#file}: it cannot be synced; mend the disk and start again`;
    this.#broken = new LogError("failed", text, { file: this.#file }, { cause: failure });
    return this.#broken;
  }

  scan(fromSequence: number, limit: number): LogRow[] {
    try {
      return this.#scan.all(fromSequence, limit).map((columns) => rowOf(columns, this.#file));
    } catch (failure) {
      throw logError(this.#file, failure);
    }
  }

  row(sequence: number): LogRow | undefined {
    const [row] = this.scan(sequence, 1);
    return row?.sequence === sequence ? row : undefined;
  }

  /** Revisions grow with positions, so the first row of one is found by halving. */
  positionOf(revision: number): number {
    const bounds = this.#bounds.get();
    let low = Number(bounds?.["low"] ?? 1);
    let high = Number(bounds?.["high"] ?? 0) + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = this.#revisionFrom.get(middle);
      if (found && Number(found["revision"]) < revision) low = Number(found["sequence"]) + 1;
      else high = middle;
    }
    return low;
  }

  compact(revision: number): void {
    this.#begin();
    this.#set("compacted", String(revision));
    this.sync();
    this.#compactedRevision = revision;
  }

  remove(sequences: readonly number[]): void {
    this.#atomically(sequences.length, () => {
      for (const sequence of sequences) this.#delete.run(sequence);
    });
  }

  size(): LogSize {
    const [pages, free, octets] = ["page_count", "freelist_count", "page_size"].map((name) => this.#pragma(name));
    return { octets: (pages ?? 0) * (octets ?? 0), octetsInUse: ((pages ?? 0) - (free ?? 0)) * (octets ?? 0) };
  }

  shrink(): boolean {
    this.#begin();
    this.#database.exec(`PRAGMA incremental_vacuum(${SHRINK_PAGES})`);
    return this.#pragma("freelist_count") > 0;
  }

  close(): void {
    if (!this.#database.isOpen) return;
    fs.closeSync(this.#writeAhead);
    this.#database.close();
  }

  /** One statement is a transaction by itself. Throws LogError. */
  #atomically(statements: number, body: () => void): void {
    if (statements === 0) return;
    this.#begin();
    try {
      if (statements > 1) this.#database.exec("BEGIN");
      body();
      if (statements > 1) this.#database.exec("COMMIT");
    } catch (failure) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw logError(this.#file, failure);
    }
  }

  /** A transaction: whatever comes before it is durable. Throws LogError. */
  #begin(): void {
    if (this.#broken) throw this.#broken;
    if (this.#synced < this.#written) this.sync();
    this.#written++;
  }

  #setting(name: string): string | undefined {
    const row = this.#database.prepare("SELECT value FROM setting WHERE name = ?").get(name);
    return row === undefined ? undefined : String(row["value"]);
  }

  #set(name: string, value: string): void {
    try {
      this.#database.prepare("INSERT OR REPLACE INTO setting VALUES (?, ?)").run(name, value);
    } catch (failure) {
      throw logError(this.#file, failure);
    }
  }

  /** An id that is drawn once and kept; never 0, which stands for none. */
  #identity(name: string): bigint {
    const kept = this.#setting(name);
    if (kept !== undefined) return BigInt(kept);
    const drawn = randomBytes(8).readBigUInt64BE() || 1n;
    this.#set(name, String(drawn));
    return drawn;
  }

  #pragma(name: string): number {
    return Number(this.#database.prepare(`PRAGMA ${name}`).get()?.[name]);
  }
}
