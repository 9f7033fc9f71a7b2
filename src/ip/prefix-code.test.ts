import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipv4Of, ipv6Of } from "./address.ts";
import { type Prefix, prefixFamily, prefixOf } from "./prefix.ts";
import { familyOfCode, lengthOfCode, prefixCode, prefixOfCode } from "./prefix-code.ts";

const anyPrefix: fc.Arbitrary<Prefix> = fc.oneof(
  fc.tuple(fc.nat(0xffffffff), fc.nat(32)).map(([address, length]) => prefixOf(ipv4Of(address), length)),
  fc.tuple(fc.bigInt(0n, (1n << 128n) - 1n), fc.nat(128)).map(([address, length]) => prefixOf(ipv6Of(address), length)),
);

test("a prefix survives its code, which tells family and length", () => {
  fc.assert(
    fc.property(anyPrefix, (prefix) => {
      const code = prefixCode(prefix);
      assert.deepEqual(prefixOfCode(code), prefix);
      assert.equal(familyOfCode(code), prefixFamily(prefix));
      assert.equal(lengthOfCode(code), prefix.length);
    }),
  );
});

test("different prefixes have different codes", () => {
  fc.assert(
    fc.property(anyPrefix, anyPrefix, (a, b) => {
      assert.equal(prefixCode(a) === prefixCode(b), a.address === b.address && a.length === b.length);
    }),
  );
});

test("codes of IPv6 networks differ in the 64 bits that V8 hashes", () => {
  const hashed = (length: number, count: number): number => {
    const shift = BigInt(128 - length);
    const codes = Array.from({ length: count }, (_, at) =>
      prefixCode(prefixOf(ipv6Of((0x2001_0db8n << 96n) + (BigInt(at) << shift)), length)),
    );
    return new Set(codes.map((code) => BigInt.asUintN(64, BigInt(code)))).size;
  };
  for (const length of [48, 56, 64, 96, 122, 128]) assert.equal(hashed(length, 4096), 4096, `/${length}`);
});
