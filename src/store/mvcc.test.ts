import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MemoryLog } from "../testing/memory-log.ts";
import { runs } from "../testing/runs.ts";
import { type Change, logRowOf } from "./item.ts";
import { Mvcc } from "./mvcc.ts";

const everything = { begin: "\0", end: undefined };
const key = fc.constantFrom("a", "aa", "b", "c");
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("put"), key, lease: fc.bigInt(0n, 2n) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("delete"), key, lease: fc.constant(0n) }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constantFrom("compact", "undo", "reload"), key, lease: fc.constant(0n) }),
  },
);

/** What a range shows of an item, in memory or in the log. */
const shown = (mvcc: Mvcc, found: ReturnType<Mvcc["selectAt"]>) =>
  found.map((one) => {
    const { sequence, ...rest } = typeof one === "number" ? mvcc.itemAt(one) : mvcc.withValue(one);
    return rest;
  });

test("every revision since the compaction reads as it was, through undoing, compacting and reloading", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 3, 1_000), (steps, cacheOctets) => {
      const log = new MemoryLog();
      let mvcc = new Mvcc(log, { cacheOctets });
      const history = new Map([[1, [] as ReturnType<typeof shown>]]);
      for (const { op, key, lease } of steps) {
        const revision = mvcc.revision + 1;
        const change = (): Change | undefined => {
          if (op === "delete") return mvcc.get(key) && mvcc.delete(revision, key);
          return mvcc.put(revision, key, `${key}@${revision}`, lease);
        };
        if (op === "compact") {
          if (mvcc.revision - 1 > mvcc.compactedRevision) mvcc.compact(mvcc.revision - 1);
          log.remove(mvcc.takeRemovable(3));
        } else if (op === "reload") {
          mvcc = new Mvcc(log, { cacheOctets });
        } else {
          const done = change();
          if (!done) continue;
          mvcc.advanceTo(revision);
          if (op === "undo") mvcc.undo(done);
          else {
            if (done.after)
              assert.equal(mvcc.withValue(mvcc.get(key)!).value, done.after.value, "before it is in the log");
            log.write({ rows: [logRowOf(done)], granted: [], revoked: [] });
            mvcc.settle([done]);
            history.set(revision, shown(mvcc, mvcc.select(everything)));
          }
        }
      }
      for (const [revision, expected] of history) {
        if (revision < mvcc.compactedRevision) {
          assert.throws(() => mvcc.selectAt(everything, revision), /has been compacted/);
        } else {
          assert.deepEqual(shown(mvcc, mvcc.selectAt(everything, revision)), expected);
        }
      }
      const now = mvcc.select(everything);
      assert.equal(mvcc.count(everything), now.length);
      for (const id of [1n, 2n]) {
        const held = now.filter(({ lease }) => lease === id).map((item) => item.key);
        assert.deepEqual([...mvcc.keysOf(id)].sort(), held);
      }
      assert.throws(() => mvcc.checkRevision(mvcc.revision + 1), /future revision/);
    }),
    { numRuns: runs(300) },
  );
});

test("compaction leaves nothing of what was deleted or replaced before it", () => {
  const log = new MemoryLog();
  const mvcc = new Mvcc(log, { cacheOctets: 1_000 });
  const write = (change: Change): void => {
    mvcc.advanceTo(change.revision);
    log.write({ rows: [logRowOf(change)], granted: [], revoked: [] });
    mvcc.settle([change]);
  };
  for (let round = 0; round < 100; round++) write(mvcc.put(mvcc.revision + 1, "a", String(round), 0n));
  write(mvcc.put(mvcc.revision + 1, "gone", "x", 0n));
  write(mvcc.delete(mvcc.revision + 1, "gone"));
  write(mvcc.put(mvcc.revision + 1, "b", "y", 0n));
  mvcc.compact(mvcc.revision);
  for (let rows = mvcc.takeRemovable(7); rows.length > 0; rows = mvcc.takeRemovable(7)) log.remove(rows);
  assert.deepEqual(
    [...log.rows()].map((row) => row.key),
    ["a", "b"],
  );
  assert.throws(() => mvcc.compact(mvcc.revision), /has been compacted/);
  assert.throws(() => mvcc.compact(mvcc.revision + 1), /future revision/);
});
