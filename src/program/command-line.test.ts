import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { commands } from "./commands.ts";
import { run } from "./run.ts";

test("a format that a command does not have is refused, not taken for the one for people", async () => {
  for (const line of [
    "node show",
    "verify",
    "lab list",
    "lab status",
    "lab check",
    "lab pod list",
    "lab underlay show",
  ]) {
    const stderr = new PassThrough();
    const host = { env: {}, cwd: "/", stdin: new PassThrough(), stdout: new PassThrough(), stderr, onSignal: () => {} };
    assert.equal(await run([...line.split(" "), "-o", "yaml"], host, commands), 2, line);
    assert.match(String(stderr.read()), /argument 'yaml' is invalid\. Allowed choices are json/, line);
  }
});
