import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { LabRecord } from "../port/lab-record.ts";
import { unprivileged } from "../testing/unprivileged.ts";
import { labFolders, labsRoot, listLabs, lockFile, mayHoldLabs, recordFile, writeLabRecord } from "./lab-directory.ts";
import { isLocked, tryLock } from "./linux/file-lock.ts";

function freshRoot(t: TestContext): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-labs-"));
  t.after(() => fs.rmSync(root, { recursive: true }));
  return root;
}

function record(root: string, name: string): LabRecord {
  const folder = path.join(root, name);
  fs.mkdirSync(folder, { recursive: true });
  return {
    version: 1,
    name,
    folder,
    topology: "aws-two-subnets",
    pid: 1,
    startedAt: "2026-01-01T00:00:00Z",
    storeSocket: path.join(folder, "store.sock"),
    storePort: 1,
    controlSocket: path.join(folder, "control.sock"),
    hosts: [],
    pods: [],
  };
}

test("only labs whose lock is held are listed, in order of names", async (t) => {
  const root = freshRoot(t);
  for (const name of ["b", "a", "dead"]) writeLabRecord(record(root, name));
  fs.mkdirSync(path.join(root, "starting"));
  const locks = ["a", "b", "starting"].map((name) => tryLock(lockFile(path.join(root, name))));
  t.after(() => {
    for (const lock of locks) lock?.release();
  });
  assert.deepEqual(
    (await listLabs(root)).map(({ name }) => name),
    ["a", "b"],
  );
  assert.equal(labFolders(root).find(({ name }) => name === "dead")?.state, "left");
});

test("a root that does not exist has no labs", async (t) => {
  assert.deepEqual(await listLabs(path.join(freshRoot(t), "none")), []);
});

test("labs of another user are not looked at", async (t) => {
  const root = freshRoot(t);
  fs.chmodSync(root, 0);
  await assert.rejects(
    unprivileged(() => listLabs(root)),
    {
      code: "othersLabs",
      message: `this user may not look at the labs in ${root}; run the command as the user who brought them up`,
    },
  );
  fs.chmodSync(root, 0o700);
});

test("where this user may not look, and where there are folders, labs may run", (t) => {
  const root = freshRoot(t);
  const may = () => unprivileged(() => mayHoldLabs(path.join(root, "ocicat/labs")));
  fs.chmodSync(root, 0o755);
  assert.equal(may(), false, "there is no such folder");
  fs.mkdirSync(path.join(root, "ocicat/labs"), { recursive: true });
  assert.equal(may(), false, "it is empty");
  fs.mkdirSync(path.join(root, "ocicat/labs/a"));
  assert.equal(may(), true);
  fs.chmodSync(path.join(root, "ocicat"), 0);
  assert.equal(may(), true);
  fs.chmodSync(path.join(root, "ocicat"), 0o700);
});

test("a record that is no JSON, or of another version, is named", async (t) => {
  const root = freshRoot(t);
  const lab = record(root, "a");
  const lock = tryLock(lockFile(lab.folder));
  t.after(() => lock?.release());
  for (const text of ["{", '{"version":9}']) {
    fs.writeFileSync(recordFile(lab.folder), text);
    await assert.rejects(listLabs(root), { code: "labRecord" });
  }
});

test("a lock is free as soon as its holder is killed, and looking at it does not take it", async (t) => {
  const file = path.join(freshRoot(t), "lock");
  const source = `const { tryLock } = await import(${JSON.stringify(path.join(import.meta.dirname, "linux/file-lock.ts"))});
    globalThis.lock = tryLock(${JSON.stringify(file)}); console.log(lock !== undefined); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = await once(holder.stdout, "data");
  assert.equal(String(said).trim(), "true");
  assert.equal(isLocked(file), true);
  assert.equal(tryLock(file), undefined);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  assert.equal(isLocked(file), false);
  const lock = tryLock(file);
  assert.ok(lock);
  assert.equal(isLocked(file), true, "another open file description of the same process sees it too");
  lock.release();
  lock.release();
  assert.equal(isLocked(file), false);
});

test("the root follows the environment, then the user", () => {
  assert.equal(labsRoot({ OCICAT_LAB_DIR: "/x/y" }, 0), "/x/y");
  assert.equal(labsRoot({}, 0), "/run/ocicat/labs");
  assert.equal(labsRoot({ XDG_RUNTIME_DIR: os.tmpdir() }, 1000), path.join(os.tmpdir(), "ocicat/labs"));
  assert.equal(labsRoot({ XDG_RUNTIME_DIR: "/nowhere/at/all" }, 1000), "/tmp/ocicat-1000/labs");
});
