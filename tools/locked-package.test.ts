import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { checkIntegrity, lockedIn } from "./locked-package.ts";

test("a package is taken with the octets of the lock file alone", () => {
  const octets = Buffer.from("a package");
  const integrity = `sha512-${createHash("sha512").update(octets).digest("base64")}`;
  checkIntegrity("p", octets, integrity);
  assert.throws(() => checkIntegrity("p", Buffer.from("another"), integrity), /not the one of the lock file/);
  assert.throws(() => checkIntegrity("p", octets, "sha1-x"), /has no sha512 of it/);
});

test("the lock file names version and hash of what the tests fetch", () => {
  const lock = fs.readFileSync(path.join(import.meta.dirname, "../package-lock.json"), "utf8");
  for (const architecture of ["x64", "arm64"]) {
    const { version, integrity } = lockedIn(lock, `@oxc-parser/binding-linux-${architecture}-gnu`);
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.match(integrity, /^sha512-[A-Za-z0-9+/]{86}==$/);
  }
  assert.throws(() => lockedIn(lock, "left-pad"), /is not in package-lock.json/);
});
