import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { agentsOf } from "./agents.ts";
import type { ProcessHost } from "./process-host.ts";

/** A host on which no lab runs. */
function lonely(t: TestContext, env: Readonly<Record<string, string>>): ProcessHost {
  const labs = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-agents-"));
  t.after(() => fs.rmSync(labs, { recursive: true, force: true }));
  const stream = new PassThrough();
  return {
    env: { OCICAT_LAB_DIR: labs, ...env },
    cwd: "/",
    stdin: stream,
    stdout: stream,
    stderr: stream,
    onSignal: () => {},
  };
}

test("a host knows itself by its node name and by its host name", async (t) => {
  const host = lonely(t, { OCICAT_SOCKET: "/run/its.sock", NODENAME: "worker-1" });
  const own = [{ host: "this host", socket: "/run/its.sock" }];
  assert.deepEqual(await agentsOf(host, []), own);
  assert.deepEqual(await agentsOf(host, ["worker-1"]), own);
  assert.deepEqual(await agentsOf(host, [os.hostname().toLowerCase()]), own);
});

test("a name that is not this host's is refused with the names that there are", async (t) => {
  await assert.rejects(agentsOf(lonely(t, { NODENAME: "worker-1" }), ["worker-1", "worker-9"]), {
    code: "noSuchHost",
    message: "no host 'worker-9' here (there is: this host, worker-1)",
  });
});
