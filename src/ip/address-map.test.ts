import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type IpAddress, ipv4Of, ipv6Of, parseAddress } from "./address.ts";
import { AddressMap } from "./address-map.ts";
import { mixedHalves } from "./mixed-halves.ts";

/** Few, so that they meet; some of both families with one value, and some whose halves cancel each other out. */
const anyAddress: fc.Arbitrary<IpAddress> = fc.oneof(
  fc.nat(4).map(ipv4Of),
  fc.bigInt(0n, 4n).map(ipv6Of),
  fc.bigInt(0n, 4n).map((half) => ipv6Of((half << 64n) | half)),
);

test("it holds what a Map holds", () => {
  const anyStep = fc.tuple(anyAddress, fc.option(fc.nat(9), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(anyStep), (steps) => {
      const [ours, plain] = [new AddressMap<number>(), new Map<IpAddress, number>()];
      for (const [address, value] of steps) {
        for (const map of [ours, plain]) value === undefined ? map.delete(address) : map.set(address, value);
        assert.equal(ours.get(address), plain.get(address));
        assert.equal(ours.size, plain.size);
      }
      assert.deepEqual([...ours.values()], [...plain.values()]);
      ours.clear();
      assert.equal(ours.size, 0);
    }),
  );
});

test("gateways that are ::1 in networks of their own differ in the 64 bits that V8 hashes", () => {
  const networks = Array.from({ length: 4096 }, (_, at) => parseAddress(`fd00:0:0:${at.toString(16)}::1`));
  const hashed = new Set(networks.map((address) => BigInt.asUintN(64, mixedHalves(BigInt(address)))));
  assert.equal(hashed.size, networks.length);
});
