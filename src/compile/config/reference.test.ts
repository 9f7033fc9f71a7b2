import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { metrics, processMetrics } from "./metrics-table.ts";
import { referencePages } from "./reference.ts";

const root = path.resolve(import.meta.dirname, "../../..");

for (const [page, write] of Object.entries(referencePages)) {
  test(`${page} is what the tables say`, () => {
    assert.equal(fs.readFileSync(path.join(root, page), "utf8"), write(), "stale: run node tools/reference.ts");
  });
}

test("metrics have names of Prometheus' form, each once, and help", () => {
  const all = [...Object.values(metrics), ...Object.values(processMetrics)];
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { name, help } of all) {
    assert.match(name, /^(felix|ocicat|process|nodejs)_[a-z_]+$/);
    assert.match(help, /^[A-Z0-9].*[^.]$/);
  }
});
