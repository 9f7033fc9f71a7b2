/** `ocicat store` on a disk that is full: it says so to who writes, serves who reads, and goes on when there is room. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { parseEndpoint } from "../../src/adapter/store/endpoint.ts";
import { GrpcChannel, GrpcError } from "../../src/adapter/store/grpc-channel.ts";
import { StoreProcess } from "../../src/testing/store-process.ts";
import { kvMethods } from "../../src/wire/etcd/services.ts";

const CALL_MS = 10_000;

/** A small file system of its own in a folder, with a store on it; undefined where mounting is not allowed. */
async function storeOnSmallDisk(t: TestContext): Promise<{ folder: string; store: StoreProcess } | undefined> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-full-"));
  const store = new StoreProcess(folder);
  let isMounted = false;
  t.after(async () => {
    await store.stop();
    if (isMounted) execFileSync("umount", ["--lazy", folder]);
    fs.rmdirSync(folder);
  });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "ocicat-test", folder], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  isMounted = true;
  await store.start();
  return { folder, store };
}

test("a full disk refuses writes alone, and only as long as it is full", { timeout: 60_000 }, async (t) => {
  const found = await storeOnSmallDisk(t);
  if (!found) {
    t.skip("needs root (to mount a small disk)");
    return;
  }
  const { folder, store } = found;
  const channel = await GrpcChannel.connect(parseEndpoint(store.endpoint), new SystemClock(), CALL_MS);
  t.after(() => channel.close());
  const value = Buffer.alloc(20_000, "v");
  const put = (number: number) => channel.unary(kvMethods.put, { key: `k${number}`, value }, CALL_MS);
  let stored = 0;
  const filling = async (): Promise<void> => {
    for (;;) {
      await put(stored);
      stored++;
    }
  };
  const isFull = (failure: unknown): boolean =>
    failure instanceof GrpcError && /database space exceeded/.test(failure.message);
  await assert.rejects(filling(), isFull);
  assert.ok(stored > 20, `${stored} were stored`);
  await assert.rejects(put(stored), isFull);
  const { count, header } = await channel.unary(kvMethods.range, { key: "k", rangeEnd: "l", countOnly: true }, CALL_MS);
  assert.deepEqual([count, header?.revision], [stored, stored + 1]);
  execFileSync("mount", ["-o", "remount,size=64m", folder]);
  await put(stored);
  channel.close();
  assert.equal(await store.stop(), 0);
  await store.start();
  const again = await GrpcChannel.connect(parseEndpoint(store.endpoint), new SystemClock(), CALL_MS);
  const after = await again.unary(kvMethods.range, { key: "k", rangeEnd: "l", countOnly: true }, CALL_MS);
  assert.equal(after.count, stored + 1);
  again.close();
});
