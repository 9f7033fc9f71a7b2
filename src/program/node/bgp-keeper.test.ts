import assert from "node:assert/strict";
import { test } from "node:test";
import type { BgpPieces } from "../../compile/bgp/pieces.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { MemoryStateFile } from "../../testing/memory-state-file.ts";
import { SilentLog } from "../../testing/silent-log.ts";
import { BgpKeeper } from "./bgp-keeper.ts";

function keeperOn(stateFile: MemoryStateFile, node = "worker-1") {
  const clock = new FakeClock();
  const log = new SilentLog();
  return { clock, log, keeper: new BgpKeeper({ node, stateFile, clock, log }) };
}

const some = (...names: readonly string[]) =>
  new Map(names.map((name): [string, BgpPieces] => [name, { sessions: [] }]));
const keysIn = (keeper: BgpKeeper) => [...(keeper.read()?.keys() ?? [])];

test("a burst of changes is written once, as it is then", async () => {
  const stateFile = new MemoryStateFile();
  const { keeper, clock } = keeperOn(stateFile);
  assert.equal(keeper.read(), undefined);
  const pieces = some("a");
  for (let change = 0; change < 5; change++) keeper.keepSoon(pieces);
  pieces.set("b", {});
  await clock.advance(5_000);
  assert.equal(stateFile.replaced, 1);
  assert.deepEqual(keysIn(keeper), ["a", "b"]);
  await keeper.close();
  assert.equal(stateFile.replaced, 1, "nothing was due");
});

test("what is due when the agent ends is written, and nothing runs afterwards", async () => {
  const stateFile = new MemoryStateFile();
  const { keeper, clock } = keeperOn(stateFile);
  keeper.keepSoon(some("a"));
  await keeper.close();
  assert.deepEqual(keysIn(keeper), ["a"]);
  assert.equal(clock.pending, 0);
});

test("a write that fails is said once and tried again", async () => {
  const stateFile = new MemoryStateFile();
  const { keeper, clock, log } = keeperOn(stateFile);
  stateFile.failure = new Error("no space left on device");
  keeper.keepSoon(some("a"));
  await clock.advance(60_000);
  assert.equal(log.lines.filter(({ level }) => level === "error").length, 1);
  stateFile.failure = undefined;
  await clock.advance(20_000);
  assert.deepEqual(keysIn(keeper), ["a"]);
  await keeper.close();
});

test("another node's file and a torn one are ignored with a word", async () => {
  const stateFile = new MemoryStateFile();
  const first = keeperOn(stateFile);
  first.keeper.keepSoon(some("a"));
  await first.keeper.close();
  const other = keeperOn(stateFile, "worker-2");
  assert.equal(other.keeper.read(), undefined);
  assert.match(other.log.lines.at(-1)?.message ?? "", /another node's/);
  stateFile.text = stateFile.text?.slice(0, -5);
  const torn = keeperOn(stateFile);
  assert.equal(torn.keeper.read(), undefined);
  assert.equal(torn.log.lines.at(-1)?.level, "warn");
});
