import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPrefix, parsePrefix } from "../ip/prefix.ts";
import { runs } from "../testing/runs.ts";
import { blockCount, fnv1, startIndex, walkBlocks } from "./block-walk.ts";
import { GoRandom } from "./go-random.ts";

const firstBlock = (pool: string, blockSize: number, host: string): string => {
  for (const block of walkBlocks({ cidr: parsePrefix(pool), blockSize }, host, 1n)) return formatPrefix(block);
  return "none";
};

test("the founding documents' hosts draw the founding documents' blocks", () => {
  const documents = [
    ["192.168.0.0/16", 26, "master", "192.168.219.64/26"],
    ["192.168.0.0/16", 26, "worker-1", "192.168.226.64/26"],
    ["192.168.0.0/16", 26, "worker-2", "192.168.133.192/26"],
    ["192.168.0.0/16", 26, "worker-3", "192.168.97.192/26"],
    ["192.168.0.0/16", 26, "controlplane", "192.168.49.64/26"],
    ["192.168.0.0/16", 26, "node01", "192.168.196.128/26"],
    ["172.16.0.0/16", 24, "k8s-w1", "172.16.158.0/24"],
    ["172.16.0.0/16", 24, "k8s-w2", "172.16.184.0/24"],
    ["172.16.0.0/16", 24, "k8s-w0", "172.16.34.0/24"],
    ["172.16.0.0/16", 24, "k8s-m", "172.16.116.0/24"],
    ["10.244.0.0/16", 24, "c-1-qnhco", "10.244.122.0/24"],
    ["10.244.0.0/16", 24, "w-1-31hn8", "10.244.124.0/24"],
  ] as const;
  for (const [pool, size, host, block] of documents) assert.equal(firstBlock(pool, size, host), block, host);
});

test("start indices are Calico's", () => {
  const indices = {
    master: 877n,
    "worker-1": 905n,
    "worker-2": 535n,
    "worker-3": 391n,
    controlplane: 197n,
    node01: 786n,
  };
  for (const [host, index] of Object.entries(indices)) assert.equal(startIndex(host, 1024n), index, host);
  assert.equal(startIndex("k8s-w1", 256n), 158n);
  assert.equal(startIndex("c-1-qnhco", 256n), 122n);
});

test("FNV-1 gives the published vectors", () => {
  assert.equal(fnv1(""), 0x811c9dc5);
  assert.equal(fnv1("a"), 0x050c5d7e);
  assert.equal(fnv1("foobar"), 0x31f0b262);
});

test("a source seeded with 1 gives the figures that Go documents by example", () => {
  const random = new GoRandom(1n);
  assert.deepEqual([random.uint32(), random.uint32(), random.uint32()], [2596996162n, 4039455774n, 2854263694n]);
});

test("a walk visits every block of the pool once, wherever it starts", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8 }), fc.string(), (bits, host) => {
      const space = { cidr: parsePrefix("10.8.0.0/16"), blockSize: 16 + bits };
      const blocks = [...walkBlocks(space, host, 7n)].map(formatPrefix);
      assert.equal(blocks.length, 2 ** bits);
      assert.equal(new Set(blocks).size, blocks.length);
    }),
    { numRuns: runs(30) },
  );
});

test("an IPv6 pool of 2^74 blocks has a start inside it, and blocks wider than the pool are none", () => {
  const wide = { cidr: parsePrefix("fd00::/48"), blockSize: 122 };
  assert.equal(blockCount(wide), 1n << 74n);
  const first = firstBlock("fd00::/48", 122, "worker-1");
  assert.match(first, /^fd00:0?:?.*\/122$/);
  assert.equal(first, firstBlock("fd00::/48", 122, "worker-1"));
  assert.equal(firstBlock("10.0.0.0/28", 26, "worker-1"), "none");
});
