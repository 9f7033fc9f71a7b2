import assert from "node:assert/strict";
import { test } from "node:test";
import type { Counted } from "./test-reporter.ts";
import { summary } from "./test-summary.ts";

const root = { isStrict: false, isRoot: true };
const file = "test/some.test.ts";
const counts: Counted = {
  passed: 3,
  failures: [{ file, name: "one", message: "no" }],
  skips: [
    { file, name: "two", reason: "needs root" },
    { file, name: "three", reason: "user namespaces are forbidden here" },
  ],
};
const checks = [
  { name: "lint", isOk: false },
  { name: "type check", isOk: true },
];

test("each skip is told once, then each failure, then the counts", () => {
  const { text, isGood } = summary(counts, checks, root);
  assert.equal(isGood, false);
  assert.equal(
    text,
    `
== skipped:
  test/some.test.ts: two: needs root
  test/some.test.ts: three: user namespaces are forbidden here

== failed:
  ✖ lint
  ✖ test/some.test.ts: one: no

4 passed, 2 failed, 2 skipped`,
  );
});

test("where it counts, a skip that no row accepts is a failure", () => {
  const { text, isGood } = summary({ ...counts, failures: [] }, [], { isStrict: true, isRoot: true });
  assert.equal(isGood, false);
  assert.equal(
    text,
    `
== skipped:
  test/some.test.ts: three: user namespaces are forbidden here

== failed:
  ✖ test/some.test.ts: two: needs root: a skip that CI does not accept

3 passed, 1 failed, 2 skipped`,
  );
});

test("who is not root is told once how the rest runs, where there is a rest", () => {
  const advice = /'sudo npm test' runs all/g;
  const user = { isStrict: false, isRoot: false };
  assert.equal(summary(counts, [], user).text.match(advice)?.length, 1);
  const skips = counts.skips.slice(1);
  assert.doesNotMatch(summary({ ...counts, skips }, [], user).text, advice);
  assert.doesNotMatch(summary(counts, [], root).text, advice);
});

test("nothing that failed is good, unless nothing ran", () => {
  const clean = { passed: 1, failures: [], skips: [] };
  assert.deepEqual(summary(clean, [], root), { text: "\n1 passed, 0 failed, 0 skipped", isGood: true });
  assert.equal(summary({ ...clean, passed: 0 }, [], root).isGood, false);
});
