import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../adapter/clock.ts";
import { MemoryLog } from "../testing/memory-log.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { Committer } from "./committer.ts";
import { type Change, Mvcc } from "./mvcc.ts";

function setUp() {
  const log = new MemoryLog();
  const mvcc = new Mvcc(log, { cacheOctets: 1_000 });
  const told: Change[] = [];
  const logger = new SilentLog();
  const committed = (changes: readonly Change[]) => void told.push(...changes);
  return {
    log,
    mvcc,
    told,
    logger,
    committer: new Committer({ mvcc, log, logger, clock: new SystemClock(), committed }),
  };
}

test("what is asked for in one turn is durable in one write, and each has a revision of its own", async () => {
  const { log, mvcc, committer, told } = setUp();
  const revisions = await Promise.all(
    Array.from({ length: 50 }, (_, at) => committer.submit((draft) => draft.put(`k${at}`, "v", 0n).revision)),
  );
  assert.deepEqual(
    revisions,
    Array.from({ length: 50 }, (_, at) => at + 2),
  );
  assert.equal(log.writes, 1);
  assert.equal(mvcc.revision, 51);
  assert.equal(told.length, 50);
});

test("work that throws changes nothing and disturbs nobody", async () => {
  const { mvcc, committer } = setUp();
  const results = await Promise.allSettled([
    committer.submit((draft) => draft.put("a", "1", 0n).revision),
    committer.submit((draft) => {
      draft.put("a", "2", 0n);
      draft.put("b", "2", 7n);
      draft.delete("a");
      throw new Error("no");
    }),
    committer.submit((draft) => draft.put("c", "3", 0n).revision),
  ]);
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? result.value : "thrown")),
    [2, "thrown", 3],
  );
  assert.deepEqual(
    mvcc.select({ begin: "", end: undefined }).map((item) => [item.key, item.value]),
    [
      ["a", "1"],
      ["c", "3"],
    ],
  );
  assert.equal(mvcc.keysOf(7n).size, 0);
});

test("a write that fails takes everything back and tells nobody; the next one works", async () => {
  const { log, mvcc, committer, told, logger } = setUp();
  await committer.submit((draft) => draft.put("a", "1", 0n));
  log.failure = "full";
  let isRevoked = true;
  const failed = await Promise.allSettled([
    committer.submit((draft) => draft.delete("a")),
    committer.submit((draft) => draft.put("a", "2", 0n)),
    committer.submit((draft) =>
      draft.revoke(7n, () => {
        isRevoked = false;
      }),
    ),
  ]);
  for (const result of failed) {
    assert.equal(result.status === "rejected" && result.reason.message, "etcdserver: mvcc: database space exceeded");
  }
  assert.equal(isRevoked, false);
  assert.equal(logger.lines[0]?.level, "error");
  log.failure = "failed";
  await assert.rejects(
    committer.submit((draft) => draft.delete("a")),
    { code: "unavailable" },
  );
  assert.equal(mvcc.get("a")?.value, "1");
  assert.equal(mvcc.revision, 2);
  assert.equal(told.length, 1);
  log.failure = undefined;
  assert.equal(await committer.submit((draft) => draft.put("b", "1", 0n).revision), 3);
  await committer.stop();
  await assert.rejects(
    committer.submit(() => 0),
    { code: "unavailable" },
  );
});
