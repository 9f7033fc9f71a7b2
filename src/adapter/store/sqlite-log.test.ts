import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { messageOf } from "../../base/errors.ts";
import type { LogError } from "../../port/revision-log.ts";
import { logRow, NO_LEASES } from "../../testing/log-rows.ts";
import { SqliteLog } from "./sqlite-log.ts";

function temporaryFile(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-log-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return path.join(folder, "below", "store.db");
}

function openLog(t: TestContext, file: string): SqliteLog {
  const log = new SqliteLog(file);
  t.after(() => log.close());
  return log;
}

/** Every file beside the log, by name: what must not change when it is refused. SQLite's index of the write-ahead log holds nothing. */
const fingerprint = (file: string) =>
  fs
    .readdirSync(path.dirname(file))
    .filter((name) => !name.endsWith("-shm"))
    .map((name) => {
      const content = fs.readFileSync(path.join(path.dirname(file), name));
      return [name, createHash("sha256").update(content).digest("hex")];
    });

test("what was written is there after opening again, with its ids", (t) => {
  const file = temporaryFile(t);
  const log = openLog(t, file);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const rows = [
    logRow(1),
    logRow(2, { lease: -(1n << 63n), version: 7, createRevision: 2 }),
    logRow(3, { revision: 3, value: undefined, createRevision: 0, version: 0 }),
    logRow(5, { value: "", key: "\u00ff\u0000" }),
  ];
  log.write({
    rows: rows.slice(0, 2),
    granted: [
      { id: (1n << 63n) - 1n, ttlSeconds: 9 },
      { id: 4n, ttlSeconds: 5 },
    ],
    revoked: [],
  });
  log.write({ rows: rows.slice(2), granted: [], revoked: [4n] });
  log.compact(2);
  const { clusterId, memberId, term } = log;
  log.close();
  log.close();
  const again = openLog(t, file);
  assert.deepEqual([...again.rows()], rows);
  assert.deepEqual(again.leases(), [{ id: (1n << 63n) - 1n, ttlSeconds: 9 }]);
  assert.deepEqual([again.clusterId, again.memberId, again.term], [clusterId, memberId, term + 1]);
  assert.equal(again.compactedRevision, 2);
  assert.notEqual(clusterId, openLog(t, temporaryFile(t)).clusterId);
});

test("the file itself has the ids from the start, without its write-ahead log", (t) => {
  const file = temporaryFile(t);
  const { clusterId } = openLog(t, file);
  const copy = temporaryFile(t);
  fs.mkdirSync(path.dirname(copy));
  fs.copyFileSync(file, copy);
  assert.equal(openLog(t, copy).clusterId, clusterId);
});

test("rows are found by position and by revision, also past gaps", (t) => {
  const log = openLog(t, temporaryFile(t));
  assert.equal(log.positionOf(1), 1);
  const rows = Array.from({ length: 300 }, (_, at) => logRow(at + 1, { revision: 10 + 2 * Math.floor(at / 3) }));
  log.write({ rows, ...NO_LEASES });
  const gone = rows.filter(({ sequence }) => sequence % 7 === 0 || (sequence > 100 && sequence < 160));
  log.remove(gone.map(({ sequence }) => sequence));
  const left = rows.filter((one) => !gone.includes(one));
  for (let revision = 8; revision < 215; revision++) {
    const expected = left.find((one) => one.revision >= revision)?.sequence ?? 301;
    const found = log.positionOf(revision);
    assert.equal(left.find(({ sequence }) => sequence >= found)?.sequence ?? 301, expected, `revision ${revision}`);
  }
  assert.deepEqual(log.scan(90, 40), left.filter(({ sequence }) => sequence >= 90).slice(0, 40));
  assert.equal(log.row(7), undefined);
  assert.deepEqual(log.row(8), rows[7]);
});

test("a batch that fails leaves nothing of itself, and the log goes on", (t) => {
  const log = openLog(t, temporaryFile(t));
  log.write({ rows: [logRow(1)], ...NO_LEASES });
  assert.throws(() => log.write({ rows: [logRow(2), logRow(1)], ...NO_LEASES }), { code: "failed" });
  log.write({ rows: [logRow(2), logRow(3)], ...NO_LEASES });
  assert.deepEqual(
    [...log.rows()].map(({ sequence }) => sequence),
    [1, 2, 3],
  );
});

test("removed rows give their room back", (t) => {
  const log = openLog(t, temporaryFile(t));
  const rows = Array.from({ length: 4_000 }, (_, at) => logRow(at + 1));
  log.write({ rows, ...NO_LEASES });
  const full = log.size();
  log.remove(rows.slice(10).map(({ sequence }) => sequence));
  assert.ok(log.size().octetsInUse < full.octetsInUse / 10);
  let rounds = 1;
  while (log.shrink()) rounds++;
  assert.ok(rounds > 1, "in pieces");
  assert.ok(log.size().octets < full.octets / 10);
  assert.equal([...log.rows()].length, 10);
});

test("a transaction begins when the one before it is durable", async (t) => {
  const log = openLog(t, temporaryFile(t));
  const { mock } = t.mock.method(fs, "fdatasyncSync");
  log.write({ rows: [logRow(1), logRow(2), logRow(3)], ...NO_LEASES });
  assert.equal(mock.callCount(), 0);
  log.remove([1]);
  assert.equal(mock.callCount(), 1);
  const syncing = log.syncOffLoop();
  log.remove([2]);
  assert.equal(mock.callCount(), 2, "what is being synced is not yet");
  await syncing;
  log.shrink();
  assert.equal(mock.callCount(), 3);
  await log.syncOffLoop();
  log.write({ rows: [logRow(4)], ...NO_LEASES });
  assert.equal(mock.callCount(), 3);
});

test("one process owns the file", (t) => {
  const file = temporaryFile(t);
  openLog(t, file);
  assert.throws(() => new SqliteLog(file), { code: "locked", message: /another process has it open/ });
});

test("a link to the file, of a store or of nothing yet, is followed", (t) => {
  const file = temporaryFile(t);
  fs.mkdirSync(path.dirname(file));
  const link = path.join(path.dirname(path.dirname(file)), "link.db");
  fs.symlinkSync(file, link);
  const made = openLog(t, link);
  made.write({ rows: [logRow(1)], ...NO_LEASES });
  made.sync();
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ["store.db", "store.db-wal"]);
  made.close();
  const again = openLog(t, link);
  assert.deepEqual([...again.rows()], [logRow(1)]);
  assert.throws(() => new SqliteLog(file), { code: "locked" });
});

test("foreign, newer and damaged files are refused with a reason, and stay as they are", (t) => {
  const cases: readonly [code: string, reason: RegExp, spoil: (file: string) => void][] = [
    ["foreign", /no database/, (file) => fs.writeFileSync(file, "kind: ConfigMap\n".repeat(100))],
    ["foreign", /no database/, (file) => fs.writeFileSync(file, "x")],
    ["foreign", /no database/, (file) => fs.writeFileSync(file, Buffer.alloc(5_000))],
    [
      "foreign",
      /another program/,
      (file) => {
        fs.rmSync(file);
        const other = new DatabaseSync(file);
        other.exec("PRAGMA journal_mode = WAL; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
        other.close();
      },
    ],
    ["newer", /layout 2/, (file) => patch(file, 60, Buffer.of(0, 0, 0, 2))],
    ["corrupt", /damaged/, (file) => patch(file, 4096 * 12, Buffer.alloc(300, 0xa5))],
    ["corrupt", /damaged/, (file) => fs.truncateSync(file, 4096 * 9)],
    ["corrupt", /damaged/, (file) => patch(file, 4096, Buffer.alloc(8192))],
    ["corrupt", /row 7 .*checksum/, (file) => replace(file, "value 7 ", "walue 7 ")],
  ];
  for (const [code, message, spoil] of cases) {
    const file = temporaryFile(t);
    const log = new SqliteLog(file);
    log.write({ rows: Array.from({ length: 200 }, (_, at) => logRow(at + 1)), ...NO_LEASES });
    log.close();
    spoil(file);
    const before = fingerprint(file);
    assert.throws(() => openLog(t, file), { code, message }, String(message));
    assert.deepEqual(fingerprint(file), before, String(message));
  }
});

test("a log that cannot be made names the file and the failure", (t) => {
  const file = temporaryFile(t);
  fs.mkdirSync(path.dirname(path.dirname(file)), { recursive: true });
  fs.writeFileSync(path.dirname(file), "a file where a folder belongs");
  assert.throws(
    () => new SqliteLog(file),
    (failure: LogError) => {
      assert.equal(failure.code, "failed");
      assert.match(messageOf(failure), /store\.db: the disk refused: [^:]*(ENOTDIR|EEXIST)[^:]*: [^:]*$/);
      return true;
    },
  );
});

function patch(file: string, at: number, octets: Buffer): void {
  const descriptor = fs.openSync(file, "r+");
  fs.writeSync(descriptor, octets, 0, octets.length, at);
  fs.closeSync(descriptor);
}

/** Everywhere, since pages keep remains of rows that moved. */
function replace(file: string, text: string, by: string): void {
  fs.writeFileSync(file, fs.readFileSync(file, "latin1").replaceAll(text, by), "latin1");
}
