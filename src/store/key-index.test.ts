import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runs } from "../testing/runs.ts";
import { KeyIndex } from "./key-index.ts";
import { contains, keyRange, prefixOf, singleKey } from "./key-range.ts";

const octetText = (maxLength: number) =>
  fc.array(fc.constantFrom("\0", "a", "b", "\u00fe", "\u00ff"), { maxLength }).map((octets) => octets.join(""));

test("an index walks and counts as a sorted list of the same entries does", () => {
  const step = fc.record({
    key: fc.nat(3_000).map((n) => `k${n}`),
    op: fc.constantFrom("add", "add", "toggle", "remove"),
  });
  const bounds = fc.tuple(fc.nat(3_100), fc.option(fc.nat(3_100), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(step, { minLength: 2_000, maxLength: 4_000 }), bounds, (steps, [from, to]) => {
      const index = new KeyIndex<{ key: string; isLive: boolean }>();
      const model = new Map<string, { key: string; isLive: boolean }>();
      for (const { key, op } of steps) {
        const there = model.get(key);
        if (op === "add" && !there) {
          const entry = { key, isLive: true };
          model.set(key, entry);
          index.add(entry);
        } else if (op === "toggle" && there) {
          there.isLive = !there.isLive;
          index.countLive(key, there.isLive ? 1 : -1);
        } else if (op === "remove" && there) {
          model.delete(key);
          index.remove(there);
        }
      }
      const range = { begin: `k${from}`, end: to === undefined ? undefined : `k${to}` };
      const expected = [...model.values()]
        .filter(({ key }) => contains(range, key))
        .sort((a, b) => (a.key < b.key ? -1 : 1));
      const visited: typeof expected = [];
      index.forEach(range, (entry) => visited.push(entry) < 1_000);
      assert.deepEqual(visited, expected.slice(0, 1_000));
      assert.equal(index.count(range), expected.filter(({ isLive }) => isLive).length);
      assert.equal(index.size, model.size);
      for (const { key } of steps) assert.equal(index.get(key), model.get(key));
    }),
    { numRuns: runs(30) },
  );
});

test("a range says truly which prefix or which single key it is", () => {
  fc.assert(
    fc.property(octetText(3), octetText(3), fc.array(octetText(4)), (key, end, keys) => {
      const range = keyRange(key, end);
      const prefix = prefixOf(range);
      const single = singleKey(range);
      for (const one of keys.filter((text) => text !== "")) {
        if (prefix !== undefined) assert.equal(contains(range, one), one.startsWith(prefix));
        if (single !== undefined) assert.equal(contains(range, one), one === single);
      }
    }),
    { numRuns: runs(400) },
  );
  assert.equal(prefixOf(keyRange("/calico/", "/calico0")), "/calico/");
  assert.equal(prefixOf(keyRange("a\u00ff", "b")), "a\u00ff");
  assert.equal(prefixOf(keyRange("\0", "\0")), "");
  assert.equal(prefixOf(keyRange("a", "c")), undefined);
});
