import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Reader, ShortReadError } from "./reader.ts";
import { Writer } from "./writer.ts";

test("what is written is read back, in both orders", () => {
  fc.assert(
    fc.property(
      fc.nat(255),
      fc.nat(0xffff),
      fc.nat(0xffffffff),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fc.uint8Array(),
      (a, b, c, d, e) => {
        const w = new Writer(1);
        w.u8(a);
        w.u16(b);
        w.u16Host(b);
        w.u32(c);
        w.u32Host(c);
        w.u64(d);
        w.u64Host(d);
        w.octets(e);
        w.zeros(3);
        const r = new Reader(w.finish());
        assert.deepEqual(
          [r.u8(), r.u16(), r.u16Host(), r.u32(), r.u32Host(), r.u64(), r.u64Host()],
          [a, b, b, c, c, d, d],
        );
        assert.deepEqual(Uint8Array.from(r.octets(e.length)), e);
        assert.deepEqual(Uint8Array.from(r.rest()), new Uint8Array(3));
      },
    ),
  );
});

test("a reader never leaves its octets, a part of it never its part", () => {
  const r = new Reader(Uint8Array.of(1, 2, 3, 4));
  const part = r.sub(2);
  assert.throws(() => part.u32(), ShortReadError);
  assert.equal(part.u16(), 0x0102);
  assert.equal(part.left, 0);
  assert.throws(() => r.octets(-1), ShortReadError);
  assert.throws(() => r.skip(3), { code: "shortRead", detail: { offset: 2, wanted: 3, left: 2 } });
  assert.equal(r.u16(), 0x0304);
});

test("lengths are patched in place, and a writer that is reset starts over", () => {
  const w = new Writer(2);
  w.u16(0);
  w.u16Host(0);
  w.u32Host(0);
  w.patchU16(0, 0x0102);
  w.patchU16Host(2, 0x0102);
  w.patchU32Host(4, 0x01020304);
  assert.deepEqual(Uint8Array.from(w.finish()), Uint8Array.of(1, 2, 2, 1, 4, 3, 2, 1));
  w.reset();
  assert.equal(w.length, 0);
});
