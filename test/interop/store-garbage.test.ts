/** `ocicat store` and callers that mean harm or are broken: it answers with an error or hangs up, and goes on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { SystemClock } from "../../src/adapter/clock.ts";
import { EtcdStore } from "../../src/adapter/store/etcd-store.ts";
import { etcdKeys } from "../../src/resources/etcd-keys.ts";
import { runs } from "../../src/testing/runs.ts";
import { StoreProcess } from "../../src/testing/store-process.ts";
import {
  authStatusMethod,
  kvMethods,
  leaseMethods,
  type Method,
  maintenanceMethods,
  memberListMethod,
  watchMethod,
} from "../../src/wire/etcd/services.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-garbage-"));
/** A busy machine is no fault: of a call as of a whole test, since the store may have much else to answer first. */
const DEADLINE_MS = 120_000;
const process = new StoreProcess(folder);
const store = new EtcdStore({
  endpoints: [process.endpoint],
  keys: etcdKeys,
  clock: new SystemClock(),
  callTimeoutMs: DEADLINE_MS,
});
const own = { kind: "Node", name: "own" };

before(() => process.start());
after(async () => {
  await store.close();
  await process.stop();
  fs.rmSync(folder, { recursive: true });
});

/** Others are served, and nothing was a fault. What is kept may have been deleted: some messages ask for just that. */
async function isWell(): Promise<void> {
  await store.write([{ op: "put", key: own, value: { mine: true } }]);
  assert.deepEqual((await store.get(own))?.value, { mine: true });
  assert.doesNotMatch(process.stderr, /"level":"error"/);
}

/** Fields 1 to 13 with anything in them: what the store's messages are made of. */
const varint = (value: bigint): number[] => {
  const octets: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) octets.push(Number(rest & 127n) | 128);
  return [...octets, Number(rest)];
};
const number = fc.oneof(fc.nat(3).map(BigInt), fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }));
const fields = (depth: number): fc.Arbitrary<number[]> => {
  const scalar = fc.tuple(fc.integer({ min: 1, max: 13 }), number).map(([id, value]) => [id << 3, ...varint(value)]);
  const text = fc.constantFrom("", "\0", "k", "k\0", "l", "zzz", "\xff\xff");
  const sized = (content: fc.Arbitrary<number[]>) =>
    fc.tuple(fc.integer({ min: 1, max: 13 }), content).map(([id, octets]) => {
      return [(id << 3) | 2, ...varint(BigInt(octets.length)), ...octets];
    });
  const leaf = sized(text.map((value) => [...Buffer.from(value, "latin1")]));
  const choices = depth === 0 ? [scalar, leaf] : [scalar, leaf, sized(fields(depth - 1))];
  return fc.array(fc.oneof(...choices), { maxLength: 6 }).map((parts) => parts.flat());
};
const messages = fc.oneof(
  fields(3).map((octets) => Uint8Array.from(octets)),
  fc.uint8Array({ maxLength: 60 }),
);

const unary: readonly Method<object, object>[] = [
  ...Object.values(kvMethods),
  ...Object.values(leaseMethods),
  ...Object.values(maintenanceMethods),
  memberListMethod,
  authStatusMethod,
] as never;

test("random messages to every method are answered with a status, none of them a fault", {
  timeout: runs(DEADLINE_MS),
}, async () => {
  const session = http2.connect("http://localhost", { createConnection: () => net.connect(process.socket) });
  const statuses = new Map<string, Set<string>>();
  const call = async (path: string, octets: Uint8Array): Promise<void> => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    let status = "";
    stream.on("response", (headers) => {
      status ||= String(headers["grpc-status"] ?? "");
    });
    stream.on("trailers", (headers) => {
      status ||= `${headers["grpc-status"]}`;
      assert.doesNotMatch(String(headers["grpc-message"]), /fault/);
    });
    stream.resume();
    const head = Buffer.alloc(5);
    head.writeUInt32BE(octets.length, 1);
    stream.end(Buffer.concat([head, octets]));
    await once(stream, "close");
    assert.notEqual(status, "", `${path} ends without a status`);
    statuses.set(path, (statuses.get(path) ?? new Set()).add(status));
  };
  await fc.assert(
    fc.asyncProperty(messages, async (octets) => {
      await Promise.all(unary.map(({ path }) => call(path, octets)));
    }),
    { numRuns: runs(400) },
  );
  session.close();
  await isWell();
  // A revocation succeeds when its random id is that of a random grant.
  for (const { path } of unary.filter((one) => one.path !== leaseMethods.revoke.path)) {
    assert.ok(statuses.get(path)?.has("0"), `${path} never succeeded: ${[...(statuses.get(path) ?? [])]}`);
  }
});

test("random messages on a watch stream end at most the stream", { timeout: runs(DEADLINE_MS) }, async () => {
  const session = http2.connect("http://localhost", { createConnection: () => net.connect(process.socket) });
  await fc.assert(
    fc.asyncProperty(fc.array(messages, { maxLength: 5 }), async (all) => {
      const stream = session.request({
        ":method": "POST",
        ":path": watchMethod.path,
        "content-type": "application/grpc",
      });
      stream.on("error", () => {});
      stream.resume();
      for (const octets of all) {
        const head = Buffer.alloc(5);
        head.writeUInt32BE(octets.length, 1);
        stream.write(Buffer.concat([head, octets]));
      }
      stream.end();
      await Promise.race([once(stream, "close"), store.get(own)]);
      stream.close();
    }),
    { numRuns: runs(200) },
  );
  session.close();
  await isWell();
});

test("connections that flood, stall, lie or break off are no harm", { timeout: DEADLINE_MS }, async () => {
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  const settings = Buffer.concat([preface, frame(4, 0, 0, Buffer.alloc(0))]);
  const many = (count: number, make: (at: number) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, at) => make(at)));
  const attacks: Readonly<Record<string, Buffer>> = {
    "HTTP/1": Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    TLS: Buffer.from("16030100c8010000c40303", "hex"),
    "a frame too long": Buffer.concat([settings, Buffer.from("ffffff000000000001", "hex"), Buffer.alloc(100_000)]),
    pings: Buffer.concat([settings, many(20_000, () => frame(6, 0, 0, Buffer.alloc(8)))]),
    "settings without end": Buffer.concat([settings, many(20_000, () => frame(4, 0, 0, Buffer.alloc(0)))]),
    "headers without end": Buffer.concat([
      settings,
      frame(1, 0, 1, Buffer.from("0005612d6b65790561", "hex")),
      many(2_000, () => frame(9, 0, 1, Buffer.alloc(16_000))),
    ]),
    "streams opened and reset": Buffer.concat([
      settings,
      many(20_000, (at) =>
        Buffer.concat([
          frame(1, 4, at * 2 + 1, Buffer.from("838684", "hex")),
          frame(3, 0, at * 2 + 1, Buffer.from("00000008", "hex")),
        ]),
      ),
    ]),
    "an absolute socket path as authority": Buffer.concat([
      settings,
      frame(1, 4, 1, Buffer.concat([Buffer.from("8386840105", "hex"), Buffer.from("/a/bc")])),
    ]),
  };
  const stalled: net.Socket[] = [];
  for (const octets of Object.values(attacks)) {
    const socket = net.connect(process.socket);
    socket.on("error", () => {});
    socket.resume();
    await once(socket, "connect");
    socket.write(octets);
    await isWell();
    socket.destroy();
    const half = net.connect(process.socket);
    half.on("error", () => {});
    half.write(octets.subarray(0, octets.length >> 1));
    stalled.push(half);
    await isWell();
  }
  for (const socket of stalled) socket.destroy();
  await isWell();
});

test("a caller that asks for much and reads nothing costs bounded memory", { timeout: DEADLINE_MS }, async () => {
  const value = { padding: "x".repeat(200_000) };
  for (let at = 0; at < 20; at++) await store.write([{ op: "put", key: { kind: "Node", name: `big-${at}` }, value }]);
  const residentMiB = (): number => {
    const [, pages] = fs.readFileSync(`/proc/${process.pid}/statm`, "utf8").split(" ");
    return (Number(pages) * 4096) / (1 << 20);
  };
  const socket = net.connect(process.socket);
  const session = http2.connect("http://localhost", { createConnection: () => socket });
  session.on("error", () => {});
  const before = residentMiB();
  const request = Buffer.from("0000000000", "hex");
  const all = Buffer.from([0x0a, 1, 0, 0x12, 1, 0]); // Every key there is: 4 MB.
  request.writeUInt32BE(all.length, 1);
  for (let at = 0; at < 400; at++) {
    const stream = session.request({
      ":method": "POST",
      ":path": kvMethods.range.path,
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    stream.end(Buffer.concat([request, all]));
  }
  await store.get(own);
  for (let turn = 0; turn < 50; turn++) await store.get(own);
  assert.ok(residentMiB() - before < 800, `${residentMiB()} MiB, before ${before}`);
  session.destroy();
  await isWell();
});
