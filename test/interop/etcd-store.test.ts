/** The etcd adapter against Debian's etcd: the contract, and what only a real cluster can show. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, type TestContext, test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { EtcdStore } from "../../src/adapter/store/etcd-store.ts";
import { etcdKeys } from "../../src/resources/etcd-keys.ts";
import { DebianEtcd } from "../../src/testing/debian-etcd.ts";
import { Relay } from "../../src/testing/relay.ts";
import { type StoreUnderTest, storeContract } from "../../src/testing/store-contract.ts";

const missing = DebianEtcd.missing();
const root = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-etcd-"));
after(() => fs.rmSync(root, { recursive: true }));

const clientOf = (endpoint: string): EtcdStore =>
  new EtcdStore({ endpoints: [endpoint], keys: etcdKeys, clock: new SystemClock() });

/** The data of an etcd that has just begun: copied for every test, which is faster than beginning, and rolled back to. */
let fresh: Promise<string> | undefined;
async function freshData(): Promise<string> {
  const folder = fs.mkdtempSync(path.join(root, "f"));
  const etcd = new DebianEtcd(folder);
  await etcd.start();
  await etcd.stop();
  return etcd.dataFolder;
}

async function open(t: TestContext): Promise<StoreUnderTest> {
  fresh ??= freshData();
  const data = await fresh;
  const folder = fs.mkdtempSync(path.join(root, "e"));
  const etcd = new DebianEtcd(folder);
  const relay = new Relay(path.join(folder, "relay"), etcd.socket);
  const store = clientOf(`unix://${relay.path}`);
  const other = clientOf(etcd.endpoint);
  t.after(async () => {
    await store.close();
    await other.close();
    await relay.cut();
    await etcd.stop();
    fs.rmSync(folder, { recursive: true });
  });
  const restart = async (token: string, from?: string): Promise<void> => {
    await etcd.stop();
    fs.rmSync(etcd.dataFolder, { recursive: true, force: true });
    if (from !== undefined) fs.cpSync(from, etcd.dataFolder, { recursive: true });
    await etcd.start(token);
  };
  await restart("test", data);
  await relay.mend();
  return {
    store,
    other,
    cut: () => relay.cut(),
    mend: () => relay.mend(),
    spoil: async (key) => void runEtcdctl(etcd, "put", etcdKeys.etcdKey(key), "this is not json"),
    compact: () => compactNow(etcd),
    rollBack: () => restart("test", data),
    replace: () => restart("another"),
  };
}

if (missing !== undefined) test("etcd", { skip: missing }, () => {});
else storeContract("Debian's etcd", open);

const runEtcdctl = (etcd: DebianEtcd, ...args: readonly string[]): string =>
  execFileSync("etcdctl", ["--endpoints", "unix://client:1", ...args], {
    cwd: etcd.folder,
    env: { ...process.env, ETCDCTL_API: "3" },
    encoding: "utf8",
  });

async function compactNow(etcd: DebianEtcd): Promise<void> {
  const [status] = JSON.parse(runEtcdctl(etcd, "endpoint", "status", "-w", "json")) as [
    { Status: { header: { revision: number } } },
  ];
  runEtcdctl(etcd, "compaction", String(status.Status.header.revision));
}
