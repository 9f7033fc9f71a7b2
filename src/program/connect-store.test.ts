import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { SystemClock } from "../adapter/clock.ts";
import { lockFile, writeLabRecord } from "../adapter/lab-directory.ts";
import { tryLock } from "../adapter/linux/file-lock.ts";
import { StoreError } from "../port/store.ts";
import { LabChoiceError } from "./choose-lab.ts";
import { ConnectError, connectStore, type StoreChoice } from "./connect-store.ts";
import type { ProcessHost } from "./process-host.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-connect-"));
test.after(() => fs.rmSync(folder, { recursive: true }));

function hostOf(env: Record<string, string>): { host: ProcessHost; said: () => string } {
  let text = "";
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const host: ProcessHost = {
    env: { OCICAT_LAB_DIR: path.join(folder, "labs"), ...env },
    cwd: folder,
    stdin: new PassThrough(),
    stdout: stderr,
    stderr,
    onSignal: () => {},
  };
  return { host, said: () => text };
}

const open = (env: Record<string, string>, choice: StoreChoice = {}) =>
  connectStore(hostOf(env).host, choice, new SystemClock());

async function refusal(env: Record<string, string>, choice: StoreChoice = {}): Promise<string> {
  try {
    const store = await open(env, choice);
    await store.close();
  } catch (error) {
    assert.ok(
      error instanceof ConnectError || error instanceof LabChoiceError || error instanceof StoreError,
      String(error),
    );
    return error.message;
  }
  assert.fail("accepted");
}

function write(name: string, text: string): string {
  fs.writeFileSync(path.join(folder, name), text);
  return name;
}

const config = (spec: string): string =>
  `apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n${spec}`;

/** A socket that says to whom a client came. */
async function listener(): Promise<{ port: number; reached: Promise<void>; close: () => void }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = net.createServer((socket) => {
    socket.destroy();
    resolve();
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return { port: (server.address() as net.AddressInfo).port, reached: promise, close: () => server.close() };
}

async function reaches(env: Record<string, string>, choice: StoreChoice, reached: Promise<void>): Promise<void> {
  const store = await open(env, choice);
  await assert.rejects(store.get({ kind: "IPPool", name: "x" }), StoreError);
  await reached;
  await store.close();
}

test("the environment names the store, with CALICO_ first", async (t) => {
  const right = await listener();
  t.after(right.close);
  const endpoint = `http://127.0.0.1:${right.port}`;
  await reaches({ ETCD_ENDPOINTS: "http://127.0.0.1:1", CALICO_ETCD_ENDPOINTS: endpoint }, {}, right.reached);
  await reaches({ ETCD_ENDPOINTS: ` ${endpoint} ,`, DATASTORE_TYPE: "etcdv3" }, {}, right.reached);
});

test("a configuration file counts alone", async (t) => {
  const right = await listener();
  t.after(right.close);
  const file = write("a.cfg", config(`  datastoreType: "etcdv3"\n  etcdEndpoints: "http://127.0.0.1:${right.port}"\n`));
  await reaches({ ETCD_ENDPOINTS: "http://127.0.0.1:1" }, { config: file }, right.reached);
});

test("what cannot be used is refused with its source and the way out", async () => {
  assert.equal(await refusal({}, { config: "gone.cfg" }), "Error reading config file: gone.cfg");
  assert.match(
    await refusal({}, { config: write("b.cfg", "spec: [") }),
    /^Error reading config file: b\.cfg: b\.cfg, document 1, line 1/,
  );
  assert.match(
    await refusal({}, { config: write("c.cfg", "kind: IPPool\n") }),
    /expected apiVersion: projectcalico\.org\/v3, kind: CalicoAPIConfig/,
  );
  assert.match(
    await refusal({}, { config: write("d.cfg", config("  etcdEndpoint: x\n")) }),
    /not recognized or is in the wrong location: etcdEndpoint; did you mean 'etcdEndpoints'\?/,
  );
  assert.match(
    await refusal({}, { config: write("e.cfg", config("  datastoreType: kubernetes\n")) }),
    /datastoreType kubernetes is not supported by this version; use etcdv3/,
  );
  assert.match(
    await refusal({}, { config: write("f.cfg", config("  etcdEndpoints: http://a:1\n  etcdCACertFile: /x\n")) }),
    /etcdCACertFile is given, but this version speaks to etcd without TLS/,
  );
  assert.match(await refusal({ DATASTORE_TYPE: "etcdv3" }), /the environment: no etcd endpoints/);
  assert.match(await refusal({ DATASTORE_TYPE: "zookeeper" }), /is no datastore type/);
  assert.match(await refusal({ ETCD_ENDPOINTS: "https://a:1" }), /TLS is not supported/);
  assert.match(await refusal({ ETCD_ENDPOINTS: "a" }), /is not http:\/\/HOST:PORT/);
  assert.match(await refusal({}, { config: "a.cfg", lab: "x" }), /name two stores/);
});

test("without settings and labs the ways are named; a lab that does not run is named", async () => {
  assert.match(await refusal({}), /no lab runs: start one with 'ocicat lab up aws-two-subnets', set ETCD_ENDPOINTS/);
  assert.match(await refusal({ OCICAT_LAB: "x" }), /no lab 'x' runs \(no lab runs\)/);
  assert.match(await refusal({ ETCD_ENDPOINTS: "http://a:1" }, { lab: "y" }), /no lab 'y' runs/);
});

test("the only lab that runs is acted on, and said; of several one must be named", async (t) => {
  const labs = path.join(folder, "some-labs");
  const locks: { release(): void }[] = [];
  t.after(() => {
    for (const lock of locks) lock.release();
  });
  const start = (name: string): string => {
    const own = path.join(labs, name);
    fs.mkdirSync(own, { recursive: true });
    writeLabRecord({
      version: 1,
      name,
      folder: own,
      topology: "aws-two-subnets",
      pid: process.pid,
      startedAt: "2026-01-01T00:00:00Z",
      storeSocket: path.join(own, "store.sock"),
      storePort: 1,
      controlSocket: path.join(own, "control.sock"),
      hosts: [],
      pods: [],
    });
    const lock = tryLock(lockFile(own));
    assert.ok(lock);
    locks.push(lock);
    return path.join(own, "store.sock");
  };
  const socket = start("one");
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  const server = net.createServer((client) => {
    client.destroy();
    resolve();
  });
  await new Promise<void>((ready) => server.listen(socket, ready));
  t.after(() => server.close());
  const { host, said } = hostOf({ OCICAT_LAB_DIR: labs });
  const store = await connectStore(host, {}, new SystemClock());
  assert.equal(said(), "ocicat: acting on lab 'one' (aws-two-subnets, 0 hosts)\n");
  await assert.rejects(store.get({ kind: "IPPool", name: "x" }), StoreError);
  await reached;
  await store.close();
  start("two");
  assert.match(await refusal({ OCICAT_LAB_DIR: labs }), /^several labs run \(one, two\); say which with --lab NAME/);
  await (await open({ OCICAT_LAB_DIR: labs, OCICAT_LAB: "two" })).close();
  assert.match(await refusal({ OCICAT_LAB_DIR: labs }, { lab: "three" }), /no lab 'three' runs \(running: one, two\)/);
});
