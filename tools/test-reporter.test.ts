import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { isAccepted } from "./accepted-skips.ts";
import type { Counted } from "./test-reporter.ts";

/** What the reporter counts of a file with this text, and prints. */
function reported(t: TestContext, text: string): Counted & { readonly printed: string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-reporter-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "some.test.ts");
  fs.writeFileSync(file, text);
  const counts = path.join(folder, "counts.json");
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const reporter = path.join(import.meta.dirname, "test-reporter.ts");
  const { stdout } = spawnSync(process.execPath, ["--test", `--test-reporter=${reporter}`, file], {
    encoding: "utf8",
    env: { ...env, OCICAT_TEST_COUNTS: counts },
  });
  return { ...(JSON.parse(fs.readFileSync(counts, "utf8")) as Counted), printed: stdout };
}

test("a suite that is skipped as a whole counts as skipped, and so does a file in which nothing ran", (t) => {
  const suite = reported(
    t,
    `import { describe, test } from "node:test";
     describe("labs", { skip: "needs root" }, () => test("one", () => {}));
     test("two", () => {});
     test("three", { skip: "needs etcd" }, () => {});`,
  );
  assert.deepEqual([suite.passed, suite.failures], [1, []]);
  assert.deepEqual(
    suite.skips.map(({ name, reason }) => `${name}: ${reason}`),
    ["labs: needs root", "three: needs etcd"],
  );
  const nothing = reported(t, "export {};");
  assert.deepEqual([nothing.passed, nothing.skips.map(({ reason }) => reason)], [0, ["registers no test"]]);
});

test("a failure counts, also one of a suite's set-up", (t) => {
  const { passed, failures, printed } = reported(
    t,
    `import { before, describe, test } from "node:test";
     test("bad", () => { throw new Error("no\\nmore"); });
     describe("labs", () => { before(() => { throw new Error("no lab"); }); test("one", () => {}); });
     describe("suite", () => test("worse", () => { throw new Error("never"); }));`,
  );
  assert.equal(passed, 0);
  const told = failures.map(({ name, message }) => `${name}: ${message}`);
  assert.deepEqual(told, [
    "bad: no",
    "one: test did not finish before its parent and was cancelled",
    "labs: no lab",
    "worse: never",
  ]);
  assert.match(printed, /^Error: no\nmore$/m);
  assert.match(printed, /^✖ .*some\.test\.ts 0\/3 /m);
});

test("a file of which nothing ran is not shown as one that passed", (t) => {
  const lineOf = (text: string): string | undefined =>
    /^(.) .*some\.test\.ts (.*) \S+ s$/m
      .exec(reported(t, `import { describe, test } from "node:test"; ${text}`).printed)
      ?.slice(1)
      .join(" ");
  assert.equal(lineOf('test("one", { skip: "needs root" }, () => {});'), "﹣ skipped");
  assert.equal(lineOf('describe("labs", { skip: "needs root" }, () => test("one", () => {}));'), "﹣ skipped");
  assert.equal(lineOf('test("one", { skip: "needs root" }, () => {}); test("two", () => {});'), "✔ 1/2, 1 skipped");
  assert.equal(lineOf('test("two", () => {});'), "✔ 1/1");
});

test("a tier that is skipped is accepted by no row", () => {
  const skip = (reason: string) => isAccepted({ file: "test/netns/cni.test.ts", name: "x", reason });
  for (const reason of ["needs root", "needs etcd", "registers no test", "no reason given"]) assert.ok(!skip(reason));
  assert.ok(skip("user namespaces are forbidden here"));
});
