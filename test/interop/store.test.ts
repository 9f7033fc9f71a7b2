/** The store of our own against the contract: the etcd adapter on a real server with a real file, by both kinds of socket. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { SystemRandom } from "../../src/adapter/random.ts";
import { EtcdStore } from "../../src/adapter/store/etcd-store.ts";
import { GrpcServer } from "../../src/adapter/store/grpc-server.ts";
import { SqliteLog } from "../../src/adapter/store/sqlite-log.ts";
import { etcdKeys } from "../../src/resources/etcd-keys.ts";
import { EtcdServer } from "../../src/store/etcd-server.ts";
import { callOnce } from "../../src/testing/rpc-caller.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";
import { type StoreUnderTest, storeContract } from "../../src/testing/store-contract.ts";
import { kvMethods } from "../../src/wire/etcd/services.ts";
import { octetTextOf } from "../../src/wire/octet-text.ts";

const clock = new SystemClock();

/** What `ocicat store` runs, in this process: so that a restart is quick. */
class RunningStore {
  readonly #file: string;
  #address: string;
  #log: SqliteLog | undefined;
  #server: EtcdServer | undefined;
  #sockets: GrpcServer | undefined;

  constructor(file: string, address: string) {
    this.#file = file;
    this.#address = address;
  }

  get endpoint(): string {
    return this.#address.startsWith("unix:") ? this.#address : `http://${this.#address}`;
  }

  async start(): Promise<void> {
    const logger = new SilentLog();
    this.#log = new SqliteLog(this.#file);
    this.#server = new EtcdServer({
      log: this.#log,
      clock,
      random: new SystemRandom(),
      logger,
      retention: { ageMs: undefined, revisions: undefined },
      failed: assert.fail,
      clientUrls: () => [],
    });
    this.#sockets = new GrpcServer({ methods: this.#server.methods, clock, logger, maxMessageOctets: 1 << 21 });
    // The second time, the port that the first was given.
    this.#address = await this.#sockets.listen(this.#address);
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    await this.#sockets?.close();
    this.#log?.close();
  }

  async spoil(key: string): Promise<void> {
    const value = Buffer.from("this is not json");
    await callOnce(this.#server!.methods, kvMethods.put, { key: octetTextOf(key), value });
  }

  async compact(): Promise<void> {
    const { methods } = this.#server!;
    const { header } = await callOnce(methods, kvMethods.range, { key: "x" });
    await callOnce(methods, kvMethods.compact, { revision: header!.revision });
  }
}

async function open(t: TestContext, addressIn: (folder: string) => string): Promise<StoreUnderTest> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-store-"));
  const file = path.join(folder, "store.db");
  const server = new RunningStore(file, addressIn(folder));
  await server.start();
  await server.stop();
  fs.copyFileSync(file, path.join(folder, "fresh.db"));
  await server.start();
  const client = () => new EtcdStore({ endpoints: [server.endpoint], keys: etcdKeys, clock });
  const [store, other] = [client(), client()];
  t.after(async () => {
    await store.close();
    await other.close();
    await server.stop();
    fs.rmSync(folder, { recursive: true });
  });
  const restart = async (change: () => void): Promise<void> => {
    await server.stop();
    change();
    await server.start();
  };
  return {
    store,
    other,
    cut: () => server.stop(),
    mend: () => server.start(),
    spoil: (key) => server.spoil(etcdKeys.etcdKey(key)),
    compact: () => server.compact(),
    rollBack: () => restart(() => fs.copyFileSync(path.join(folder, "fresh.db"), file)),
    replace: () => restart(() => fs.rmSync(file)),
  };
}

storeContract("ocicat store on a Unix socket", (t) => open(t, (folder) => `unix:${folder}/s`));
storeContract("ocicat store on TCP", (t) => open(t, () => "127.0.0.1:0"));
