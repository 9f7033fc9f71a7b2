/**
 * The durable side of a store with revisions: an append-only log of what each key became, in the order of the
 * revisions, with the leases beside it. What is written survives the process from then on, and the loss of power once
 * it is synced; what is written earlier never survives less. One process owns a log.
 */
import { CodedError } from "../base/errors.ts";

/** What a key became at a revision. */
export interface LogRow {
  /** Position in the log: grows from row to row, is never used twice; several rows may have one revision. */
  readonly sequence: number;
  readonly revision: number;
  /** As octet text: one character (U+0000 to U+00FF) for each octet. */
  readonly key: string;
  /** 0 in the row of a deletion. */
  readonly createRevision: number;
  /** 0 in the row of a deletion. */
  readonly version: number;
  /** 0n: none. */
  readonly lease: bigint;
  /** As octet text; undefined: the key was deleted. */
  readonly value: string | undefined;
}

export interface LogLease {
  readonly id: bigint;
  readonly ttlSeconds: number;
}

/** What is written in one piece. */
export interface LogBatch {
  readonly rows: readonly LogRow[];
  readonly granted: readonly LogLease[];
  readonly revoked: readonly bigint[];
}

export interface LogSize {
  readonly octets: number;
  /** Without what deletions left free. */
  readonly octetsInUse: number;
}

export interface RevisionLog {
  /** Drawn when the log was made. */
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** How often the log has been opened, this time included. */
  readonly term: number;
  /** The revision that history is forgotten before; -1 when none is. */
  readonly compactedRevision: number;
  /** Every row, in order. Throws LogError `corrupt`. */
  rows(): Iterable<LogRow>;
  leases(): Iterable<LogLease>;
  /** All or nothing, and not yet durable. Throws LogError `full`, `failed`; the log can be written again after it. */
  write(batch: LogBatch): void;
  /** Makes durable what was written. Throws LogError `failed`, and then for ever: nobody knows what is on the disk. */
  sync(): void;
  /** The same on another thread, one at a time. */
  syncOffLoop(): Promise<void>;
  /** Up to `limit` rows from a position on. Throws LogError. */
  scan(fromSequence: number, limit: number): readonly LogRow[];
  /** The row at a position; undefined when it was removed. */
  row(sequence: number): LogRow | undefined;
  /** The position of the first row of this revision or a later one, past the end when there is none. */
  positionOf(revision: number): number;
  /** Records that history before the revision is forgotten; durable. */
  compact(revision: number): void;
  /** Removes rows that no reader may ask for any more. They may be back after a loss of power. */
  remove(sequences: readonly number[]): void;
  size(): LogSize;
  /** Gives some free space back to the file system; true when there is more to give. */
  shrink(): boolean;
  /** Idempotent. */
  close(): void;
}

/**
 * `locked`: another process owns it; `foreign`: the file is something else; `newer`: a later version wrote it;
 * `corrupt`: its checksums or structure are wrong; `full`: no room on the disk; `failed`: any other failure of the disk.
 */
export class LogError extends CodedError<
  "locked" | "foreign" | "newer" | "corrupt" | "full" | "failed",
  { file: string }
> {}
