import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { unprivileged } from "../testing/unprivileged.ts";
import { noLabRuns } from "./no-lab.ts";
import type { ProcessHost } from "./process-host.ts";

const OF_ROOT = "no lab of this user runs, but one of root's may, which the same command reaches with 'sudo'";

function hostOf(env: ProcessHost["env"]): ProcessHost {
  const stream = new PassThrough();
  return { env, cwd: "/", stdin: stream, stdout: stream, stderr: stream, onSignal: () => {} };
}

/** Root's folder of labs, with one in it. */
function rootsLabs(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-roots-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.chmodSync(folder, 0o755);
  fs.mkdirSync(path.join(folder, "lab"));
  return folder;
}

test("who is not root is told that a lab of root's may run, and how to reach it", (t) => {
  const labs = rootsLabs(t);
  assert.equal(
    unprivileged(() => noLabRuns(hostOf({}), labs)),
    OF_ROOT,
  );
  fs.rmdirSync(path.join(labs, "lab"));
  assert.equal(
    unprivileged(() => noLabRuns(hostOf({}), labs)),
    "no lab runs",
  );
});

test("who names a folder of labs is told of no other", (t) => {
  const labs = rootsLabs(t);
  assert.equal(
    unprivileged(() => noLabRuns(hostOf({ OCICAT_LAB_DIR: "/somewhere" }), labs)),
    "no lab runs",
  );
});
