import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemRandom } from "../../adapter/random.ts";
import { at } from "../../resources/kinds/kind.ts";
import { FakeClock } from "../../testing/fake-clock.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { poolObject } from "../../testing/objects.ts";
import { SilentLog } from "../../testing/silent-log.ts";
import { ResourceClient } from "../resource-client.ts";
import { patch } from "./patch.ts";
import { targetsOfNames } from "./targets.ts";

const WRITERS = 20;

test("of many writers at once each gets through, and nothing of any is lost", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore();
  const pool = poolObject("default-ipv4-ippool", "192.168.0.0/16");
  await store.write([{ op: "create", key: pool.key, value: pool.value }]);
  const deps = { store, clock, wallClock: clock.wall, random: new SystemRandom(), log: new SilentLog() };
  const client = new ResourceClient(deps);
  const said: string[] = [];
  const io = { out: () => undefined, err: (text: string) => void said.push(text) };
  const [target] = targetsOfNames("ippool", ["default-ipv4-ippool"]);
  assert.ok(target);
  const codes = await Promise.all(
    Array.from({ length: WRITERS }, (_, writer) =>
      patch(target, `{"metadata":{"labels":{"writer-${writer}":"x"}}}`, {}, { client, io }),
    ),
  );
  assert.deepEqual([said, new Set(codes)], [[], new Set([0])]);
  const labels = at((await store.get(pool.key))?.value ?? {}, "metadata", "labels");
  assert.equal(Object.keys(labels as object).length, WRITERS);
});
