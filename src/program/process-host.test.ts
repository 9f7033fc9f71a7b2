import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";

const main = path.join(import.meta.dirname, "../main.ts");

test("whoever reads slowly gets all of a long answer", async () => {
  const count = 20_000;
  const child = spawn(process.execPath, [main, "validate", "-f", "-"]);
  child.stdin.end(items(count));
  const [, said] = await Promise.all([once(child, "close"), text(child.stderr)]);
  assert.equal(child.exitCode, 1);
  assert.equal(said.match(/must be specified/g)?.length, count);
});

/** Objects with a fault each. */
const items = (count: number): string =>
  Array.from(
    { length: count },
    (_, at) => `---\nkind: IPPool\napiVersion: projectcalico.org/v3\nmetadata: {name: p${at}}\n`,
  ).join("");

test("who hears neither answers nor complaints ends a command quietly", async () => {
  const child = spawn("sh", ["-c", `{ "$0" "$1" validate -f -; echo $? >&3; } 2>&1 | true`, process.execPath, main], {
    stdio: ["pipe", "ignore", "pipe", "pipe"],
  });
  child.stdin!.end(items(20_000));
  const [code, said] = await Promise.all([text(child.stdio[3] as Readable), text(child.stderr!), once(child, "close")]);
  assert.deepEqual([code, said], ["1\n", ""]);
});

test("an answer that cannot be written is a failure", { skip: !fs.existsSync("/dev/full") }, async () => {
  const full = fs.openSync("/dev/full", "w");
  try {
    const child = spawn(process.execPath, [main, "--help"], { stdio: ["ignore", full, "pipe"] });
    const [, said] = await Promise.all([once(child, "close"), text(child.stderr!)]);
    assert.equal(child.exitCode, 1);
    assert.match(said, /^ocicat: cannot write to standard output: ENOSPC/);
  } finally {
    fs.closeSync(full);
  }
});
