import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { DiskStateFile } from "./state-file.ts";

function folderOf(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-state-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

const lines = (mark: string, count: number): readonly string[] => Array.from({ length: count }, () => `${mark}\n`);

test("a file is replaced as a whole, below a folder that is made for it, and readable by nobody else", async (t) => {
  const file = new DiskStateFile(path.join(folderOf(t), "var/lib/calico/state"));
  assert.equal(file.read(), undefined);
  await file.replace(["first\n", "line\n"]);
  assert.equal(file.read(), "first\nline\n");
  await file.replace(["second\n"]);
  assert.equal(file.read(), "second\n");
  assert.equal(fs.statSync(file.path).mode & 0o777, 0o600);
  assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ["state"]);
});

test("of replacements that overlap each is whole, and the one asked for last stays", async (t) => {
  const file = new DiskStateFile(path.join(folderOf(t), "state"));
  await Promise.all([file.replace(lines("long", 200)), file.replace(lines("b", 3)), file.replace(lines("last", 20))]);
  assert.equal(file.read(), lines("last", 20).join(""));
  assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ["state"]);
});

test("two processes at one file leave it whole", async (t) => {
  const folder = folderOf(t);
  const [one, other] = [new DiskStateFile(path.join(folder, "state")), new DiskStateFile(path.join(folder, "state"))];
  await Promise.all([one.replace(lines("one", 200)), other.replace(lines("other", 50))]);
  assert.ok([lines("one", 200).join(""), lines("other", 50).join("")].includes(one.read() ?? ""));
  assert.deepEqual(fs.readdirSync(folder), ["state"]);
});

test("a replacement that fails leaves the old text and nothing beside, and the next one works", async (t) => {
  const file = new DiskStateFile(path.join(folderOf(t), "state"));
  await file.replace(["old\n"]);
  const torn = function* () {
    yield "new\n";
    throw new Error("no more");
  };
  await assert.rejects(file.replace(torn()), /no more/);
  assert.equal(file.read(), "old\n");
  assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ["state"]);
  await file.replace(["newer\n"]);
  assert.equal(file.read(), "newer\n");
});

test("what a killed process left is removed when it is old, files of others are not", async (t) => {
  const folder = folderOf(t);
  const old = new Date(Date.now() - 3_600_000);
  for (const name of ["state.a.new", "state.new", "other.a.new", "state.txt"]) {
    fs.writeFileSync(path.join(folder, name), "");
    fs.utimesSync(path.join(folder, name), old, old);
  }
  fs.writeFileSync(path.join(folder, "state.b.new"), "somebody is at it");
  await new DiskStateFile(path.join(folder, "state")).replace(["text\n"]);
  assert.deepEqual(fs.readdirSync(folder).sort(), ["other.a.new", "state", "state.b.new", "state.txt"]);
});
