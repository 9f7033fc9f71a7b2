import assert from "node:assert/strict";
import { test } from "node:test";
import { strategicMerge } from "./strategic-merge.ts";

test("objects merge, null removes, lists and values are replaced", () => {
  const original = { a: { b: 1, c: [1, 2], d: { e: 1 } }, f: "x" };
  const frozen = structuredClone(original);
  assert.deepEqual(strategicMerge(original, { a: { b: null, c: [3], d: { g: 2 } }, f: { h: 1 } }), {
    a: { c: [3], d: { e: 1, g: 2 } },
    f: { h: 1 },
  });
  assert.deepEqual(original, frozen);
});

test("directives replace, delete and retain", () => {
  const original = { spec: { a: 1, b: 2 } };
  assert.deepEqual(strategicMerge(original, { spec: { $patch: "replace", c: 3, d: null } }), { spec: { c: 3 } });
  assert.deepEqual(strategicMerge(original, { spec: { $patch: "delete" } }), { spec: {} });
  assert.deepEqual(strategicMerge(original, { spec: { $retainKeys: ["b"], b: 4 } }), { spec: { b: 4 } });
  assert.deepEqual(strategicMerge(original, { spec: { $patch: "merge", b: 4 } }), { spec: { a: 1, b: 4 } });
  assert.throws(() => strategicMerge(original, { spec: { $patch: "x" } }), /none of merge, replace and delete/);
});
