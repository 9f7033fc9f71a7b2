import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GrpcFrameError, GrpcFramer, grpcFrame } from "./grpc-frames.ts";
import { bytes, decode, message } from "./protobuf.ts";

const type = message({ body: [1, bytes] });

test("every split of a stream gives the same messages", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 })),
      fc.array(fc.integer({ min: 1, max: 50 })),
      (bodies, cuts) => {
        const stream = Buffer.concat(bodies.map((body) => grpcFrame(type, { body })));
        const framer = new GrpcFramer(1000);
        const got: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts.length === 0 ? 7 : cuts[turn % cuts.length]!;
          for (const octets of framer.push(stream.subarray(at, at + size))) got.push(decode(type, octets).body);
          at += size;
        }
        framer.end();
        assert.deepEqual(
          got.map((body) => Uint8Array.from(body)),
          bodies,
        );
      },
    ),
  );
});

test("compressed, oversized and cut messages are refused", () => {
  assert.throws(() => new GrpcFramer(10).push(Buffer.of(1, 0, 0, 0, 0)), { code: "compressed" });
  assert.throws(() => new GrpcFramer(10).push(Buffer.of(0, 0, 0, 0, 11)), { code: "tooLong" });
  const framer = new GrpcFramer(10);
  assert.deepEqual(framer.push(Buffer.of(0, 0, 0, 0, 3, 1)), []);
  assert.throws(() => framer.end(), GrpcFrameError);
});
