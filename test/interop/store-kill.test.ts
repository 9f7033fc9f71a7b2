/** `ocicat store` under kill -9: what was acknowledged is there, what is there is whole. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { SystemClock } from "../../src/adapter/clock.ts";
import { EtcdStore } from "../../src/adapter/store/etcd-store.ts";
import { type Stored, StoreError, type WatchEvent } from "../../src/port/store.ts";
import { etcdKeys } from "../../src/resources/etcd-keys.ts";
import { RecordingSink } from "../../src/testing/recording-sink.ts";
import { runs } from "../../src/testing/runs.ts";
import { StoreProcess } from "../../src/testing/store-process.ts";

const ROUNDS = runs(6);
const WRITERS = 24;
/** Acknowledgements of a round before the kill: from the first moments to when the log has grown. */
const SURVIVED = fc.integer({ min: WRITERS, max: 20 * WRITERS });

/** One writer's object: written one time after the other, two objects at once. */
interface Writer {
  readonly name: string;
  /** The last number whose write was acknowledged, and the one that was asked for last. */
  acknowledged: number;
  asked: number;
}

const pairOf = ({ name }: Writer) => [
  { kind: "Node", name },
  { kind: "IPPool", name },
];

/** Writes numbers upwards until the store goes away; `acknowledged` is called for each. */
async function write(store: EtcdStore, writer: Writer, acknowledged: () => void): Promise<void> {
  for (;;) {
    const number = ++writer.asked;
    const value = { number, padding: "x".repeat((number * 37) % 900) };
    try {
      const result = await store.write(pairOf(writer).map((key) => ({ op: "put", key, value }) as const));
      assert.ok(result.ok);
      writer.acknowledged = number;
      acknowledged();
    } catch (failure) {
      assert.ok(failure instanceof StoreError, String(failure));
      return;
    }
  }
}

const numberOf = (stored: Stored | undefined): number => Number(stored?.value["number"] ?? 0);

test("kill -9 in the middle of writes loses nothing that was acknowledged", { timeout: 120_000 }, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-kill-"));
  const process = new StoreProcess(folder);
  const open = () => new EtcdStore({ endpoints: [process.endpoint], keys: etcdKeys, clock: new SystemClock() });
  const observer = open();
  t.after(async () => {
    await observer.close();
    await process.stop("SIGKILL");
    fs.rmSync(folder, { recursive: true });
  });
  await process.start();
  const cluster = process.clusterId;
  const sink = new RecordingSink();
  observer.watch(["Node", "IPPool"], (await observer.list({ kind: "Node" })).cursor, sink);
  const writers = Array.from({ length: WRITERS }, (_, at): Writer => ({ name: `w-${at}`, acknowledged: 0, asked: 0 }));

  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  for (const survived of fc.sample(SURVIVED, { numRuns: ROUNDS, seed })) {
    const store = open();
    const enough = Promise.withResolvers<void>();
    let left = survived;
    const acknowledged = () => {
      if (--left === 0) enough.resolve();
    };
    const writing = writers.map((writer) => write(store, writer, acknowledged));
    // Writers that all end before have lost the store already.
    await Promise.race([enough.promise, Promise.all(writing)]);
    assert.ok(left <= 0, `${left} of ${survived} acknowledgements were still to come, seed ${seed}`);
    await process.stop("SIGKILL");
    await Promise.all(writing);
    await store.close();
    await process.start();
    assert.equal(process.clusterId, cluster);
    for (const writer of writers) {
      const [node, pool] = await Promise.all(pairOf(writer).map((key) => observer.get(key)));
      const found = numberOf(node);
      assert.equal(numberOf(pool), found, "written together, there together");
      assert.equal(node?.revision, pool?.revision);
      assert.ok(found >= writer.acknowledged && found <= writer.asked, `${found} of ${JSON.stringify(writer)}`);
      writer.acknowledged = found;
    }
  }

  // The watch has lived through every crash: it has seen every number of every object, in order.
  const last = writers.map(({ name, acknowledged }) => `${name}=${acknowledged}`).sort();
  const seenOf = (kind: string): Map<string, number> => {
    const at = new Map<string, number>();
    for (const event of sink.seen as WatchEvent[]) {
      if (event.type !== "changed" || event.object.key.kind !== kind) continue;
      const { name } = event.object.key;
      const number = numberOf(event.object);
      const before = at.get(name) ?? 0;
      assert.ok(number > before, `${kind} ${name}: ${number} after ${before}`);
      at.set(name, number);
    }
    return at;
  };
  await sink.until(() => {
    const seen = [...seenOf("Node")].map(([name, number]) => `${name}=${number}`).sort();
    return JSON.stringify(seen) === JSON.stringify(last);
  });
  const revisions = new Set(sink.seen.map((event) => event.type === "changed" && Number(event.object.revision)));
  assert.equal(revisions.size, Math.max(...[...revisions].map(Number)) - 1, "no revision is left out");
  assert.deepEqual(sink.expiries, []);
  assert.doesNotMatch(process.stderr, /"level":"error"/);
});
