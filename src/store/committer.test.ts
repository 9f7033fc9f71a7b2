import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { LogError } from "../port/revision-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryLog } from "../testing/memory-log.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { Committer } from "./committer.ts";
import type { Change } from "./item.ts";
import { Mvcc } from "./mvcc.ts";

function setUp() {
  const log = new MemoryLog();
  const mvcc = new Mvcc(log, { cacheOctets: 1_000 });
  const told: Change[] = [];
  const logger = new SilentLog();
  const committed = (changes: readonly Change[]) => void told.push(...changes);
  const failures: LogError[] = [];
  const failed = (failure: LogError) => void failures.push(failure);
  // Time that stands: a turn is never too long, however busy the machine.
  const clock = new FakeClock();
  return {
    log,
    mvcc,
    told,
    failures,
    logger,
    committer: new Committer({ mvcc, log, logger, clock, committed, failed }),
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

test("of several, one whose write happened to be alone waits a turn for the others; one that is always alone does not", async () => {
  const { log, committer } = setUp();
  const put = (key: string) => committer.submit((draft) => draft.put(key, "v", 0n));
  const twoInOneTurn = async () => {
    const before = log.writes;
    const first = put("first");
    for (let tick = 0; tick < 20; tick++) await Promise.resolve();
    await Promise.all([first, put("second")]);
    return log.writes - before;
  };
  assert.equal(await twoInOneTurn(), 2);
  await Promise.all([put("a"), put("b")]);
  await put("alone");
  assert.equal(await twoInOneTurn(), 1);
  for (let write = 0; write < 64; write++) await put("alone");
  assert.equal(await twoInOneTurn(), 2);
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

test("nobody is shown or told what is not durable yet, and what comes meanwhile is one write", async () => {
  const { log, mvcc, committer, told } = setUp();
  const disk = Promise.withResolvers<void>();
  log.syncing = disk.promise;
  const first = [1, 2].map((at) => committer.submit((draft) => draft.put("a", String(at), 0n).revision));
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.equal(log.writes, 1);
  assert.deepEqual([mvcc.revision, told.length], [1, 0]);
  let seen: string | undefined;
  const looking = committer.whenSettled(() => {
    seen = mvcc.get("a")?.value;
    return "looked";
  });
  const second = [3, 4, 5].map((at) => committer.submit((draft) => draft.put("a", String(at), 0n).revision));
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.equal(seen, undefined);
  log.syncing = Promise.resolve();
  disk.resolve();
  assert.equal(await looking, "looked");
  assert.equal(seen, "2", "before what came after it is carried out");
  assert.deepEqual(await Promise.all([...first, ...second]), [2, 3, 4, 5, 6]);
  assert.deepEqual([log.writes, mvcc.revision, told.length], [2, 6, 5]);
});

test("after a sync that failed the store ends, and nobody is told that anything was done", async () => {
  const { log, committer, told, failures } = setUp();
  const disk = Promise.withResolvers<void>();
  log.syncing = disk.promise;
  const asked = [1, 2].map((at) => committer.submit((draft) => draft.put("a", String(at), 0n)));
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  const late = [committer.submit((draft) => draft.delete("a")), committer.whenSettled(() => "looked")];
  disk.reject(new LogError("failed", "the disk is gone", { file: "memory" }));
  for (const result of await Promise.allSettled([...asked, ...late])) {
    assert.equal(result.status === "rejected" && result.reason.code, "unavailable");
  }
  assert.deepEqual([told.length, failures.map(({ message }) => message)], [0, ["the disk is gone"]]);
});
