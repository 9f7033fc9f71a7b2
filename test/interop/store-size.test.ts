/** `ocicat store` at size: many keys, many watches, and somebody who asks for everything, while others still get answers. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { parseEndpoint } from "../../src/adapter/store/endpoint.ts";
import { GrpcChannel } from "../../src/adapter/store/grpc-channel.ts";
import { StoreProcess } from "../../src/testing/store-process.ts";
import { prefixEnd, putRequest, requestOp } from "../../src/wire/etcd/kv.ts";
import { kvMethods, watchMethod } from "../../src/wire/etcd/services.ts";
import { watchCreateRequest } from "../../src/wire/etcd/watch.ts";
import { grpcFrame } from "../../src/wire/grpc-frames.ts";
import { decode } from "../../src/wire/protobuf.ts";

const KEYS = 20_000;
const STREAMS = 500;
const WATCHES_EACH = 10;
const CALL_MS = 60_000;
const clock = new SystemClock();

async function open(t: TestContext): Promise<{ connect: () => Promise<GrpcChannel> }> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-size-"));
  const store = new StoreProcess(folder);
  const channels: GrpcChannel[] = [];
  t.after(async () => {
    for (const channel of channels) channel.close();
    await store.stop();
    fs.rmSync(folder, { recursive: true });
  });
  await store.start();
  const connect = async (): Promise<GrpcChannel> => {
    const channel = await GrpcChannel.connect(parseEndpoint(store.endpoint), clock, CALL_MS);
    channels.push(channel);
    return channel;
  };
  return { connect };
}

const value = Buffer.alloc(500, "v");

/** Keys of `/kind-0/` … `/kind-9/`, in turn. */
async function fill(channel: GrpcChannel): Promise<void> {
  const each = 100;
  for (let from = 0; from < KEYS; from += each * 20) {
    const puts = (at: number) =>
      Array.from({ length: each }, (_, index) => ({
        ...requestOp.absent,
        put: { ...putRequest.absent, key: `/kind-${index % 10}/${String(at + index).padStart(7, "0")}`, value },
      }));
    const batches = Array.from({ length: 20 }, (_, batch) => puts(from + batch * each));
    await Promise.all(batches.map((success) => channel.unary(kvMethods.txn, { success }, CALL_MS)));
  }
}

test("who asks for everything does not keep others waiting, and gets everything", { timeout: 120_000 }, async (t) => {
  const { connect } = await open(t);
  const [writer, reader, other] = await Promise.all([connect(), connect(), connect()]);
  await fill(writer);
  let isRead = false;
  let answered = 0;
  const asking = (async () => {
    for (; !isRead; answered++) await other.unary(kvMethods.range, { key: "/kind-1/0000001" }, CALL_MS);
  })();
  const everything = await Promise.all(
    Array.from({ length: 4 }, () => reader.unary(kvMethods.range, { key: "/", rangeEnd: "0" }, CALL_MS)),
  );
  isRead = true;
  await asking;
  for (const { kvs, count } of everything) assert.deepEqual([kvs.length, count], [KEYS, KEYS]);
  assert.ok(answered > 10, `${answered} others were answered meanwhile`);
});

test("5,000 watches are each told what they asked for, from the past and from now", { timeout: 120_000 }, async (t) => {
  const { connect } = await open(t);
  const writer = await connect();
  await fill(writer);
  const { header } = await writer.unary(kvMethods.range, { key: "x" }, CALL_MS);
  const revision = header?.revision ?? 0;
  const channels = await Promise.all(Array.from({ length: 5 }, connect));
  /** The last transaction of the past touches each kind ten times, and so does the one that comes. */
  const expected = 2 * 10 * WATCHES_EACH;
  let created = 0;
  const { promise: allCreated, resolve: lastCreated } = Promise.withResolvers<void>();
  const told = Array.from({ length: STREAMS }, async (_, number) => {
    const stream = channels[number % channels.length]!.open(watchMethod.path);
    for (let kind = 0; kind < WATCHES_EACH; kind++) {
      const key = `/kind-${kind}/`;
      const create = {
        ...watchCreateRequest.absent,
        key,
        rangeEnd: prefixEnd(key),
        startRevision: revision,
        watchId: kind + 1,
      };
      stream.write(grpcFrame(watchMethod.request, { create }));
    }
    let events = 0;
    for await (const messages of stream.pieces()) {
      for (const octets of messages) {
        const response = decode(watchMethod.response, octets);
        if (response.created && ++created === STREAMS * WATCHES_EACH) lastCreated();
        for (const { kv } of response.events) {
          assert.ok(kv?.key.startsWith(`/kind-${response.watchId - 1}/`));
          events++;
        }
      }
      if (events < expected) continue;
      stream.cancel();
      return events;
    }
    return events;
  });
  await allCreated;
  const success = Array.from({ length: 100 }, (_, index) => ({
    ...requestOp.absent,
    put: { ...putRequest.absent, key: `/kind-${index % 10}/new-${index}`, value },
  }));
  await writer.unary(kvMethods.txn, { success }, CALL_MS);
  assert.deepEqual(new Set(await Promise.all(told)), new Set([expected]));
});
