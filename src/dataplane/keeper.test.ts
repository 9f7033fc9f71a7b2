import assert from "node:assert/strict";
import { test } from "node:test";
import type { StateFile } from "../port/state-file.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { MemoryStateFile } from "../testing/memory-state-file.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { Keeper, type Kept } from "./keeper.ts";
import { decodeLastApplied } from "./last-applied.ts";

const kept = (cursor: string): Kept => ({ dataplane: { desired: () => [] }, cursor, pools: [] });

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
  let now = "c:1";
  const content = () => kept(now);
  keeper.keepSoon(content);
  await clock.advance(5_000);
  for (const next of ["c:2", "c:3"]) {
    now = next;
    keeper.keepSoon(content);
    await clock.advance(5_000);
  }
  assert.equal(stateFile.waiting.length, 1, "the first is still under way");
  now = "c:4";
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
