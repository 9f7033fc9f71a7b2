/**
 * The resource commands as processes, over Debian's etcd: what they leave there is looked at with etcdctl, and what
 * another tool wrote there is read.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { DebianEtcd } from "../../src/testing/debian-etcd.ts";

const ocicat = path.join(import.meta.dirname, "../../bin/ocicat");
const missing = DebianEtcd.missing();

describe("commands over Debian's etcd", { skip: missing ?? false }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-ctl-"));
  const etcd = new DebianEtcd(folder);
  before(() => etcd.start());
  after(async () => {
    await etcd.stop();
    fs.rmSync(folder, { recursive: true });
  });

  const env = () => ({
    ...process.env,
    ETCD_ENDPOINTS: etcd.endpoint,
    DATASTORE_TYPE: "etcdv3",
    OCICAT_LAB_DIR: folder,
  });

  /** A line as typed into a shell, where `ocicat` is this program. */
  const shell = (line: string): Promise<{ code: number; out: string; err: string }> =>
    new Promise((resolve) => {
      const script = `ocicat() { "${ocicat}" "$@"; }\n${line}`;
      execFile("sh", ["-c", script], { cwd: folder, env: env() }, (error, out, err) => {
        resolve({ code: error ? Number(error.code) : 0, out, err });
      });
    });

  const etcdctl = (...args: string[]): string =>
    execFileSync("etcdctl", [`--endpoints=${etcd.endpoint}`, ...args], {
      env: { ...env(), ETCDCTL_API: "3" },
      encoding: "utf8",
    });

  const poolKey = "/calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool";

  test("a pool is created, its mode changed by get, sed and apply, and etcd holds Calico's record", async () => {
    fs.writeFileSync(
      path.join(folder, "pool.yaml"),
      "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata:\n  name: default-ipv4-ippool\nspec:\n  cidr: 172.16.0.0/16\n  blockSize: 24\n  ipipMode: Always\n  natOutgoing: true\n",
    );
    assert.deepEqual(await shell("ocicat apply -f pool.yaml"), {
      code: 0,
      out: "Successfully applied 1 'IPPool' resource(s)\n",
      err: "",
    });
    const session = `ocicat get ippool default-ipv4-ippool -o yaml | sed -e "s/ipipMode: Always/ipipMode: Never/" | ocicat apply -f -`;
    assert.equal((await shell(session)).out, "Successfully applied 1 'IPPool' resource(s)\n");
    const value = etcdctl("get", poolKey, "--print-value-only").trim();
    assert.match(
      value,
      /^\{"kind":"IPPool","apiVersion":"projectcalico\.org\/v3","metadata":\{"name":"default-ipv4-ippool","uid":"[^"]+","creationTimestamp":"[^"]+"\},"spec":\{"cidr":"172\.16\.0\.0\/16","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":24,"nodeSelector":"all\(\)","allowedUses":\["Workload","Tunnel"\],"assignmentMode":"Automatic"\}\}$/,
    );
    const revision = /resourceVersion: "(\d+)"/.exec(
      (await shell("ocicat get ippool default-ipv4-ippool -o yaml")).out,
    )?.[1];
    const fields = etcdctl("get", poolKey, "--write-out=fields");
    assert.match(fields, new RegExp(`"ModRevision" : ${revision}\n`));
  });

  test("what another tool spoiled is deleted, and the warning says what it was", async () => {
    const key = "/calico/resources/v3/projectcalico.org/bgppeers/broken";
    etcdctl("put", key, "{ this is no JSON");
    const listed = await shell("ocicat get bgppeers");
    assert.match(listed.err, /bgppeers\/broken at revision \d+ cannot be read .* with 'ocicat delete'/);
    const gone = await shell("ocicat delete bgppeer broken");
    assert.equal(gone.out, "Successfully deleted 1 'BGPPeer' resource(s)\n");
    assert.match(
      gone.err,
      /warning: BGPPeer\(broken\) was deleted unread: the value of .*bgppeers\/broken at revision \d+/,
    );
    assert.equal(etcdctl("get", key), "");
    assert.equal((await shell("ocicat get bgppeers")).code, 0);
  });

  test("what another tool wrote is read and changed", async () => {
    const key = "/calico/resources/v3/projectcalico.org/nodes/worker-1";
    etcdctl(
      "put",
      key,
      '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"worker-1","uid":"a","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"bgp":{"ipv4Address":"10.30.0.206/24"}},"status":{}}',
    );
    const table = await shell("ocicat get nodes -o wide");
    assert.equal(
      table.out,
      "NAME       ASN       IPV4             IPV6   \nworker-1   (64512)   10.30.0.206/24          \n\n",
    );
    assert.equal(
      (await shell("ocicat label nodes worker-1 rack=a")).out,
      "Successfully set label rack on nodes worker-1\n",
    );
    assert.match(
      etcdctl("get", key, "--print-value-only"),
      /"metadata":\{"name":"worker-1","uid":"a","creationTimestamp":"2026-01-01T00:00:00Z","labels":\{"rack":"a"\}\}/,
    );
  });

  test("two writers at once lose nothing", async () => {
    const patches = Array.from(
      { length: 6 },
      (_, index) => `ocicat patch ippool default-ipv4-ippool -p '{"metadata":{"labels":{"l${index}":"x"}}}'`,
    );
    const results = await Promise.all(patches.map(shell));
    assert.deepEqual(
      results.map(({ code, err }) => [code, err]),
      patches.map(() => [0, ""]),
    );
    assert.equal((etcdctl("get", poolKey, "--print-value-only").match(/"l\d":"x"/g) ?? []).length, 6);
  });

  test("a broken pipe ends a command quietly", async () => {
    const { out, err } = await shell("ocicat get ippool -o yaml | head -1");
    assert.deepEqual([out, err], ["apiVersion: projectcalico.org/v3\n", ""]);
  });

  test("a store that is not there is named", async () => {
    const { code, err } = await shell("ETCD_ENDPOINTS=http://127.0.0.1:1 ocicat get ippool");
    assert.equal(code, 1);
    assert.match(err, /^Error: the store cannot be reached: .*127\.0\.0\.1:1/);
  });
});
