import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

test("the lint leaves nothing in the user's home", (t) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-home-"));
  t.after(() => fs.rmSync(home, { recursive: true }));
  const { XDG_CACHE_HOME: _cache, ...env } = process.env;
  execFileSync(path.join(import.meta.dirname, "biome.sh"), ["check", import.meta.filename], {
    env: { ...env, HOME: home },
    stdio: "pipe",
  });
  assert.deepEqual(fs.readdirSync(home), []);
});
