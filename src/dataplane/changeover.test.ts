import assert from "node:assert/strict";
import { test } from "node:test";
import { projectPool } from "../compile/project.ts";
import type { EncapsulationMode, Pool } from "../compile/view.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { poolObject } from "../testing/objects.ts";
import { Changeover } from "./changeover.ts";

const pool = (ipipMode: EncapsulationMode, vxlanMode: EncapsulationMode, natOutgoing = true): Pool =>
  projectPool(poolObject("p", "192.168.0.0/16", { ipipMode, vxlanMode, natOutgoing }));

/** How packets of the pool go, and what else is taken in. */
const words = (counts: Pool | undefined): string =>
  counts ? [counts.ipipMode, counts.vxlanMode, ...(counts.alsoTakesIn ?? [])].join(" ") : "gone";

function changeover() {
  const clock = new FakeClock();
  const moved: string[] = [];
  const stages = new Changeover(clock, (_name, counts) => moved.push(words(counts)));
  const sees = (wanted: Pool | undefined): string => words(stages.stage("p", wanted));
  return { clock, moved, sees, stages };
}

test("receivers of the new mode open at once, senders follow, receivers of the old mode close last", async () => {
  const { clock, moved, sees, stages } = changeover();
  assert.equal(sees(pool("Always", "Never")), "Always Never", "what an agent finds at its start counts at once");
  assert.equal(sees(pool("Never", "Always")), "Always Never vxlan");
  await clock.advance(1_900);
  assert.deepEqual(moved, []);
  await clock.advance(200);
  assert.deepEqual(moved, ["Never Always ipip"]);
  assert.ok(stages.receives("ipip"));
  await clock.advance(19_800);
  assert.equal(moved.length, 1);
  await clock.advance(200);
  assert.deepEqual(moved, ["Never Always ipip", "Never Always"]);
  assert.deepEqual([stages.receives("ipip"), stages.receives("vxlan"), clock.pending], [false, true, 0]);
});

test("what is under way is told, and nothing else", async () => {
  const { clock, sees, stages } = changeover();
  sees(pool("Always", "Never"));
  assert.deepEqual(stages.underWay(), []);
  sees(pool("Never", "Always"));
  assert.deepEqual(stages.underWay(), [
    "IPPool(p) is changing to ipipMode Never, vxlanMode Always: until all nodes receive so, 2 s, this one sends by ipipMode Always, vxlanMode Never",
  ]);
  await clock.advance(2_000);
  assert.deepEqual(stages.underWay(), [
    "IPPool(p) has changed to ipipMode Never, vxlanMode Always: until no node sends by ipip any more, 20 s, this one receives it",
  ]);
  await clock.advance(20_000);
  assert.deepEqual(stages.underWay(), []);
});

test("no encapsulation needs no receiver, and keeps that of the mode before", async () => {
  const { clock, moved, sees } = changeover();
  sees(pool("CrossSubnet", "Never"));
  assert.equal(sees(pool("Never", "Never")), "CrossSubnet Never");
  await clock.advance(30_000);
  assert.deepEqual(moved, ["Never Never ipip", "Never Never"]);
});

test("a mode that is changed again meanwhile begins anew, and loses no receiver", async () => {
  const { clock, moved, sees } = changeover();
  sees(pool("Always", "Never"));
  sees(pool("Never", "Always"));
  await clock.advance(5_000);
  assert.equal(sees(pool("Never", "Never")), "Never Always ipip");
  await clock.advance(1_000);
  assert.equal(sees(pool("Always", "Never")), "Never Always ipip");
  await clock.advance(30_000);
  assert.deepEqual(moved, ["Never Always ipip", "Always Never vxlan", "Always Never"]);
});

test("a receiver's time runs on while the pool changes between modes that do not use it", async () => {
  const { clock, moved, sees, stages } = changeover();
  sees(pool("Never", "Always"));
  sees(pool("Always", "Never"));
  await clock.advance(2_000);
  await clock.advance(12_000);
  assert.equal(sees(pool("CrossSubnet", "Never")), "Always Never vxlan");
  await clock.advance(7_900);
  assert.deepEqual(moved, ["Always Never vxlan", "CrossSubnet Never vxlan"]);
  sees(pool("Always", "Never"));
  await clock.advance(100);
  assert.deepEqual(moved.slice(2), ["CrossSubnet Never"], "it closes while the next change is under way");
  await clock.advance(30_000);
  assert.deepEqual(moved.slice(3), ["Always Never"]);
  assert.deepEqual([stages.receives("vxlan"), clock.pending], [false, 0]);
});

test("a receiver that is wanted again keeps open, and has its whole time afterwards", async () => {
  const { clock, moved, sees } = changeover();
  sees(pool("Never", "Always"));
  sees(pool("Always", "Never"));
  await clock.advance(20_000);
  sees(pool("Never", "Always"));
  await clock.advance(1_000);
  sees(pool("Always", "Never"));
  await clock.advance(21_900);
  assert.deepEqual(moved, ["Always Never vxlan", "Always Never vxlan"], "another may have sent by it meanwhile");
  await clock.advance(100);
  assert.deepEqual(moved.slice(2), ["Always Never"]);
});

test("other fields count at once, and move no stage", async () => {
  const { clock, moved, sees, stages } = changeover();
  sees(pool("Always", "Never"));
  sees(pool("Never", "Always"));
  await clock.advance(1_000);
  const counts = stages.stage("p", pool("Never", "Always", false));
  assert.deepEqual([words(counts), counts?.natOutgoing], ["Always Never vxlan", false]);
  await clock.advance(1_100);
  assert.deepEqual(moved, ["Never Always ipip"]);
});

test("a pool that is deleted, or an agent that ends, leaves no timer", () => {
  const { clock, sees, stages } = changeover();
  for (const end of [() => assert.equal(sees(undefined), "gone"), () => stages.close()]) {
    sees(pool("Always", "Never"));
    sees(pool("Never", "Always"));
    end();
    assert.equal(clock.pending, 0);
    assert.ok(!stages.receives("ipip"));
  }
});
