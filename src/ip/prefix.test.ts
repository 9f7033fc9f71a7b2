import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress, type IpAddress, ipv4Of, ipv6Of, parseAddress } from "./address.ts";
import {
  comparePrefixes,
  contains,
  covers,
  formatPrefix,
  lastAddress,
  overlaps,
  parseInterfaceAddress,
  parsePrefix,
  prefixOf,
  sizeOf,
  tryParsePrefix,
} from "./prefix.ts";

const family4 = fc.record({ address: fc.nat(0xffffffff).map(ipv4Of), length: fc.integer({ min: 0, max: 32 }) });
const family6 = fc.record({
  address: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6Of),
  length: fc.integer({ min: 0, max: 128 }),
});
const prefix = fc.oneof(family4, family6).map(({ address, length }) => prefixOf(address as IpAddress, length));

test("text and value are one for every prefix", () => {
  fc.assert(fc.property(prefix, (value) => assert.deepEqual(parsePrefix(formatPrefix(value)), value)));
});

test("a prefix holds what the system says it holds", () => {
  const near = fc.tuple(fc.oneof(family4, family6), fc.integer({ min: -3, max: 300 }));
  fc.assert(
    fc.property(near, ([{ address, length }, offset]) => {
      const value = prefixOf(address as IpAddress, length);
      const other =
        typeof address === "number"
          ? ipv4Of((value.address as unknown as number) + offset)
          : ipv6Of((value.address as bigint) + BigInt(offset));
      const list = new net.BlockList();
      const name = typeof address === "number" ? "ipv4" : "ipv6";
      list.addSubnet(formatAddress(value.address), length, name);
      assert.equal(contains(value, other), list.check(formatAddress(other), name));
    }),
  );
});

test("covering and overlapping agree with first and last addresses", () => {
  fc.assert(
    fc.property(family4, family4, (a, b) => {
      const [p, q] = [prefixOf(a.address, a.length), prefixOf(b.address, b.length)];
      const isIn = q.address >= p.address && lastAddress(q) <= lastAddress(p);
      assert.equal(covers(p, q), isIn);
      assert.equal(overlaps(p, q), p.address <= lastAddress(q) && q.address <= lastAddress(p));
    }),
  );
});

test("host bits are kept in an interface's address and refused in a prefix", () => {
  assert.deepEqual(parseInterfaceAddress("10.30.0.206/24"), { address: parseAddress("10.30.0.206"), length: 24 });
  assert.deepEqual(parseInterfaceAddress("10.30.0.206"), { address: parseAddress("10.30.0.206"), length: 32 });
  assert.equal(tryParsePrefix("10.30.0.206/24"), undefined);
  assert.throws(() => parsePrefix("10.0.0.0/33"), { code: "badPrefix" });
  assert.throws(() => parsePrefix("10.0.0.0/08"), { code: "badPrefix" });
});

test("families never mix", () => {
  assert.equal(contains(parsePrefix("::/0"), parseAddress("10.0.0.1")), false);
  assert.equal(overlaps(parsePrefix("0.0.0.0/0"), parsePrefix("::/0")), false);
});

test("sizes and order", () => {
  assert.equal(sizeOf(parsePrefix("10.0.0.0/26")), 64n);
  assert.equal(sizeOf(parsePrefix("::/0")), 1n << 128n);
  const sorted = ["::/0", "10.0.0.0/8", "10.0.0.0/24", "9.0.0.0/8"]
    .map(parsePrefix)
    .sort(comparePrefixes)
    .map(formatPrefix);
  assert.deepEqual(sorted, ["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/24", "::/0"]);
});
