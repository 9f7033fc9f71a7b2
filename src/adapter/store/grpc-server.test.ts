/** The gRPC server with methods of the test's own, asked by our client and by hand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { RpcError, type RpcMethods, type StreamCall } from "../../port/rpc.ts";
import { runs } from "../../testing/runs.ts";
import { SilentLog } from "../../testing/silent-log.ts";
import type { Method } from "../../wire/etcd/services.ts";
import { grpcFrame } from "../../wire/grpc-frames.ts";
import { bytes, decode, int64, message } from "../../wire/protobuf.ts";
import { SystemClock } from "../clock.ts";
import { parseEndpoint } from "./endpoint.ts";
import { GrpcChannel } from "./grpc-channel.ts";
import { GrpcServer, ListenError } from "./grpc-server.ts";

const note = message({ number: [1, int64], body: [2, bytes] });
type Note = Method<{ number: number; body: Uint8Array }, { number: number; body: Uint8Array }>;
const method = (name: string): Note => ({ path: `/t.T/${name}`, request: note, response: note });
const LIMIT = 1 << 20;

const methods: RpcMethods = {
  "/t.T/Echo": { type: "unary", answer: (octets) => grpcFrame(note, decode(note, octets)) },
  "/t.T/Later": {
    type: "unary",
    answer: async (octets) => {
      await new SystemClock().yield();
      const frame = grpcFrame(note, decode(note, octets));
      return [frame.subarray(0, 3), frame.subarray(3, 100_000), frame.subarray(100_000)];
    },
  },
  "/t.T/Refuse": {
    type: "unary",
    answer: async () => {
      throw new RpcError("outOfRange", "etcdserver: nö 100%");
    },
  },
  "/t.T/Fault": {
    type: "unary",
    answer: () => {
      throw new TypeError("a fault");
    },
  },
};

async function serve(t: TestContext, more: RpcMethods = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-grpc-"));
  const log = new SilentLog();
  const clock = new SystemClock();
  const make = () => new GrpcServer({ methods: { ...methods, ...more }, clock, logger: log, maxMessageOctets: LIMIT });
  const server = make();
  const address = `unix:${folder}/s`;
  assert.equal(await server.listen(address), address);
  const channel = await GrpcChannel.connect(parseEndpoint(address), clock, 5_000);
  t.after(async () => {
    channel.close();
    await server.close();
    fs.rmSync(folder, { recursive: true });
  });
  return { server, channel, log, folder, make, address, clock };
}

test("calls are answered, at once or later, whole or in pieces", async (t) => {
  const { channel } = await serve(t);
  const bodies = [Buffer.alloc(0), Buffer.from("x"), Buffer.alloc(300_000, 7)];
  for (const name of ["Echo", "Later"]) {
    const answers = await Promise.all(
      bodies.map((body, number) => channel.unary(method(name), { number, body }, 5_000)),
    );
    for (const [number, answer] of answers.entries()) {
      assert.equal(answer.number, number);
      assert.deepEqual(Buffer.from(answer.body), bodies[number]);
    }
  }
});

test("errors reach the caller as status and text, faults are logged, and the server goes on", async (t) => {
  const { channel, log } = await serve(t);
  const status = async (name: string, body = Buffer.alloc(0)): Promise<unknown> => {
    const failure = await channel.unary(method(name), { body }, 5_000).then(
      () => assert.fail(`${name} was answered`),
      (thrown: { detail: { status: number }; message: string }) => thrown,
    );
    return [failure.detail.status, failure.message.replace(/^unix:\S+: /, "")];
  };
  assert.deepEqual(await status("Refuse"), [11, "etcdserver: nö 100%"]);
  assert.deepEqual(await status("Unknown"), [12, "unknown method Unknown for service t.T"]);
  assert.deepEqual(
    log.lines.filter(({ level }) => level !== "debug"),
    [],
  );
  assert.deepEqual(await status("Fault"), [13, "a fault of the store: a fault"]);
  assert.deepEqual(
    log.lines.filter(({ level }) => level !== "debug").map(({ level, fields }) => [level, fields["method"]]),
    [["error", "/t.T/Fault"]],
  );
  const big = (await status("Echo", Buffer.alloc(LIMIT))) as [number, string];
  assert.equal(big[0], 8);
  assert.match(big[1], /larger than max \(1048580 vs\. 1048576\)/);
  assert.equal((await channel.unary(method("Echo"), { number: 1 }, 5_000)).number, 1);
});

test("messages that cannot be read, compressed ones and cut ones end their call alone", async (t) => {
  const { channel } = await serve(t);
  const ends = async (octets: Uint8Array): Promise<number | undefined> => {
    const stream = channel.open("/t.T/Echo");
    stream.end(octets);
    const failure = await stream.only().then(
      () => assert.fail("it was answered"),
      (thrown: { detail: { status?: number } }) => thrown,
    );
    return failure.detail.status;
  };
  assert.equal(await ends(Buffer.of(0, 0, 0, 0, 1, 0xff)), 13);
  assert.equal(await ends(Buffer.of(1, 0, 0, 0, 0)), 12);
  assert.equal(await ends(Buffer.of(0, 0, 0, 0, 9, 1)), 13);
  assert.equal(await ends(Buffer.alloc(0)), 13);
});

test("a stream carries messages both ways, tells of a slow reader, and ends with a status", async (t) => {
  const calls: StreamCall[] = [];
  const told: string[] = [];
  let drained: () => void = () => {};
  const { channel } = await serve(t, {
    "/t.T/Talk": {
      type: "stream",
      open: (call) => {
        calls.push(call);
        return {
          message: (octets) => {
            const { number } = decode(note, octets);
            if (number === 9) throw new RpcError("notFound", "no nine");
            call.send(grpcFrame(note, { number: number + 1 }));
          },
          drained: () => drained(),
          ended: () => told.push("ended"),
          closed: () => told.push("closed"),
        };
      },
    },
  });
  const stream = channel.open("/t.T/Talk");
  const pieces = stream.pieces();
  const next = async (): Promise<number[]> =>
    ((await pieces.next()).value as Buffer[]).map((octets) => decode(note, octets).number);
  stream.write(grpcFrame(note, { number: 1 }));
  assert.deepEqual(await next(), [2]);

  const drain = new Promise<void>((resolve) => {
    drained = resolve;
  });
  let sent = 0;
  while (calls[0]!.send(grpcFrame(note, { number: ++sent, body: Buffer.alloc(100_000) }))) assert.ok(sent < 1_000);
  const got: number[] = [];
  while (got.length < sent) got.push(...(await next()));
  assert.deepEqual(
    got,
    Array.from({ length: sent }, (_, at) => at + 1),
  );
  await drain;

  stream.write(grpcFrame(note, { number: 9 }));
  await assert.rejects(next(), { detail: { endpoint: channel.endpoint.text, status: 5 } });
  assert.equal(calls[0]!.send(grpcFrame(note, {})), false);
  assert.deepEqual(told, ["closed"]);
  const second = channel.open("/t.T/Talk");
  second.end(grpcFrame(note, { number: 1 }));
  for await (const messages of second.pieces()) {
    assert.equal(messages.length, 1);
    break;
  }
  while (told.length < 3) await new SystemClock().yield();
  assert.deepEqual(told, ["closed", "ended", "closed"]);
});

test("whatever octets come in, the server goes on", async (t) => {
  const { channel, folder } = await serve(t);
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const frame = fc
    .tuple(fc.nat(255), fc.nat(255), fc.nat(5), fc.uint8Array({ maxLength: 40 }), fc.integer({ min: -2, max: 2 }))
    .map(([type, flags, id, payload, lie]) => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(Math.max(payload.length + lie, 0), 0, 3);
      head.writeUInt8(type % 12, 3);
      head.writeUInt8(flags, 4);
      head.writeUInt32BE(id, 5);
      return Buffer.concat([head, payload]);
    });
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)),
    fc.array(frame, { maxLength: 8 }).map((frames) => Buffer.concat([preface, ...frames])),
  );
  await fc.assert(
    fc.asyncProperty(octets, async (raw) => {
      const socket = net.connect(path.join(folder, "s"));
      socket.on("error", () => {});
      socket.resume();
      await once(socket, "connect");
      const closed = once(socket, "close");
      socket.end(raw);
      await Promise.race([closed, channel.unary(method("Echo"), {}, 5_000)]);
      socket.destroy();
    }),
    { numRuns: runs(300) },
  );
  assert.equal((await channel.unary(method("Echo"), { number: 4 }, 5_000)).number, 4);
});

test("a socket without a server is replaced, one in use and one that is a file are not", async (t) => {
  const { folder, make, address, clock } = await serve(t);
  const other = make();
  t.after(() => other.close());
  await assert.rejects(other.listen(address), { code: "inUse" });
  fs.writeFileSync(path.join(folder, "file"), "mine");
  await assert.rejects(other.listen(`unix:${folder}/file`), ListenError);
  assert.equal(fs.readFileSync(path.join(folder, "file"), "utf8"), "mine");
  const missing = `unix:${folder}/none/s`;
  await assert.rejects(other.listen(missing), {
    code: "failed",
    message: `cannot listen on ${missing}: there is no folder ${folder}/none; make it first`,
  });
  await assert.rejects(other.listen(`unix:${folder}/${"x".repeat(107)}`), {
    code: "failed",
    message: /the path takes \d+ octets, a socket's at most 107; name a shorter one$/,
  });

  const dead = net.createServer();
  dead.listen(path.join(folder, "left"));
  await once(dead, "listening");
  fs.renameSync(path.join(folder, "left"), path.join(folder, "stale"));
  dead.close();
  await once(dead, "close");
  await other.listen(`unix:${folder}/stale`);
  const bound = await other.listen("127.0.0.1:0");
  assert.match(bound, /^127\.0\.0\.1:[1-9]\d*$/);
  await assert.rejects(make().listen(bound), { code: "inUse" });
  for (const where of [bound, `unix:${folder}/stale`]) {
    const channel = await GrpcChannel.connect(parseEndpoint(where), clock, 5_000);
    assert.equal((await channel.unary(method("Echo"), { number: 1 }, 5_000)).number, 1);
    channel.close();
  }
});

test("closing answers what is under way, ends streams, and takes the sockets away", async (t) => {
  let answer = (): void => {};
  const { server, channel, folder } = await serve(t, {
    "/t.T/Wait": {
      type: "unary",
      answer: () =>
        new Promise((resolve) => {
          answer = () => resolve(grpcFrame(note, { number: 5 }));
        }),
    },
    "/t.T/Talk": {
      type: "stream",
      open: () => ({ message: () => {}, drained: () => {}, ended: () => {}, closed: () => {} }),
    },
  });
  const waiting = channel.unary(method("Wait"), {}, 5_000);
  const stream = channel.open("/t.T/Talk");
  const ended = assert.rejects(stream.pieces().next(), { detail: { endpoint: channel.endpoint.text, status: 14 } });
  await channel.unary(method("Echo"), {}, 5_000);
  const closing = server.close();
  answer();
  assert.equal((await waiting).number, 5);
  await ended;
  await closing;
  assert.equal(fs.existsSync(path.join(folder, "s")), false);
});
