/** What the etcd adapter does when the store, or what answers in its place, misbehaves. The contract runs in `test/interop`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { messageOf } from "../../base/errors.ts";
import { StoreError } from "../../port/store.ts";
import { etcdKeys } from "../../resources/etcd-keys.ts";
import { FakeEtcd, FakeStatus } from "../../testing/fake-etcd.ts";
import { RecordingSink } from "../../testing/recording-sink.ts";
import { EVENT_DELETE, type Event, type KeyValue, keyValue } from "../../wire/etcd/kv.ts";
import { SystemClock } from "../clock.ts";
import { parseEndpoint } from "./endpoint.ts";
import { continuityOf, formatCursor, olderOf, parseCursor } from "./etcd-cursor.ts";
import { EtcdStore } from "./etcd-store.ts";

const POOLS = "/calico/resources/v3/projectcalico.org/ippools/";
const FACTS = "/ocicat/v1/nodefacts/";

function storeOf(t: TestContext, endpoints: readonly string[], callTimeoutMs = 5_000): EtcdStore {
  const store = new EtcdStore({ endpoints, keys: etcdKeys, clock: new SystemClock(), callTimeoutMs });
  t.after(() => store.close());
  return store;
}

/** A server that answers connections as `serve` does. */
async function listener(t: TestContext, serve: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const kv = (key: string, modRevision: number, value: string): KeyValue => ({
  ...keyValue.absent,
  key,
  modRevision,
  createRevision: modRevision,
  version: 1,
  value: Buffer.from(value),
});
const put = (key: string, revision: number, value = "{}"): Event => ({
  type: 0,
  kv: kv(key, revision, value),
  prevKv: undefined,
});
const pool = { kind: "IPPool", name: "a" };

test("endpoints are read, or refused with a reason that names them", () => {
  assert.deepEqual(parseEndpoint("http://127.0.0.1:2379"), {
    text: "http://127.0.0.1:2379",
    host: "127.0.0.1",
    port: 2379,
  });
  assert.deepEqual(parseEndpoint("etcd.local:2379/"), { text: "etcd.local:2379/", host: "etcd.local", port: 2379 });
  assert.deepEqual(parseEndpoint("http://[fd00::1]:1"), { text: "http://[fd00::1]:1", host: "fd00::1", port: 1 });
  assert.deepEqual(parseEndpoint("unix:///run/s"), { text: "unix:///run/s", path: "/run/s" });
  assert.deepEqual(parseEndpoint("unix:s"), { text: "unix:s", path: "s" });
  assert.throws(() => parseEndpoint("https://127.0.0.1:2379"), { code: "unsupported" });
  for (const bad of ["", "127.0.0.1", "http://:1", "http://a:99999", "http://a:1/path", "ftp://a:1", "unix://"]) {
    assert.throws(() => parseEndpoint(bad), { code: "malformed", detail: { endpoint: bad } });
  }
});

test("cursors are read as they were written, and anything else is no cursor", () => {
  const behind = fc.dictionary(fc.constantFrom(POOLS, FACTS, "/a=b/"), fc.nat(), { noNullPrototype: true });
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.maxSafeInteger(), behind, (id, revision, parts) => {
      const cursor = { cluster: id.toString(16), revision: Math.abs(revision), behind: new Map(Object.entries(parts)) };
      assert.deepEqual(parseCursor(formatCursor(cursor)), cursor);
    }),
  );
  for (const text of ["", "c1", "c1:", "memory-1:4", "c1:1:", "c1:1:/a", "c1:1:/a=x", "c1:1:=4"]) {
    assert.equal(parseCursor(text), undefined, text);
  }
  assert.equal(continuityOf("c1:5:/a=3", "c1:5"), "continues");
  assert.equal(continuityOf("c1:5:/a=3", "c1:4"), "rolledBack");
  assert.equal(continuityOf("c1:5", "c2:9"), "unknown");
  assert.equal(olderOf("c1:5:/a=3", "c1:4"), "c1:5:/a=3");
});

test("who does not answer, or answers with something else, is unavailable in bounded time and named", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-none-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const garbage = Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 7) % 256));
  const endpoints = {
    nobody: `unix://${folder}/nobody`,
    silent: await listener(t, () => {}),
    closing: await listener(t, (socket) => socket.end()),
    web: await listener(t, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")),
    noise: await listener(t, (socket) => socket.write(garbage)),
  };
  for (const [name, endpoint] of Object.entries(endpoints)) {
    const store = storeOf(t, [endpoint], 400);
    for (const call of [() => store.get(pool), () => store.write([{ op: "put", key: pool, value: {} }])]) {
      await assert.rejects(call, (thrown) => {
        assert.ok(thrown instanceof StoreError, `${name}: ${thrown}`);
        assert.equal(thrown.code, "unavailable", `${name}: ${thrown.message}`);
        assert.ok(thrown.message.includes(endpoint), `${name}: ${thrown.message}`);
        return true;
      });
    }
  }
});

test("a reader finds the endpoint that answers, past dead and hanging ones", async (t) => {
  const etcd = await FakeEtcd.start(t);
  etcd.range = () => ({ kvs: [kv(`${POOLS}a`, 7, '{"spec":{}}')] });
  const store = storeOf(t, ["unix:///nonexistent/s", await listener(t, () => {}), etcd.endpoint], 1_500);
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await store.get(pool), { key: pool, value: { spec: {} }, revision: "7" });
  }
});

test("the store's refusals are told apart", async (t) => {
  const etcd = await FakeEtcd.start(t);
  const store = storeOf(t, [etcd.endpoint]);
  const rows = [
    [7, "unauthorized"],
    [16, "unauthorized"],
    [14, "unavailable"],
    [8, "unavailable"],
    [3, "unsupported"],
  ] as const;
  for (const [status, code] of rows) {
    etcd.range = () => {
      throw new FakeStatus(status, "etcdserver: nö 100%");
    };
    await assert.rejects(store.get(pool), (thrown) => {
      assert.ok(thrown instanceof StoreError);
      assert.equal(thrown.code, code);
      assert.match(thrown.message, /etcdserver: nö 100%/);
      return true;
    });
  }
  await assert.rejects(store.write([]), { code: "unsupported" });
});

test("what is too large for the server is named by its key", async (t) => {
  const etcd = await FakeEtcd.start(t);
  const store = storeOf(t, [etcd.endpoint]);
  for (const [status, text] of [
    [3, "etcdserver: request is too large"],
    [8, "grpc: received message larger than max (3000000 vs. 2097152)"],
  ] as const) {
    etcd.txn = () => {
      throw new FakeStatus(status, text);
    };
    const value = { spec: { cidr: "x".repeat(1_000) } };
    await assert.rejects(
      store.write([
        { op: "put", key: { kind: "Node", name: "n" }, value: {} },
        { op: "put", key: pool, value },
      ]),
      (thrown) => {
        assert.ok(thrown instanceof StoreError);
        assert.deepEqual([thrown.code, thrown.detail.key], ["tooLarge", "IPPool//a"]);
        assert.match(messageOf(thrown), /its 1020 octets are more than the store takes at once: .*larg/);
        return true;
      },
    );
  }
});

test("a value that cannot be read is named by its key, by a list and by a watch, and holds up nothing", async (t) => {
  const etcd = await FakeEtcd.start(t);
  const store = storeOf(t, [etcd.endpoint]);
  for (const bad of ["{", "5", "[]", "null", '"x"']) {
    etcd.range = () => ({ kvs: [kv(`${POOLS}a`, 7, bad), kv(`${POOLS}b`, 8, "{}")] });
    const { objects, unreadable } = await store.list({ kind: "IPPool" });
    assert.deepEqual(objects, [{ key: { kind: "IPPool", name: "b" }, value: {}, revision: "8" }]);
    assert.deepEqual(
      unreadable.map(({ key, revision }) => ({ key, revision })),
      [{ key: pool, revision: "7" }],
    );
    assert.match(unreadable[0]?.why ?? "", /ippools\/a at revision 7 cannot be read \(.+\); mend or delete/);
    await assert.rejects(store.get(pool), { code: "malformed", message: unreadable[0]?.why ?? "" });
  }
  etcd.range = () => ({ kvs: [kv("/calico/ipam/v2/host/n/ipv4/block/10.0.0.0-26", 7, "")] });
  const { objects } = await store.list({ kind: "BlockAffinity" });
  assert.deepEqual(objects[0]?.value, {}, "an affinity of old");

  etcd.watch = (stream) => {
    stream.send({ watchId: 1, created: true });
    stream.send({ watchId: 1, events: [put(`${POOLS}a`, 2), put(`${POOLS}b`, 3, "{"), put(`${POOLS}c`, 4)] });
  };
  const sink = new RecordingSink();
  store.watch(["IPPool"], "c1:1", sink);
  await sink.until(() => sink.seen.length === 3);
  assert.deepEqual(
    sink.seen.map(({ type }) => type),
    ["changed", "unreadable", "changed"],
  );
  assert.deepEqual(sink.names(), ["a", "b", "c"]);
  assert.deepEqual([sink.cursor, sink.interruptions, sink.resumptions], ["c1:4", [], 0]);
});

test("a list whose revision is compacted while it is read begins anew", async (t) => {
  const etcd = await FakeEtcd.start(t);
  const asked: number[] = [];
  etcd.header = { ...etcd.header, revision: 10 };
  etcd.range = ({ key, revision }) => {
    asked.push(revision);
    if (asked.length === 2) throw new FakeStatus(11, "etcdserver: mvcc: required revision has been compacted");
    if (asked.length === 3) etcd.header = { ...etcd.header, revision: 20 };
    return key === POOLS ? { kvs: [kv(`${POOLS}a`, 7, "{}")], more: true } : { kvs: [kv(`${POOLS}b`, 8, "{}")] };
  };
  const { objects, cursor } = await storeOf(t, [etcd.endpoint]).list({ kind: "IPPool" });
  assert.deepEqual(
    objects.map(({ key }) => key.name),
    ["a", "b"],
  );
  assert.deepEqual(asked, [0, 10, 0, 20]);
  assert.equal(cursor, "c1:20");
});

test("after a loss each prefix goes on from where it stood, and the cursor says so", async (t) => {
  const etcd = await FakeEtcd.start(t);
  etcd.header = { ...etcd.header, revision: 4 };
  const starts: Record<string, number>[] = [];
  etcd.watch = (stream, { create }) => {
    stream.send({ watchId: create?.watchId ?? 0, created: true });
    if (stream.requests.length < 2) return;
    starts.push(Object.fromEntries(stream.requests.map((one) => [one.create?.key, one.create?.startRevision ?? 0])));
    if (starts.length === 1) {
      etcd.header = { ...etcd.header, revision: 9 };
      stream.send({ watchId: 1, events: [put(`${POOLS}a`, 5), put(`${POOLS}b`, 9)] });
    } else if (starts.length === 2) {
      stream.send({ watchId: 2, header: { ...etcd.header, revision: 12 } });
      etcd.header = { ...etcd.header, revision: 14 };
      stream.send({ watchId: 2, events: [{ ...put(`${FACTS}n`, 14), type: EVENT_DELETE }] });
      stream.send({ watchId: 1, events: [put(`${POOLS}a`, 13)] });
    } else stream.send({ watchId: 1, events: [put(`${POOLS}late`, 15)] });
    if (starts.length < 3) setImmediate(() => stream.destroy());
  };
  const sink = new RecordingSink();
  const watch = storeOf(t, [etcd.endpoint]).watch(["IPPool", "NodeFacts"], "c1:4", sink);
  await sink.until(() => sink.names().includes("b"));
  assert.equal(sink.cursor, `c1:9:${FACTS}=4`);
  await sink.until(() => sink.names().includes("late"));
  watch.close();
  assert.deepEqual(starts, [
    { [POOLS]: 5, [FACTS]: 5 },
    { [POOLS]: 10, [FACTS]: 5 },
    { [POOLS]: 14, [FACTS]: 15 },
  ]);
  assert.deepEqual(sink.names(), ["a", "b", "a", "n", "late"], "what came together is in the order of revisions");
  assert.equal(sink.interruptions.length, 2);
  assert.equal(sink.resumptions, 2);
});

test("a watch that the store refuses is asked for again; a closed one is not", async (t) => {
  const etcd = await FakeEtcd.start(t);
  etcd.header = { ...etcd.header, revision: 4 };
  let asked = 0;
  etcd.watch = (stream) => {
    stream.send({ watchId: 1, created: true, ...(++asked === 1 && { canceled: true, cancelReason: "no leader" }) });
    if (asked > 1) stream.send({ watchId: 1, events: [put(`${POOLS}a`, 5)] });
  };
  const sink = new RecordingSink();
  const watch = storeOf(t, [etcd.endpoint]).watch(["IPPool"], "c1:4", sink);
  await sink.until(() => sink.seen.length === 1);
  assert.match(sink.interruptions[0]?.message ?? "", /no leader/);
  watch.close();
  watch.close();
  assert.equal(asked, 2);
});
