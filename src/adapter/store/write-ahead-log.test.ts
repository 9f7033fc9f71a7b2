import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { logRow, NO_LEASES } from "../../testing/log-rows.ts";
import { runs } from "../../testing/runs.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { damageAt } from "./write-ahead-log.ts";

const HEADER_OCTETS = 32;
const FRAME_OCTETS = 24 + 4096;
const ROWS = 12;

/** What a process that is killed leaves: rows of which each was synced, and two that were taken out again. */
function left(t: TestContext): { readonly folder: string; readonly file: string; readonly wal: string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-wal-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const running = path.join(folder, "running.db");
  const log = new SqliteLog(running);
  t.after(() => log.close());
  for (let sequence = 1; sequence <= ROWS; sequence++) {
    log.write({ rows: [logRow(sequence)], ...NO_LEASES });
    log.sync();
  }
  log.remove([2]);
  log.remove([3]);
  const file = path.join(folder, "store.db");
  for (const ending of ["", "-wal"]) fs.copyFileSync(running + ending, file + ending);
  return { folder, file, wal: `${file}-wal` };
}

function flip(file: string, at: number): void {
  const octets = fs.readFileSync(file);
  octets[at] = (octets[at] ?? 0) ^ 0x10;
  fs.writeFileSync(file, octets);
}

const rowsOf = (file: string): number[] => {
  const log = new SqliteLog(file);
  try {
    return Array.from(log.rows(), ({ sequence }) => sequence);
  } finally {
    log.close();
  }
};

const commitsFrom = (wal: Buffer, at: number): number => {
  let commits = 0;
  for (; at + FRAME_OCTETS <= wal.length; at += FRAME_OCTETS) if (wal.readUInt32BE(at + 4) > 0) commits++;
  return commits;
};

test("what a killed process leaves is no damage, wherever it is cut off, and so is a log from before", (t) => {
  const { file, wal } = left(t);
  const whole = fs.readFileSync(wal);
  assert.equal(damageAt(wal), undefined);
  for (const length of [0, 7, HEADER_OCTETS, HEADER_OCTETS + 9, whole.length - 1, whole.length - FRAME_OCTETS + 30]) {
    fs.writeFileSync(wal, whole.subarray(0, length));
    assert.equal(damageAt(wal), undefined, `${length}`);
  }
  fs.writeFileSync(wal, whole);
  assert.deepEqual(rowsOf(file), [1, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.equal(damageAt(`${file}-none`), undefined);
});

test("a last transaction that is torn is dropped: nobody was answered for it", (t) => {
  const { file, wal } = left(t);
  flip(wal, fs.statSync(wal).size - 100);
  assert.equal(damageAt(wal), undefined);
  assert.deepEqual(rowsOf(file), [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test("an octet that is wrong before that is damage, wherever it is, and the store is refused as it is", (t) => {
  const { file, wal } = left(t);
  const whole = fs.readFileSync(wal);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (at) => {
      fs.writeFileSync(wal, whole);
      flip(wal, at);
      const frame = Math.floor((at - HEADER_OCTETS) / FRAME_OCTETS) * FRAME_OCTETS + HEADER_OCTETS;
      const isTorn = at >= HEADER_OCTETS && commitsFrom(fs.readFileSync(wal), frame) < 2;
      assert.equal(damageAt(wal), isTorn ? undefined : at < HEADER_OCTETS ? 0 : frame);
    }),
    { numRuns: runs(200) },
  );
  fs.writeFileSync(wal, whole);
  flip(wal, HEADER_OCTETS + 2 * FRAME_OCTETS + 1_000);
  const spoiled = fs.readFileSync(wal);
  assert.throws(() => new SqliteLog(file), {
    code: "corrupt",
    message:
      /store\.db-wal is damaged at octet 8272, and acknowledged changes stand behind it: .*put a copy from before/,
  });
  assert.deepEqual(fs.readFileSync(wal), spoiled);
});
