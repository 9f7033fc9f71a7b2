import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { missingTool } from "./missing-tool.ts";

test("a tool that no folder has is named, with Debian's package where it is known", (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-tools-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const searchPath = ["/nowhere", folder].join(":");
  const missing = "this machine, whose tools a lab uses, has no";
  assert.equal(missingTool("ip", searchPath), `${missing} 'ip' (Debian: apt-get install iproute2)`);
  assert.equal(missingTool("toString", searchPath), `${missing} 'toString'`);
  assert.equal(missingTool(path.join(folder, "ip"), searchPath), undefined, "a path speaks for itself");
  fs.writeFileSync(path.join(folder, "ip"), "", { mode: 0o644 });
  assert.notEqual(missingTool("ip", searchPath), undefined, "it cannot be executed");
  fs.chmodSync(path.join(folder, "ip"), 0o755);
  assert.equal(missingTool("ip", searchPath), undefined);
});
