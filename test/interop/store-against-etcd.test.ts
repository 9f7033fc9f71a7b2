/**
 * Our store and Debian's etcd are asked the same, at random, one request after the other from the same beginning: every
 * answer and every refusal must be the same to the letter, revisions included, and so must be what watches tell.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { SystemClock } from "../../src/adapter/clock.ts";
import { SystemRandom } from "../../src/adapter/random.ts";
import { parseEndpoint } from "../../src/adapter/store/endpoint.ts";
import { GrpcChannel, GrpcError } from "../../src/adapter/store/grpc-channel.ts";
import { GrpcServer } from "../../src/adapter/store/grpc-server.ts";
import { SqliteLog } from "../../src/adapter/store/sqlite-log.ts";
import { EtcdServer } from "../../src/store/etcd-server.ts";
import { DebianEtcd } from "../../src/testing/debian-etcd.ts";
import { runs } from "../../src/testing/runs.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";
import {
  type Compare,
  compactionRequest,
  compare,
  deleteRangeRequest,
  putRequest,
  type RequestOp,
  rangeRequest,
  requestOp,
  type TxnRequest,
} from "../../src/wire/etcd/kv.ts";
import { kvMethods, type Method, watchMethod } from "../../src/wire/etcd/services.ts";
import { type WatchResponse, watchCreateRequest } from "../../src/wire/etcd/watch.ts";
import { grpcFrame } from "../../src/wire/grpc-frames.ts";
import { decode } from "../../src/wire/protobuf.ts";

const STEPS = runs(1_200);
const clock = new SystemClock();

const key = fc.constantFrom("", "a", "a", "aa", "ab", "b", "b\u00ff", "c", "\0");
const rangeEnd = fc.constantFrom("", "", "\0", "b", "c", "a", "\u00ff");
const octets = fc.constantFrom("", "1", "2", "zz").map((text) => Buffer.from(text));
const flag = fc.boolean();
const rarely = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);
/** Around where the store may be by now: `now` is put in its place when the request is made. */
const revision = fc.constantFrom<number>(0, 0, 0, -1, 1, -2, -3, -10, -40, 1_000_000);
const small = fc.constantFrom(0, 0, 0, 1, 2, 3);

const range = fc.record({
  key,
  rangeEnd,
  limit: small,
  revision,
  sortOrder: fc.constantFrom(0, 0, 1, 2),
  sortTarget: fc.constantFrom(0, 0, 1, 2, 3, 4),
  serializable: flag,
  keysOnly: flag,
  countOnly: rarely,
  minModRevision: fc.constantFrom(0, 0, 0, -5),
  maxModRevision: fc.constantFrom(0, 0, 0, -2),
  minCreateRevision: fc.constantFrom(0, 0, 0, -5),
  maxCreateRevision: fc.constantFrom(0, 0, 0, -2),
});
const put = fc.record({
  key,
  value: octets,
  lease: fc.constantFrom(0n, 0n, 0n, 0n, 99n),
  prevKv: flag,
  ignoreValue: rarely,
  ignoreLease: rarely,
});
const deleteRange = fc.record({ key, rangeEnd, prevKv: flag });
const comparison = fc
  .oneof(
    fc.record({ key, rangeEnd, result: fc.nat(3), target: fc.constant(0), version: small }),
    fc.record({ key, rangeEnd, result: fc.nat(3), target: fc.constant(1), createRevision: small }),
    fc.record({ key, rangeEnd, result: fc.nat(3), target: fc.constant(2), modRevision: small }),
    fc.record({ key, rangeEnd, result: fc.nat(3), target: fc.constant(3), value: octets }),
    fc.record({ key, rangeEnd, result: fc.nat(3), target: fc.constant(4), lease: fc.constantFrom(0n, 99n) }),
  )
  .map((given): Compare => ({ ...compare.absent, ...given }));
/**
 * Deleting everything from a key on may meet a put in the same transaction, and where that one wants to keep what was
 * there, this etcd panics: transactions have the one or the other.
 */
interface Allowed {
  readonly keeping: boolean;
}
const op = (inner: fc.Arbitrary<TxnRequest>, { keeping }: Allowed): fc.Arbitrary<RequestOp> =>
  fc
    .oneof(
      {
        weight: 6,
        arbitrary: put.map((given) => ({
          put: { ...putRequest.absent, ...given, ...(!keeping && { ignoreValue: false, ignoreLease: false }) },
        })),
      },
      { weight: 4, arbitrary: range.map((given) => ({ range: { ...rangeRequest.absent, ...given } })) },
      {
        weight: 3,
        arbitrary: deleteRange
          .filter((given) => !keeping || given.rangeEnd !== "\0")
          .map((given) => ({ deleteRange: { ...deleteRangeRequest.absent, ...given } })),
      },
      { weight: 1, arbitrary: fc.constant({}) },
      { weight: 3, arbitrary: inner.map((txn) => ({ txn })) },
    )
    .map((given) => ({ ...requestOp.absent, ...given }));
const txnOf = (inner: fc.Arbitrary<TxnRequest>, allowed: Allowed): fc.Arbitrary<TxnRequest> =>
  fc.record({
    compare: fc.array(comparison, { maxLength: 2 }),
    success: fc.array(op(inner, allowed), { maxLength: 4 }),
    failure: fc.array(op(inner, allowed), { maxLength: 2 }),
  });
const nestedTxn = (allowed: Allowed) =>
  txnOf(txnOf(txnOf(fc.constant({ compare: [], success: [], failure: [] }), allowed), allowed), allowed);
const txn = fc.oneof(nestedTxn({ keeping: true }), nestedTxn({ keeping: false }));

interface Step {
  readonly method: Method<object, object>;
  readonly request: object;
}
const step = fc.oneof(
  { weight: 10, arbitrary: put.map((request) => ({ method: kvMethods.put, request })) },
  { weight: 10, arbitrary: range.map((request) => ({ method: kvMethods.range, request })) },
  { weight: 3, arbitrary: deleteRange.map((request) => ({ method: kvMethods.deleteRange, request })) },
  { weight: 12, arbitrary: txn.map((request) => ({ method: kvMethods.txn, request })) },
  {
    weight: 1,
    arbitrary: revision.map((at) => ({
      method: kvMethods.compact,
      request: { ...compactionRequest.absent, revision: at },
    })),
  },
) as fc.Arbitrary<Step>;

/** Negative revisions count back from now; their fields are those whose names end so. */
const placed = (request: unknown, now: number): never =>
  JSON.parse(
    JSON.stringify(request, (name, given) => {
      if (typeof given === "bigint") return { bigint: String(given) };
      const isRelative = /revision$/i.test(name) && typeof given === "number" && given < 0;
      return isRelative ? Math.max(now + given, 0) : given;
    }),
    (_name, given) => {
      if (given?.type === "Buffer") return Buffer.from(given.data);
      return given?.bigint === undefined ? given : BigInt(given.bigint);
    },
  ) as never;

/** Headers say who answers; what they say about when is compared. */
const comparable = (answer: unknown): unknown =>
  JSON.parse(
    JSON.stringify(answer, (name, given) => {
      if (name === "header") return given?.revision;
      return typeof given === "bigint" ? String(given) : given;
    }),
  );

async function ask(channel: GrpcChannel, { method, request }: Step): Promise<unknown> {
  try {
    return comparable(await channel.unary(method, request, 10_000));
  } catch (failure) {
    if (failure instanceof GrpcError && failure.code === "status")
      return failure.message.replace(/^.*?(?=etcdserver:)/, "");
    throw failure;
  }
}

async function open(t: TestContext): Promise<{ ours: GrpcChannel; theirs: GrpcChannel }> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-vs-"));
  const etcd = new DebianEtcd(folder);
  const logger = new SilentLog();
  const log = new SqliteLog(path.join(folder, "store.db"));
  const retention = { ageMs: undefined, revisions: undefined };
  // Nothing is kept in memory: every value comes from the file.
  const server = new EtcdServer({
    log,
    clock,
    random: new SystemRandom(),
    logger,
    retention,
    failed: assert.fail,
    clientUrls: () => [],
    cacheOctets: 4,
  });
  const sockets = new GrpcServer({ methods: server.methods, clock, logger, maxMessageOctets: 1 << 21 });
  const address = await sockets.listen(`unix:${folder}/s`);
  await etcd.start();
  const [ours, theirs] = await Promise.all(
    [address, etcd.endpoint].map((text) => GrpcChannel.connect(parseEndpoint(text), clock, 5_000)),
  );
  t.after(async () => {
    ours?.close();
    theirs?.close();
    await server.close();
    await sockets.close();
    log.close();
    await etcd.stop();
    fs.rmSync(folder, { recursive: true });
  });
  return { ours: ours!, theirs: theirs! };
}

const missing = DebianEtcd.missing();

test("every answer and every refusal is etcd's", { skip: missing ?? false }, async (t) => {
  const { ours, theirs } = await open(t);
  const seed = Date.now() % 1_000_000;
  const steps = fc.sample(step, { numRuns: STEPS, seed });
  let now = 1;
  for (const [index, given] of steps.entries()) {
    const one = { method: given.method, request: placed(given.request, now) };
    const about = `step ${index} of seed ${seed}: ${one.method.path} ${JSON.stringify(comparable(one.request))}`;
    const [our, their] = await Promise.all([ask(ours, one), ask(theirs, one)]);
    assert.deepEqual(our, their, about);
    now = (their as { header?: number }).header ?? now;
  }
  for (const back of [0, 3, 20, 200]) {
    for (const options of watchOptions) {
      const startRevision = Math.max(now - back, 1);
      const create = { ...watchCreateRequest.absent, key: "\0", rangeEnd: "\0", ...options, startRevision };
      const [our, their] = await Promise.all([toldBy(ours, create, now), toldBy(theirs, create, now)]);
      assert.deepEqual(our, their, `watch ${JSON.stringify(create)} of seed ${seed} at ${now}`);
      now += 2;
    }
  }
});

const NO_PUT = 0;
const NO_DELETE = 1;
const watchOptions = [
  {},
  { prevKv: true },
  { filters: [NO_PUT] },
  { filters: [NO_DELETE], rangeEnd: "b" },
  { key: "a", rangeEnd: "" },
];

/** What a watch tells: until it is ended, or until it has told of a put and a deletion of `a` that are made once it is there. */
async function toldBy(channel: GrpcChannel, create: typeof watchCreateRequest.absent, now: number): Promise<unknown[]> {
  const stream = channel.open(watchMethod.path);
  stream.write(grpcFrame(watchMethod.request, { create }));
  const last = now + (create.filters.includes(NO_DELETE) ? 1 : 2);
  const told: unknown[] = [];
  for await (const messages of stream.pieces()) {
    for (const octets of messages) {
      const { created, canceled, compactRevision, events }: WatchResponse = decode(watchMethod.response, octets);
      if (created) {
        await channel.unary(kvMethods.put, { key: "a", value: Buffer.from("last") }, 10_000);
        await channel.unary(kvMethods.deleteRange, { key: "a" }, 10_000);
      }
      told.push(...events.map(comparable));
      if (canceled) told.push({ compactRevision });
      if (!canceled && events.at(-1)?.kv?.modRevision !== last) continue;
      stream.cancel();
      return told;
    }
  }
  return told;
}
