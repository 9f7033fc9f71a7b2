import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { formatAddress } from "../ip/address.ts";
import { DiskHostFiles, HostFileError, systemHostFacts, systemHostNames } from "./host-facts.ts";

function root(t: { after(work: () => void): void }): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-host-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

test("the files of a host are made with their folders and read back", (t) => {
  const folder = root(t);
  const files = new DiskHostFiles(folder);
  assert.equal(files.readNodeName(), undefined);
  assert.equal(files.readFelixFile(), undefined);
  files.writeNodeName("worker-1");
  files.writeMtu(1450);
  assert.equal(files.readNodeName(), "worker-1");
  const mtu = path.join(folder, "var/lib/calico/mtu");
  assert.equal(fs.readFileSync(mtu, "utf8"), "1450");
  assert.equal(fs.statSync(mtu).mode & 0o777, 0o644);
  assert.deepEqual(fs.readdirSync(path.dirname(mtu)).sort(), ["mtu", "nodename"]);
  fs.mkdirSync(path.join(folder, "etc/calico"), { recursive: true });
  fs.writeFileSync(path.join(folder, "etc/calico/felix.cfg"), "A = 1\n");
  assert.deepEqual(files.readFelixFile(), { path: path.join(folder, "etc/calico/felix.cfg"), text: "A = 1\n" });
});

test("an MTU that stays is not written again; a name always is", (t) => {
  const folder = root(t);
  const files = new DiskHostFiles(folder);
  const inodeOf = (name: string) => fs.statSync(path.join(folder, "var/lib/calico", name)).ino;
  files.writeMtu(1450);
  files.writeNodeName("a");
  const [mtu, name] = [inodeOf("mtu"), inodeOf("nodename")];
  files.writeMtu(1450);
  files.writeNodeName("a");
  assert.equal(inodeOf("mtu"), mtu);
  assert.notEqual(inodeOf("nodename"), name);
});

test("a name file of blanks counts as none, and a file that cannot be read is named", (t) => {
  const folder = root(t);
  const files = new DiskHostFiles(folder);
  files.writeNodeName(" \n");
  assert.equal(files.readNodeName(), undefined);
  fs.rmSync(path.join(folder, "var/lib/calico/mtu"), { force: true });
  fs.mkdirSync(path.join(folder, "var/lib/calico/mtu"));
  assert.throws(
    () => files.writeMtu(1450),
    (failure) => failure instanceof HostFileError && failure.message.includes("var/lib/calico/mtu cannot be read"),
  );
});

test("names are resolved by the host, and one that is none is refused", async () => {
  assert.equal(formatAddress(await systemHostNames.resolve("localhost", 4)), "127.0.0.1");
  await assert.rejects(systemHostNames.resolve("no.such.name.invalid", 4), /no\.such\.name\.invalid/);
});

test("the host's name is that of its UTS namespace", () => {
  assert.equal(systemHostFacts(async () => []).hostname(), os.hostname());
});
