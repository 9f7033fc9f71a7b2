import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";
import { frr } from "./bgp/frr.ts";
import { bgpInterop } from "./bgp/suite.ts";

const home = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-home-"));
process.env["HOME"] = home;
after(() => {
  const left = fs.readdirSync(home);
  fs.rmSync(home, { recursive: true });
  assert.deepEqual(left, [], "left in the user's home");
});

bgpInterop(frr);
