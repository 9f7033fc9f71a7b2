/** Rows of the log as SQLite holds them: octets as blobs, no lease as NULL, and a CRC over everything else. */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { LogError, type LogRow } from "../../port/revision-log.ts";

type Columns = readonly [
  sequence: number,
  revision: number,
  key: Uint8Array,
  created: number,
  version: number,
  /** As text: a lease id needs all 64 bits. */
  lease: string | null,
  value: Uint8Array | null,
  crc: number,
];

/** Faster than one by one, without holding the whole log twice. */
const ROWS_AT_ONCE = 1_000;

/** Takes a position and a limit; gives what `rowOf` reads. */
export function prepareScan(database: DatabaseSync): StatementSync {
  const scan = database.prepare(
    `SELECT sequence, revision, key, created, version, CAST(lease AS TEXT), value, crc
     FROM log WHERE sequence >= ? ORDER BY sequence LIMIT ?`,
  );
  scan.setReturnArrays(true);
  return scan;
}

/** Every row, in order. Throws LogError `corrupt` at the first that is not what was written. */
export function* allRows(scan: StatementSync, file: string): Generator<LogRow> {
  for (let from = 0; ; ) {
    const rows = scan.all(from, ROWS_AT_ONCE);
    if (rows.length === 0) return;
    for (const columns of rows) {
      const row = rowOf(columns, file);
      from = row.sequence + 1;
      yield row;
    }
  }
}

/** Throws LogError `corrupt` for a row that is not what was written. */
export function rowOf(columns: unknown, file: string): LogRow {
  const [sequence, revision, key, created, version, lease, value, crc] = columns as Columns;
  if (checksum([sequence, revision, created, version, lease ?? "0"], key, value) !== crc) {
    const text = `${file}: row ${sequence} is not what was written (its checksum differs); nothing was changed: put a copy from before in its place, or start with a new file`;
    throw new LogError("corrupt", text, { file });
  }
  return {
    sequence,
    revision,
    key: latin1(key),
    createRevision: created,
    version,
    lease: lease === null ? 0n : BigInt(lease),
    value: value === null ? undefined : latin1(value),
  };
}

/** In the order of the table's columns. */
export function valuesOf(row: LogRow): SQLInputValue[] {
  const { sequence, revision, createRevision, version, lease } = row;
  const key = Buffer.from(row.key, "latin1");
  const value = row.value === undefined ? null : Buffer.from(row.value, "latin1");
  const crc = checksum([sequence, revision, createRevision, version, lease], key, value);
  return [sequence, revision, key, createRevision, version, lease === 0n ? null : lease, value, crc];
}

const latin1 = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");

function checksum(numbers: readonly unknown[], key: Uint8Array, value: Uint8Array | null): number {
  const head = crc32(key, crc32(numbers.join()));
  return value === null ? head : crc32(value, head);
}
