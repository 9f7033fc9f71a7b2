import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { isAccepted } from "./accepted-skips.ts";
import type { Counted } from "./test-reporter.ts";

/** What the reporter counts of a file with this text. */
function counted(t: TestContext, text: string): Counted {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-reporter-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "some.test.ts");
  fs.writeFileSync(file, text);
  const counts = path.join(folder, "counts.json");
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const reporter = path.join(import.meta.dirname, "test-reporter.ts");
  spawnSync(process.execPath, ["--test", `--test-reporter=${reporter}`, file], {
    env: { ...env, OCICAT_TEST_COUNTS: counts },
  });
  return JSON.parse(fs.readFileSync(counts, "utf8")) as Counted;
}

test("a suite that is skipped as a whole counts as skipped, and so does a file in which nothing ran", (t) => {
  const suite = counted(
    t,
    `import { describe, test } from "node:test";
     describe("labs", { skip: "needs root" }, () => test("one", () => {}));
     test("two", () => {});
     test("three", { skip: "needs etcd" }, () => {});`,
  );
  assert.deepEqual([suite.passed, suite.failed], [1, 0]);
  assert.deepEqual(
    suite.skips.map(({ name, reason }) => `${name}: ${reason}`),
    ["labs: needs root", "three: needs etcd"],
  );
  const nothing = counted(t, "export {};");
  assert.deepEqual([nothing.passed, nothing.skips.map(({ reason }) => reason)], [0, ["registers no test"]]);
});

test("a failure counts, also one of a suite's set-up", (t) => {
  const { passed, failed } = counted(
    t,
    `import { before, describe, test } from "node:test";
     test("bad", () => { throw new Error("no"); });
     describe("labs", () => { before(() => { throw new Error("no lab"); }); test("one", () => {}); });`,
  );
  assert.equal(passed, 0);
  assert.ok(failed >= 2, String(failed));
});

test("a tier that is skipped is accepted by no row", () => {
  const skip = (reason: string) => isAccepted({ file: "test/netns/cni.test.ts", name: "x", reason });
  for (const reason of ["needs root", "needs etcd", "registers no test", "no reason given"]) assert.ok(!skip(reason));
  assert.ok(skip("user namespaces are forbidden here"));
});
