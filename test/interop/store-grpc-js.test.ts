/** `ocicat store` and a client of foreign make: @grpc/grpc-js, over Unix and TCP sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import grpc from "@grpc/grpc-js";
import { StoreProcess } from "../../src/testing/store-process.ts";
import { COMPARE_TARGET, compare, prefixEnd, putRequest, requestOp } from "../../src/wire/etcd/kv.ts";
import { kvMethods, leaseMethods, type Method, watchMethod } from "../../src/wire/etcd/services.ts";
import { type WatchRequest, type WatchResponse, watchCreateRequest, watchRequest } from "../../src/wire/etcd/watch.ts";
import { decode, encode } from "../../src/wire/protobuf.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-foreign-"));
const store = new StoreProcess(folder);
before(() => store.start());
after(async () => {
  await store.stop();
  fs.rmSync(folder, { recursive: true });
});

class Foreign {
  readonly client: grpc.Client;

  constructor(target: string) {
    const limits = { "grpc.max_receive_message_length": -1, "grpc.use_local_subchannel_pool": 1 };
    this.client = new grpc.Client(target, grpc.credentials.createInsecure(), limits);
  }

  call<Q extends object, S extends object>(
    method: Method<Q, S>,
    request: Partial<Q>,
    options: grpc.CallOptions = {},
  ): Promise<S> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        method.path,
        (value: Partial<Q>) => Buffer.from(encode(method.request, value)),
        (octets: Buffer) => decode(method.response, octets),
        request,
        options,
        (failure, answer) => (failure ? reject(failure) : resolve(answer as S)),
      );
    });
  }

  watch(): grpc.ClientDuplexStream<WatchRequest, WatchResponse> {
    return this.client.makeBidiStreamRequest(
      watchMethod.path,
      (value: WatchRequest) => Buffer.from(encode(watchMethod.request, value)),
      (octets: Buffer) => decode(watchMethod.response, octets),
    );
  }
}

const targets = [
  ["a Unix socket", () => `unix:${store.socket}`],
  ["TCP", () => store.address],
] as const;

for (const [name, target] of targets) {
  test(`a foreign client over ${name}: values, transactions, errors`, async (t) => {
    const foreign = new Foreign(target());
    t.after(() => foreign.client.close());
    const key = `/${name}/a`;
    const value = Buffer.alloc(1_400_000, 0xfe);
    const put = await foreign.call(kvMethods.put, { key, value });
    const { kvs, header } = await foreign.call(kvMethods.range, { key });
    assert.deepEqual(Buffer.from(kvs[0]?.value ?? []), value);
    assert.deepEqual([kvs[0]?.modRevision, kvs[0]?.version], [put.header?.revision, 1]);
    assert.equal(header?.clusterId.toString(16), BigInt(`0x${store.clusterId}`).toString(16));

    const txn = await foreign.call(kvMethods.txn, {
      compare: [{ ...compare.absent, target: COMPARE_TARGET.create, key, createRevision: put.header?.revision }],
      success: [{ ...requestOp.absent, put: { ...putRequest.absent, key, value: Buffer.from("b"), prevKv: true } }],
    });
    assert.equal(txn.succeeded, true);
    assert.equal(txn.responses[0]?.put?.prevKv?.value.length, value.length);

    const code = async (call: Promise<unknown>): Promise<unknown> => {
      const failure = await call.then(
        () => assert.fail("it was answered"),
        (thrown: grpc.ServiceError) => thrown,
      );
      return [failure.code, failure.details];
    };
    assert.deepEqual(await code(foreign.call(kvMethods.put, {})), [3, "etcdserver: key is not provided"]);
    assert.deepEqual(await code(foreign.call(kvMethods.range, { key, revision: 1_000_000 })), [
      11,
      "etcdserver: mvcc: required revision is a future revision",
    ]);
    assert.deepEqual(await code(foreign.call(kvMethods.put, { key, value: Buffer.alloc(1_700_000) })), [
      3,
      "etcdserver: request is too large",
    ]);
    assert.deepEqual(await code(foreign.call(leaseMethods.revoke, { id: 77n })), [
      5,
      "etcdserver: requested lease not found",
    ]);
    const strange: Method<object, object> = { ...kvMethods.put, path: "/etcdserverpb.KV/Frobnicate" } as never;
    assert.equal(((await code(foreign.call(strange, {}))) as [number])[0], grpc.status.UNIMPLEMENTED);
  });
}

test("a foreign client may have many calls and watches on one connection", async (t) => {
  const foreign = new Foreign(store.address);
  t.after(() => foreign.client.close());
  const [watches, keys] = [40, 50];
  const start = (await foreign.call(kvMethods.range, { key: "/many/" })).header?.revision ?? 0;
  const stream = foreign.watch();
  const seen = new Map<number, string[]>();
  let created = 0;
  stream.on("data", ({ watchId, created: isNew, events }: WatchResponse) => {
    if (isNew) created++;
    const names = seen.get(watchId) ?? [];
    seen.set(watchId, [...names, ...events.map((event) => event.kv?.key ?? "")]);
  });
  for (let watchId = 1; watchId <= watches; watchId++) {
    const prefix = `/many/${watchId % 2 === 0 ? "even" : "odd"}/`;
    const create = { ...watchCreateRequest.absent, key: prefix, rangeEnd: prefixEnd(prefix), watchId };
    // Some begin now, some in the past.
    stream.write({ ...watchRequest.absent, create: { ...create, startRevision: watchId % 3 === 0 ? start + 1 : 0 } });
  }
  while (created < watches) await once(stream, "data");
  await Promise.all(
    Array.from({ length: keys }, (_, at) =>
      foreign.call(kvMethods.put, { key: `/many/${at % 2 === 0 ? "even" : "odd"}/${at}`, value: Buffer.from("x") }),
    ),
  );
  const total = (): number => [...seen.values()].reduce((sum, names) => sum + names.length, 0);
  while (total() < (watches * keys) / 2) await once(stream, "data");
  for (const [watchId, names] of seen) {
    assert.equal(new Set(names).size, keys / 2, `watch ${watchId}`);
    for (const one of names) assert.ok(one.startsWith(`/many/${watchId % 2 === 0 ? "even" : "odd"}/`));
  }
  stream.cancel();
  await once(stream, "error");
});

test("a foreign client that gives up leaves nothing behind", async (t) => {
  const foreign = new Foreign(store.address);
  t.after(() => foreign.client.close());
  await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      foreign
        .call(kvMethods.put, { key: `/gone/${at}`, value: Buffer.alloc(10_000) }, { deadline: Date.now() + (at % 5) })
        .catch((failure: grpc.ServiceError) => assert.equal(failure.code, grpc.status.DEADLINE_EXCEEDED)),
    ),
  );
  for (let round = 0; round < 20; round++)
    foreign
      .watch()
      .on("error", () => {})
      .cancel();
  assert.ok((await foreign.call(kvMethods.range, { key: "/gone/0" })).header);
  assert.doesNotMatch(store.stderr, /"level":"error"/);
});
