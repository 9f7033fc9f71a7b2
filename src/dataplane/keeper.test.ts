import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";
import type { StateFile } from "../port/state-file.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStateFile } from "../testing/memory-state-file.ts";
import { SilentLog } from "../testing/silent-log.ts";
import type { Dataplane } from "./dataplane.ts";
import { Keeper, type Kept } from "./keeper.ts";
import { decodeLastApplied } from "./last-applied.ts";

const kept = (cursor: string, changes = 0, pools: readonly string[] = []): Kept => ({
  dataplane: { desired: () => [], changes },
  cursor,
  pools: pools.map(parsePrefix),
});

/** A file whose writes wait until they are let through. */
class SlowStateFile extends MemoryStateFile implements StateFile {
  readonly waiting: (() => void)[] = [];
  underWay = 0;
  mostAtOnce = 0;

  override async replace(chunks: Iterable<string>): Promise<void> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.underWay);
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    await super.replace(chunks);
    this.underWay--;
  }
}

function keeperOn(stateFile: MemoryStateFile) {
  const clock = new FakeClock();
  const log = new SilentLog();
  const keeper = new Keeper({ node: "worker-1", stateFile, clock, log });
  const cursor = () => decodeLastApplied(stateFile.text ?? "", "").cursor;
  return { keeper, clock, log, cursor };
}

test("one write at a time: what is due meanwhile is written afterwards, with what is true then", async () => {
  const stateFile = new SlowStateFile();
  const { keeper, clock, cursor } = keeperOn(stateFile);
  let now = 1;
  const content = () => kept(`c:${now}`, now);
  keeper.keepSoon(content);
  await clock.advance(5_000);
  for (const next of [2, 3]) {
    now = next;
    keeper.keepSoon(content);
    await clock.advance(5_000);
  }
  assert.equal(stateFile.waiting.length, 1, "the first is still under way");
  now = 4;
  stateFile.waiting.shift()?.();
  await clock.advance(5_000);
  assert.equal(cursor(), "c:1");
  stateFile.waiting.shift()?.();
  await clock.advance(5_000);
  assert.equal(cursor(), "c:4");
  assert.deepEqual([stateFile.waiting.length, stateFile.mostAtOnce], [0, 1]);
});

test("the last write waits for the one under way, and nothing is written after it", async () => {
  const stateFile = new SlowStateFile();
  const { keeper, clock, cursor } = keeperOn(stateFile);
  keeper.keepSoon(() => kept("c:1"));
  await clock.advance(5_000);
  keeper.keepSoon(() => kept("c:2"));
  const closed = keeper.close(kept("c:3"));
  for (const _ of ["c:1", "c:3"]) {
    await clock.advance(0);
    stateFile.waiting.shift()?.();
  }
  await closed;
  await clock.advance(60_000);
  assert.equal(cursor(), "c:3");
  assert.deepEqual([stateFile.waiting.length, stateFile.mostAtOnce], [0, 1]);
});

test("what is written already is not written again, until an item, a pool or the store is another", async () => {
  const stateFile = new MemoryStateFile();
  const { keeper, clock, cursor } = keeperOn(stateFile);
  const writesFor = async (content: Kept): Promise<number> => {
    const before = stateFile.replaced;
    keeper.keepSoon(() => content);
    await clock.advance(60_000);
    return stateFile.replaced - before;
  };
  assert.equal(await writesFor(kept("c:1", 7)), 1);
  assert.equal(await writesFor(kept("c:2", 7)), 0, "the store moved, nothing of this node did");
  assert.equal(await writesFor(kept("c:3", 8)), 1);
  assert.equal(await writesFor(kept("c:4", 8, ["10.0.0.0/16"])), 1);
  keeper.renew();
  assert.equal(await writesFor(kept("d:1", 8, ["10.0.0.0/16"])), 1, "it may be another store");
  assert.equal(cursor(), "d:1");
  await keeper.close(kept("d:1", 8, ["10.0.0.0/16"]));
  assert.equal(stateFile.replaced, 4);
});

test("at its end the newest cursor is written", async () => {
  const stateFile = new MemoryStateFile();
  const { keeper, clock, cursor } = keeperOn(stateFile);
  keeper.keepSoon(() => kept("c:1", 7));
  await clock.advance(5_000);
  await keeper.close(kept("c:9", 7));
  assert.equal(cursor(), "c:9");
});

test("a large file is written more seldom, and its last state in the end", async () => {
  const stateFile = new MemoryStateFile();
  const { keeper, clock, cursor } = keeperOn(stateFile);
  const item = { key: "net/a", value: { path: "net/a", value: "1".repeat(1_000) }, source: "host" };
  const large = (changes: number): Kept => ({
    dataplane: {
      desired: ((kind) => (kind === "sysctls" ? Array(10_000).fill(item) : [])) as Dataplane["desired"],
      changes,
    },
    cursor: `c:${changes}`,
    pools: [],
  });
  for (let changes = 0; changes < 60; changes++) {
    keeper.keepSoon(() => large(changes));
    await clock.advance(1_000);
  }
  assert.ok(stateFile.replaced <= 7, `${stateFile.replaced} times ten megabytes in a minute`);
  await clock.advance(60_000);
  assert.equal(cursor(), "c:59");
});

test("a write that failed is told once and tried again", async () => {
  const stateFile = new MemoryStateFile();
  const { keeper, clock, cursor, log } = keeperOn(stateFile);
  stateFile.failure = new Error("no space left on device");
  keeper.keepSoon(() => kept("c:1", 1));
  await clock.advance(60_000);
  assert.equal(log.lines.filter(({ level }) => level === "error").length, 1);
  stateFile.failure = undefined;
  await clock.advance(20_000);
  assert.equal(cursor(), "c:1");
});

test("a store that is listed anew while the file is written makes the next write due", async () => {
  const stateFile = new SlowStateFile();
  const { keeper, clock, cursor } = keeperOn(stateFile);
  let now = "c:1";
  keeper.keepSoon(() => kept(now, 1));
  await clock.advance(5_000);
  now = "d:1";
  keeper.renew();
  keeper.keepSoon(() => kept(now, 1));
  for (const _ of ["c:1", "d:1"]) {
    stateFile.waiting.shift()?.();
    await clock.advance(5_000);
  }
  assert.equal(cursor(), "d:1");
});

test("the pools of the last run are known, and parsed once however often they are asked for", async () => {
  const stateFile = new MemoryStateFile();
  const first = keeperOn(stateFile);
  await first.keeper.close(kept("c:1", 1, ["10.0.0.0/16", "fd00::/48"]));
  const { keeper } = keeperOn(stateFile);
  assert.deepEqual(keeper.pools.map(formatPrefix), ["10.0.0.0/16", "fd00::/48"]);
  assert.equal(keeper.pools, keeper.pools);
  assert.equal(keeper.cursor, "c:1");
});
