import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { formatJson, type JsonObject } from "../../base/json.ts";
import { type ObjectKey, StoreError } from "../../port/store.ts";
import { CommandRunner } from "../../testing/command-runner.ts";
import { blockObject } from "../../testing/objects.ts";
import { runs } from "../../testing/runs.ts";

const resource = (kind: string, name: string, spec: JsonObject, metadata: JsonObject = {}): string =>
  `${formatJson({ apiVersion: "projectcalico.org/v3", kind, metadata: { name, ...metadata }, spec })}\n`;
const pool = (name: string, cidr: string, spec: JsonObject = {}): string => resource("IPPool", name, { cidr, ...spec });
const documents = (...texts: string[]): string => texts.join("---\n");

async function withPool(): Promise<CommandRunner> {
  const runner = new CommandRunner();
  const made = await runner.ocicat(
    ["create", "-f", "-"],
    pool("default-ipv4-ippool", "172.16.0.0/16", { blockSize: 24, ipipMode: "Always", natOutgoing: true }),
  );
  assert.deepEqual(made, { code: 0, out: "Successfully created 1 'IPPool' resource(s)\n", err: "" });
  return runner;
}

test("the document's session: patch to CrossSubnet, then the wide table", async () => {
  const runner = await withPool();
  assert.deepEqual(
    await runner.ocicat(["patch", "ippool", "default-ipv4-ippool", "-p", '{"spec":{"ipipMode":"CrossSubnet"}}']),
    { code: 0, out: "Successfully patched 1 'IPPool' resource\n", err: "" },
  );
  const wide = await runner.ocicat(["get", "ippool", "-o", "wide"]);
  assert.deepEqual(
    wide.out.split("\n").map((line) => line.trimEnd()),
    [
      "NAME                  CIDR            NAT    IPIPMODE      VXLANMODE   DISABLED   DISABLEBGPEXPORT   SELECTOR",
      "default-ipv4-ippool   172.16.0.0/16   true   CrossSubnet   Never       false      false              all()",
      "",
      "",
    ],
  );
});

test("the patch that help shows is right for the pool that a cluster starts with", async () => {
  for (const args of [["--help"], ["patch", "--help"]]) {
    const runner = await withPool();
    const shown = /^ +ocicat patch (ippool \S+ -p) '(.*)'$/m.exec((await runner.ocicat(args)).out);
    assert.ok(shown, args.join(" "));
    const patched = await runner.ocicat(["patch", ...shown[1]!.split(" "), shown[2]!]);
    assert.deepEqual(patched, { code: 0, out: "Successfully patched 1 'IPPool' resource\n", err: "" });
  }
});

test("get shows what can be read, and says in one line each what cannot", async () => {
  const runner = await withPool();
  await runner.ocicat(["create", "-f", "-"], pool("other", "10.9.0.0/16"));
  runner.store.spoil({ kind: "IPPool", name: "broken" });
  const listed = await runner.ocicat(["get", "ippools", "-o", "name"]);
  assert.equal(listed.code, 1);
  assert.match(listed.out, /default-ipv4-ippool[\s\S]*other/);
  assert.match(listed.err, /^[^\n]*IPPool\/\/broken cannot be read[^\n]*\n$/);
  const named = await runner.ocicat(["get", "ippool", "broken", "other", "-o", "name"]);
  assert.equal(named.code, 1);
  assert.match(named.out, /other/);
  assert.match(named.err, /^[^\n]*IPPool\/\/broken cannot be read[^\n]*\n$/);
});

test("delete takes away what cannot be read, with a warning that says why; a pool of unknown range by force alone", async () => {
  const runner = await withPool();
  const peers = { kind: "BGPPeer", name: "broken" };
  runner.store.spoil(peers);
  const gone = await runner.ocicat(["delete", "bgppeer", "broken"]);
  assert.equal(gone.code, 0, gone.err);
  assert.equal(gone.out, "Successfully deleted 1 'BGPPeer' resource(s)\n");
  assert.match(
    gone.err,
    /^ocicat: warning: BGPPeer\(broken\) was deleted unread: [^\n]*BGPPeer\/\/broken cannot be read[^\n]*\n$/,
  );
  assert.equal(await runner.store.get(peers), undefined);
  const again = await runner.ocicat(["delete", "bgppeer", "broken"]);
  assert.match(again.err, /resource does not exist: BGPPeer\(broken\)/);
  runner.store.spoil({ kind: "IPPool", name: "broken" });
  const refused = await runner.ocicat(["delete", "ippool", "broken"]);
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    /no range that can be read: whether pods have addresses of it is not known\n {2}mend it, or delete it with --force/,
  );
  assert.equal((await runner.ocicat(["delete", "ippool", "broken", "--force"])).code, 0);
  assert.equal((await runner.ocicat(["get", "ippools", "-o", "name"])).code, 0);
});

test("what cannot be read is not deleted when somebody has mended it meanwhile", async () => {
  const runner = await withPool();
  const key = { kind: "BGPPeer", name: "broken" };
  runner.store.spoil(key);
  const mended = { spec: { peerIP: "10.0.0.1", asNumber: 64512 } };
  const open = runner.store.client.bind(runner.store);
  runner.store.client = () => {
    const store = open();
    store.beforeWrite = async () => void (await runner.store.write([{ op: "put", key, value: mended }]));
    return store;
  };
  const refused = await runner.ocicat(["delete", "bgppeer", "broken"]);
  assert.match(refused.err, /update conflict: BGPPeer\(broken\)/);
  assert.deepEqual((await runner.store.get(key))?.value, mended);
});

test("a pool is not made while another cannot be read: nobody knows its range", async () => {
  const runner = await withPool();
  runner.store.spoil({ kind: "IPPool", name: "broken" });
  const made = await runner.ocicat(["create", "-f", "-"], pool("other", "10.9.0.0/16"));
  assert.equal(made.code, 1);
  assert.match(made.err, /IPPool\/\/broken cannot be read/);
});

test("get, sed, apply: the mode changes and nothing else", async () => {
  const runner = await withPool();
  const before = await runner.stored("IPPool", "default-ipv4-ippool");
  const yaml = await runner.ocicat(["get", "ippool", "default-ipv4-ippool", "-o", "yaml"]);
  assert.match(yaml.out, /^ {2}ipipMode: Always$/m);
  const applied = await runner.ocicat(["apply", "-f", "-"], yaml.out.replace("ipipMode: Always", "ipipMode: Never"));
  assert.deepEqual(applied, { code: 0, out: "Successfully applied 1 'IPPool' resource(s)\n", err: "" });
  const after = await runner.stored("IPPool", "default-ipv4-ippool");
  assert.deepEqual(after, { ...before, spec: { ...(before!["spec"] as JsonObject), ipipMode: "Never" } });
});

test("apply works with and without the metadata that get shows", async () => {
  const runner = await withPool();
  const list = await runner.ocicat(["get", "ippool", "-o", "yaml"]);
  for (const strip of [/^ *resourceVersion: .*\n/gm, /^ *(creationTimestamp|resourceVersion|uid): .*\n/gm, /(?!)/g]) {
    const again = await runner.ocicat(["get", "ippool", "-o", "yaml"]);
    const applied = await runner.ocicat(["apply", "-f", "-"], again.out.replaceAll(strip, ""));
    assert.deepEqual(applied, { code: 0, out: "Successfully applied 1 'IPPool' resource(s)\n", err: "" });
  }
  const stale = await runner.ocicat(["apply", "-f", "-"], list.out);
  assert.equal(stale.code, 1);
  assert.match(
    stale.err,
    /^failed to apply 'IPPool' resource: \[update conflict: IPPool\(default-ipv4-ippool\)\]\n {2}resource version '\d+' is out of date \(latest: \d+\)\./,
  );
});

test("the stored object is Calico's JSON, the revision is not stored", async () => {
  const runner = await withPool();
  const stored = (await runner.stored("IPPool", "default-ipv4-ippool"))!;
  const { uid, creationTimestamp } = stored["metadata"] as { uid: string; creationTimestamp: string };
  assert.match(uid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(
    formatJson(stored),
    `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"default-ipv4-ippool","uid":"${uid}","creationTimestamp":"${creationTimestamp}"},"spec":{"cidr":"172.16.0.0/16","vxlanMode":"Never","ipipMode":"Always","natOutgoing":true,"blockSize":24,"nodeSelector":"all()","allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}`,
  );
});

test("the first write gives the cluster its identity and tiers", async () => {
  const runner = await withPool();
  const info = (await runner.stored("ClusterInformation", "default"))!["spec"] as JsonObject;
  assert.match(String(info["clusterGUID"]), /^[0-9a-f]{32}$/);
  assert.equal(info["datastoreReady"], true);
  const tiers = await runner.ocicat(["get", "tiers"]);
  assert.deepEqual(
    tiers.out.split("\n").map((line) => line.trimEnd()),
    ["NAME            ORDER", "kube-admin      1000", "default         1e+06", "kube-baseline   1e+07", "", ""],
  );
});

test("tiers that are missing beside the identity are made by the next write", async () => {
  const runner = new CommandRunner();
  const key = { kind: "ClusterInformation", name: "default" };
  await runner.store.write([
    { op: "put", key, value: { spec: { clusterGUID: "00ff" } } },
    { op: "put", key: { kind: "Tier", name: "default" }, value: { spec: { order: 7 } } },
  ]);
  await runner.ocicat(["apply", "-f", "-"], resource("Node", "n1", {}));
  assert.deepEqual((await runner.stored("Tier", "kube-admin"))!["spec"], { order: 1_000, defaultAction: "Pass" });
  assert.deepEqual((await runner.stored("Tier", "default"))!["spec"], { order: 7 }, "what is there stays");
  assert.deepEqual((await runner.stored("ClusterInformation", "default"))!["spec"], { clusterGUID: "00ff" });
});

test("labels and annotations are replaced whole, other metadata is kept", async () => {
  const runner = new CommandRunner();
  await runner.ocicat(["apply", "-f", "-"], resource("Node", "n1", {}, { labels: { a: "1", b: "2" } }));
  const was = (await runner.stored("Node", "n1"))!["metadata"] as JsonObject;
  await runner.ocicat(["apply", "-f", "-"], resource("Node", "n1", {}, { labels: { c: "3" }, uid: "forged" }));
  assert.deepEqual((await runner.stored("Node", "n1"))!["metadata"], { ...was, labels: { c: "3" } });
});

test("messages of create", async () => {
  const runner = await withPool();
  const both = documents(pool("a", "10.1.0.0/16"), pool("b", "10.2.0.0/16"));
  assert.equal((await runner.ocicat(["create", "-f", "-"], both)).out, "Successfully created 2 'IPPool' resource(s)\n");
  const mixed = documents(pool("c", "10.3.0.0/16"), resource("Node", "n1", {}));
  assert.equal((await runner.ocicat(["create", "-f", "-"], mixed)).out, "Successfully created 2 resource(s)\n");
  assert.deepEqual(await runner.ocicat(["create", "-f", "-"], pool("a", "10.1.0.0/16")), {
    code: 1,
    out: "",
    err: "failed to create 'IPPool' resource: [resource already exists: IPPool(a) with error: <nil>]\n",
  });
  assert.equal(
    (await runner.ocicat(["create", "-f", "-"], both)).err,
    "failed to create any 'IPPool' resources: [resource already exists: IPPool(a) with error: <nil> resource already exists: IPPool(b) with error: <nil>]\n",
  );
  assert.match((await runner.ocicat(["create", "-f", "-"], mixed)).err, /^failed to create any resources: \[/);
  assert.equal((await runner.ocicat(["create", "--skip-exists", "-f", "-"], mixed)).code, 0);
  const overlapping = await runner.ocicat(["create", "--skip-exists", "-f", "-"], pool("z", "10.1.0.0/24"));
  assert.match(overlapping.err, /CIDR overlaps with IPPool\(a\)/);
  const partly = documents(pool("a", "10.1.0.0/16"), pool("d", "10.4.0.0/16"), pool("e", "10.5.0.0/16"));
  assert.deepEqual(await runner.ocicat(["create", "-f", "-"], partly), {
    code: 1,
    out: "Partial success: created the first 2 out of 3 'IPPool' resources:\n",
    err: "hit error: [resource already exists: IPPool(a) with error: <nil>]\n",
  });
  const versioned = await runner.ocicat(
    ["create", "-f", "-"],
    resource("IPPool", "f", { cidr: "10.6.0.0/16" }, { resourceVersion: "7" }),
  );
  assert.equal(
    versioned.err,
    "failed to create 'IPPool' resource: [error with field Metadata.ResourceVersion = '7' (field must not be set for a Create request)]\n  standard input, document 1, line 1: metadata.resourceVersion: leave it out, or use apply\n",
  );
});

test("messages of apply and validate", async () => {
  const runner = await withPool();
  const overlap = await runner.ocicat(["apply", "-f", "-"], pool("b", "172.16.8.0/24"));
  assert.deepEqual(overlap, {
    code: 1,
    out: "",
    err: "failed to apply 'IPPool' resource: [error with field IPPool.Spec.CIDR = '172.16.8.0/24' (IPPool(b) CIDR overlaps with IPPool(default-ipv4-ippool) CIDR 172.16.0.0/16)]\n  standard input, document 1, line 1: spec.cidr: take a range that shares no address with 172.16.0.0/16, or delete default-ipv4-ippool first\n",
  });
  const changed = await runner.ocicat(
    ["apply", "-f", "-"],
    pool("default-ipv4-ippool", "172.17.0.0/16", { blockSize: 26 }),
  );
  assert.match(
    changed.err,
    /^failed to apply 'IPPool' resource: \[error with the following fields:\n- {2}IPPool\.Spec\.CIDR = '172\.17\.0\.0\/16' \(IPPool CIDR cannot be modified\)\n- {2}IPPool\.Spec\.BlockSize = '26' \(IPPool BlockSize cannot be modified\)\n\]\n/,
  );
  const bad = documents(pool("x", "10.9.0.0/99"), pool("y", "10.9.0.0/16", { blockSize: 8 }));
  assert.match(
    (await runner.ocicat(["apply", "-f", "-"], bad)).err,
    /^failed to apply any 'IPPool' resources: \[error with field IPPool\.Spec\.CIDR = '10\.9\.0\.0\/99' \(IPPool CIDR must be a valid subnet\) /,
  );
  assert.deepEqual(await runner.ocicat(["validate", "-f", "-"], pool("x", "10.9.0.0/16")), {
    code: 0,
    out: "Successfully validated 1 'IPPool' resource(s)\n",
    err: "",
  });
  assert.match(
    (await runner.ocicat(["validate", "-f", "-"], bad)).err,
    /^failed to validate any 'IPPool' resources: \[/,
  );
  assert.equal(await runner.stored("IPPool", "x"), undefined);
});

test("messages of replace, which counts what failed as handled", async () => {
  const runner = await withPool();
  assert.deepEqual(await runner.ocicat(["replace", "-f", "-"], pool("none", "10.1.0.0/16")), {
    code: 1,
    out: "Partial success: replaced the first 1 out of 1 'IPPool' resources:\n",
    err: "hit error: resource does not exist: IPPool(none) with error: <nil>\n",
  });
  assert.deepEqual(await runner.ocicat(["replace", "-n", "x", "-f", "-"], pool("none", "10.1.0.0/16")), {
    code: 1,
    out: "",
    err: "failed to replace 'IPPool' resource: IPPool is not namespaced\n",
  });
  const replaced = await runner.ocicat(
    ["replace", "-f", "-"],
    pool("default-ipv4-ippool", "172.16.0.0/16", { blockSize: 24 }),
  );
  assert.equal(replaced.out, "Successfully replaced 1 'IPPool' resource(s)\n");
});

test("messages of delete", async () => {
  const runner = await withPool();
  assert.deepEqual(await runner.ocicat(["delete", "ippool", "default-ipv4-ippool", "none"]), {
    code: 1,
    out: "Successfully deleted 1 'IPPool' resource(s)\n",
    err: "Failed to delete 'IPPool' resource: resource does not exist: IPPool(none) with error: <nil>\n",
  });
  assert.equal(
    (await runner.ocicat(["delete", "-s", "pool", "none"])).out,
    "Successfully deleted 1 'IPPool' resource(s)\n",
  );
  await runner.ocicat(["create", "-f", "-"], pool("a", "10.1.0.0/16"));
  const old = await runner.ocicat(["get", "ippool", "a", "-o", "json"]);
  await runner.ocicat(["patch", "ippool", "a", "-p", '{"spec":{"natOutgoing":true}}']);
  assert.match(
    (await runner.ocicat(["delete", "-f", "-"], old.out)).err,
    /^Failed to delete 'IPPool' resource: update conflict: IPPool\(a\)\n {2}resource version/,
  );
  const now = await runner.ocicat(["get", "ippool", "a", "-o", "json"]);
  assert.equal(
    (await runner.ocicat(["delete", "-f", "-"], now.out)).out,
    "Successfully deleted 1 'IPPool' resource(s)\n",
  );
});

test("messages of patch", async () => {
  const runner = await withPool();
  const patched = (name: string, text: string) => runner.ocicat(["patch", "ippool", name, "--patch", text]);
  assert.equal(
    (await patched("none", "{}")).err,
    "hit error: resource does not exist: IPPool(none) with error: <nil>\n",
  );
  assert.match(
    (await patched("default-ipv4-ippool", "{spec")).err,
    /^hit error: performing strategic merge patch: patch, document 1, line 1/,
  );
  assert.match((await patched("default-ipv4-ippool", "[1]")).err, /the patch is no object/);
  assert.match(
    (await patched("default-ipv4-ippool", "{}\n---\n{}")).err,
    /the patch has 2 documents; make one of them/,
  );
  assert.match((await patched("default-ipv4-ippool", "{“spec”:{}}")).err, /“ \(U\+201C\)/);
  assert.equal(
    (await patched("default-ipv4-ippool", '{"spec":{"vxlanMode":"Always"}}')).err,
    "hit error: updating existing resource: error with field IPPool.Spec.VXLANMode = 'Always' (Cannot enable both VXLAN and IPIP on the same IPPool)\n  set one of vxlanMode and ipipMode to Never\n",
  );
  assert.match(
    (await patched("default-ipv4-ippool", '{"spec":{"vxlanmode":"Always"}}')).err,
    /^hit error: creating resource from patched data: field in document is not recognized or is in the wrong location: vxlanmode\n.*did you mean 'vxlanMode'\?/,
  );
  assert.match(
    (await patched("default-ipv4-ippool", '{"spec":{"natOutgoing":"yes"}}')).err,
    /spec\.natOutgoing: expected true or false; write true, without quotes/,
  );
  assert.match(
    (await patched("default-ipv4-ippool", '{"spec":{"$patch":"explode"}}')).err,
    /^hit error: performing strategic merge patch: \$patch: 'explode' is none of merge, replace and delete\n/,
  );
  await patched(
    "default-ipv4-ippool",
    '{"metadata":{"name":"default-ipv4-ippool","labels":{"x":"y"}},"spec":{"disabled":true,"ipipMode":null}}',
  );
  const stored = (await runner.stored("IPPool", "default-ipv4-ippool"))!;
  assert.deepEqual((stored["metadata"] as JsonObject)["labels"], { x: "y" });
  assert.deepEqual(
    [(stored["spec"] as JsonObject)["disabled"], (stored["spec"] as JsonObject)["ipipMode"]],
    [true, "Never"],
  );
  for (const [change, named] of [
    ['{"metadata":{"name":"other"}}', "metadata.name of the stored object is 'default-ipv4-ippool'"],
    ['{"kind":"Node"}', "kind of the stored object is 'IPPool'"],
    ['{"kind":null}', "kind of the stored object is 'IPPool'"],
  ] as const) {
    const { code, err } = await patched("default-ipv4-ippool", change);
    assert.equal(code, 1);
    assert.ok(err.startsWith(`hit error: updating existing resource: ${named}`), err);
    assert.match(err, /cannot be patched; leave it out\n$/);
  }
  assert.match(
    (await patched("default-ipv4-ippool", '{"metadata":{"resourceVersion":"1"}}')).err,
    /^hit error: updating existing resource: update conflict: IPPool\(default-ipv4-ippool\)\n {2}resource version '1' is out of date/,
  );
  assert.deepEqual(await runner.stored("IPPool", "default-ipv4-ippool"), stored);
});

/** Lets another writer change the object just before each of the next `conflicts` updates. Gives how many are left. */
function meddle(runner: CommandRunner, conflicts: number): () => number {
  const client = runner.store.client();
  const open = runner.store.client.bind(runner.store);
  let left = conflicts;
  runner.store.client = () => {
    const store = open();
    store.beforeWrite = async (ops) => {
      const [op] = ops;
      if (op?.op !== "update" || left <= 0) return;
      left--;
      const was = await client.get(op.key);
      const spec = { ...(was!.value["spec"] as JsonObject), disabled: true };
      await client.write([{ op: "put", key: op.key, value: { ...was!.value, spec } }]);
    };
    return store;
  };
  return () => left;
}

test("a patch that meets another writer is tried again", async () => {
  const runner = await withPool();
  const left = meddle(runner, 2);
  const changes = '{"spec":{"natOutgoing":null}}';
  assert.equal((await runner.ocicat(["patch", "ippool", "default-ipv4-ippool", "-p", changes])).code, 0);
  assert.equal(left(), 0);
  const { disabled, natOutgoing } = (await runner.stored("IPPool", "default-ipv4-ippool"))!["spec"] as JsonObject;
  assert.deepEqual([disabled, natOutgoing], [true, undefined], "the other writer's change stays");
});

test("a patch for one revision is not made to another one", async () => {
  const runner = await withPool();
  const { out } = await runner.ocicat(["get", "ippool", "default-ipv4-ippool", "-o", "json"]);
  const { metadata } = JSON.parse(out) as { metadata: { resourceVersion: string } };
  const { resourceVersion } = metadata;
  const changes = JSON.stringify({ metadata: { resourceVersion }, spec: { natOutgoing: null } });
  meddle(runner, 1);
  const { code, err } = await runner.ocicat(["patch", "ippool", "default-ipv4-ippool", "-p", changes]);
  assert.equal(code, 1);
  assert.match(err, /update conflict: IPPool/);
  assert.equal(((await runner.stored("IPPool", "default-ipv4-ippool"))!["spec"] as JsonObject)["natOutgoing"], true);
});

test("apply that meets another writer: again without a revision, refused with one, given up in the end", async () => {
  const text = pool("default-ipv4-ippool", "172.16.0.0/16", { blockSize: 24, ipipMode: "Never" });
  const runner = await withPool();
  const few = meddle(runner, 2);
  assert.equal((await runner.ocicat(["apply", "-f", "-"], text)).err, "");
  assert.equal(few(), 0);

  const careful = await withPool();
  const { out } = await careful.ocicat(["get", "ippool", "default-ipv4-ippool", "-o", "yaml"]);
  const once = meddle(careful, 1);
  assert.match((await careful.ocicat(["apply", "-f", "-"], out)).err, /update conflict: IPPool\(default-ipv4-ippool\)/);
  assert.equal(once(), 0);

  const unlucky = await withPool();
  meddle(unlucky, 1_000);
  assert.match((await unlucky.ocicat(["apply", "-f", "-"], text)).err, /update conflict: .*others keep changing/s);
  const patched = await unlucky.ocicat(["patch", "ippool", "default-ipv4-ippool", "-p", '{"spec":{"disabled":null}}']);
  assert.match(patched.err, /^hit error: updating existing resource: update conflict: IPPool\(default-ipv4-ippool\)\n/);
});

test("messages of label", async () => {
  const runner = new CommandRunner();
  await runner.ocicat(["create", "-f", "-"], resource("Node", "n1", {}));
  const label = async (...args: string[]) => {
    const { out, err } = await runner.ocicat(["label", "nodes", "n1", ...args]);
    return out + err;
  };
  assert.equal(await label("a=b"), "Successfully set label a on nodes n1\n");
  assert.equal(await label("a=b"), "Successfully updated label a on nodes n1\n");
  assert.equal(
    await label("a=c"),
    "failed to update label of nodes n1, key a is already present. please use '--overwrite' to set a new value\n",
  );
  assert.equal(await label("a=c", "--overwrite"), "Successfully updated label a on nodes n1\n");
  assert.equal(await label("z", "--remove"), "cannot remove label of nodes n1, key z does not exist\n");
  assert.equal(await label("a", "--remove"), "Successfully removed label a from nodes n1\n");
  assert.match(
    await label("a=!"),
    /^failed to update nodes n1, label not changed\n {2}error with field Metadata\.Labels \(value\) = '!'/,
  );
  assert.match(await label("a=b=c"), /^invalid label a=b=c/);
  assert.match(await label("=b"), /^invalid label =b/);
  assert.match(await label("a"), /^invalid label a;/);
  assert.equal((await runner.ocicat(["label", "nodes", "n2", "a=b"])).err, "nodes n2 not found\n");
});

test("messages of get", async () => {
  const runner = await withPool();
  assert.deepEqual(await runner.ocicat(["get", "pools", "none", "default-ipv4-ippool"]), {
    code: 1,
    out: "NAME                  CIDR            SELECTOR   \ndefault-ipv4-ippool   172.16.0.0/16   all()      \n\n",
    err: "resource does not exist: IPPool(none) with error: <nil>\n",
  });
  assert.equal(
    (await runner.ocicat(["get", "ipool"])).err,
    "failed to get resources: resource type 'ipool' is not supported\n  did you mean 'ippool'?\n",
  );
  for (const kind of ["pods", "Pod", "po"]) {
    assert.equal(
      (await runner.ocicat(["get", kind])).err,
      `failed to get resources: resource type '${kind}' is not supported\n  pods are Kubernetes' own: 'kubectl get pods'; 'ocicat get workloadendpoints' shows what attaches them, and in a lab 'ocicat lab pod list' shows them\n`,
    );
  }
  assert.equal(
    (await runner.ocicat(["get", "svc"])).err,
    "failed to get resources: resource type 'svc' is not supported\n  services are Kubernetes' own: 'kubectl get services'\n",
  );
  assert.equal(
    (await runner.ocicat(["get", "pods1"])).err,
    "failed to get resources: resource type 'pods1' is not supported\n",
    "short names are near to everything, and none is suggested",
  );
  assert.equal((await runner.ocicat(["get", "ippool", ""])).err, "resource name may not be empty\n");
  assert.equal((await runner.ocicat(["get", "ippool", "-o", "xml"])).err, "unrecognized output format 'xml'\n");
  assert.equal(
    (await runner.ocicat(["get", "ippool", "-o", "custom-columns=NAME,cidr"])).err,
    "unknown heading cidr, valid values are: NAME, CIDR, NAT, IPIPMODE, VXLANMODE, DISABLED, DISABLEBGPEXPORT, SELECTOR, ASSIGNMENTMODE\n",
  );
  assert.equal(
    (await runner.ocicat(["get", "ippool", "-o", "custom-columns=CIDR,NAT"])).out,
    "CIDR            NAT    \n172.16.0.0/16   true   \n\n",
  );
  assert.equal((await runner.ocicat(["get", "ippool", "-o", "name"])).out, "ippool/default-ipv4-ippool\n");
  assert.equal((await runner.ocicat(["get", "ippool", "-n", "x"])).err, "IPPool is not namespaced\n");
  assert.equal(
    (await runner.ocicat(["get", "wep", "-n", "x", "-A"])).err,
    "cannot use both --namespace and --all-namespaces flags at the same time\n",
  );
  assert.equal(
    (await runner.ocicat(["get", "wep", "w", "-A"])).err,
    "cannot use --all-namespace flag for getting a single resource\n",
  );
  assert.equal((await runner.ocicat(["get"])).code, 2);
  assert.equal((await runner.ocicat(["get", "ippool", "--bogus"])).code, 2);
  const sequence = await runner.ocicat(["get", "ippool", "default-ipv4-ippool", "default-ipv4-ippool", "-o", "yaml"]);
  assert.equal(sequence.out.match(/^- apiVersion: projectcalico\.org\/v3$/gm)?.length, 2);
  const exported = await runner.ocicat(["get", "ippool", "default-ipv4-ippool", "-o", "yaml", "--export"]);
  assert.match(exported.out, /metadata:\n {2}creationTimestamp: null\n {2}name: default-ipv4-ippool\nspec:/);
  const json = await runner.ocicat(["get", "ippool", "-o", "json"]);
  assert.ok(
    json.out.startsWith(
      '{\n  "kind": "IPPoolList",\n  "apiVersion": "projectcalico.org/v3",\n  "metadata": {},\n  "items": [',
    ),
  );
});

test("endpoints: only the heading at first, then a line for each, the namespace where it was asked for", async () => {
  const runner = new CommandRunner();
  assert.equal(
    (await runner.ocicat(["get", "workloadendpoints"])).out,
    "WORKLOAD   NODE   NETWORKS   INTERFACE   \n\n",
  );
  const endpoint = resource(
    "WorkloadEndpoint",
    "n--1-k8s-web--0-eth0",
    {
      node: "n-1",
      orchestrator: "k8s",
      pod: "web-0",
      endpoint: "eth0",
      ipNetworks: ["10.0.0.5/32"],
      interfaceName: "cali1",
      profiles: ["kns.default"],
    },
    { namespace: "shop" },
  );
  assert.equal((await runner.ocicat(["apply", "-f", "-"], endpoint)).code, 0);
  assert.equal((await runner.ocicat(["get", "wep"])).out, "WORKLOAD   NODE   NETWORKS   INTERFACE   \n\n");
  assert.equal(
    (await runner.ocicat(["get", "wep", "-A"])).out,
    "NAMESPACE   WORKLOAD   NODE   NETWORKS      INTERFACE   \nshop        web-0      n-1    10.0.0.5/32   cali1       \n\n",
  );
  assert.match((await runner.ocicat(["get", "wep", "-n", "shop", "-o", "wide"])).out, /^NAMESPACE {3}NAME/);
  const unnamed = endpoint.replace('"name":"n--1-k8s-web--0-eth0",', "").replace("web-0", "web-1");
  assert.equal(
    (await runner.ocicat(["apply", "-f", "-"], unnamed)).out,
    "Successfully applied 1 'WorkloadEndpoint' resource(s)\n",
  );
  assert.ok(await runner.stored("WorkloadEndpoint", "n--1-k8s-web--1-eth0", "shop"));
  const misnamed = await runner.ocicat(["apply", "-f", "-"], endpoint.replace("web-0", "web-2"));
  assert.match(misnamed.err, /expected name n--1-k8s-web--2-eth0/);
  const clash = await runner.ocicat(["apply", "-n", "other", "-f", "-"], endpoint);
  assert.equal(
    clash.err,
    "failed to apply 'WorkloadEndpoint' resource: [resource namespace does not match client namespace. shop != other]\n",
  );
});

test("nodes show the cluster's AS number in parentheses, their own without", async () => {
  const runner = new CommandRunner();
  const nodes = documents(
    resource("BGPConfiguration", "default", { asNumber: "1.1" }),
    resource("Node", "a", { bgp: { ipv4Address: "10.0.0.1/24" } }),
    resource("Node", "b", { bgp: { ipv4Address: "10.0.0.2/24", asNumber: 64513 } }),
    resource("Node", "c", {}),
  );
  assert.equal((await runner.ocicat(["apply", "-f", "-"], nodes)).err, "");
  assert.equal(
    (await runner.ocicat(["get", "nodes", "-o", "wide"])).out,
    "NAME   ASN       IPV4          IPV6   \na      (65537)   10.0.0.1/24          \nb      64513     10.0.0.2/24          \nc                                     \n\n",
  );
});

test("files, folders and what is wrong with them", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-ctl-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const runner = new CommandRunner(folder);
  fs.mkdirSync(path.join(folder, "m/deep"), { recursive: true });
  fs.mkdirSync(path.join(folder, "none"));
  fs.writeFileSync(path.join(folder, "m/b.yaml"), pool("b", "10.2.0.0/16"));
  fs.writeFileSync(path.join(folder, "m/a.json"), pool("a", "10.1.0.0/16"));
  fs.writeFileSync(path.join(folder, "m/README.md"), "no manifest");
  fs.writeFileSync(path.join(folder, "m/deep/c.yml"), "kind: IPPool\nspec: {\n");
  fs.writeFileSync(path.join(folder, "empty.yaml"), "# nothing\n");
  assert.equal((await runner.ocicat(["apply", "-f", "m"])).out, "Successfully applied 2 'IPPool' resource(s)\n");
  assert.match(
    (await runner.ocicat(["apply", "-R", "-f", "m"])).err,
    /^failed to execute command: m\/deep\/c\.yml, document 1, line 3/,
  );
  assert.equal((await runner.ocicat(["apply", "-f", "empty.yaml"])).err, "no resources specified in file empty.yaml\n");
  assert.equal((await runner.ocicat(["apply", "-f", "none"])).err, "no resources specified in directory none\n");
  assert.deepEqual(await runner.ocicat(["apply", "--skip-empty", "-f", "empty.yaml"]), {
    code: 0,
    out: "No resources specified\n",
    err: "",
  });
  assert.equal(
    (await runner.ocicat(["apply", "-f", "gone.yaml"])).err,
    "failed to execute command: open gone.yaml: no such file or directory\n",
  );
});

test("of two files none is left out without a word", async () => {
  const { code, err } = await new CommandRunner().ocicat(["apply", "-f", "a.yaml", "-f", "b.yaml"]);
  assert.equal(code, 2);
  assert.match(err, /'b\.yaml' is invalid\. 'a\.yaml' stands before it: name one folder, or run the command for each/);
});

test("a text that is not UTF-8 is refused with its line, and not mended by guessing", async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-ctl-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const runner = new CommandRunner(folder);
  const text = `# Größe \ufffd\n${pool("a", "10.1.0.0/16")}\n# caf\u00e9`;
  fs.writeFileSync(path.join(folder, "utf8.yaml"), text);
  fs.writeFileSync(
    path.join(folder, "latin1.yaml"),
    Buffer.concat([Buffer.from("# é\n# "), Buffer.from("é", "latin1")]),
  );
  fs.writeFileSync(path.join(folder, "utf16.yaml"), Buffer.from(`\ufeff${text}`, "utf16le"));
  const errorOf = async (file: string) => (await runner.ocicat(["validate", "-f", file])).err;
  assert.equal(await errorOf("utf8.yaml"), "");
  assert.equal(
    await errorOf("latin1.yaml"),
    "failed to execute command: latin1.yaml, line 2: the text is not UTF-8 (octet 0xe9); save it as UTF-8\n",
  );
  assert.equal(
    await errorOf("utf16.yaml"),
    "failed to execute command: utf16.yaml, line 1: the text is not UTF-8 (octet 0xff); save it as UTF-8\n",
  );
});

test("what the cluster keeps itself is read only; what is not enforced yet says so", async () => {
  const runner = await withPool();
  const info = resource("ClusterInformation", "default", { clusterType: "x" });
  assert.equal(
    (await runner.ocicat(["apply", "-f", "-"], info)).err,
    "failed to apply 'ClusterInformation' resource: [operation apply is not supported on ClusterInformation: resource is readonly]\n",
  );
  assert.match(
    (await runner.ocicat(["delete", "clusterinfo", "default"])).err,
    /operation delete is not supported on ClusterInformation/,
  );
  const peer = { peerIP: "10.0.0.1", asNumber: 65001 };
  assert.equal((await runner.ocicat(["apply", "-f", "-"], resource("BGPPeer", "tor", peer))).err, "");
  const severity = { logSeverityScreen: "Debug" };
  assert.match(
    (await runner.ocicat(["apply", "-f", "-"], resource("BGPConfiguration", "default", severity))).err,
    /act on spec\.logSeverityScreen: the agent logs for BGP too/,
  );
  const named = (name: string) => runner.ocicat(["apply", "-f", "-"], resource("BGPConfiguration", name, {}));
  assert.equal((await named("node.worker-1")).err, "");
  assert.equal(
    (await named("defualt")).err,
    "ocicat: BGPConfiguration is acted on, but this version does not act on one named 'defualt': only 'default' and 'node.NAME' are used\n",
  );
  const rack = { peerSelector: "all()", localASNumber: 65001, ttlSecurity: 1 };
  assert.equal(
    (await runner.ocicat(["apply", "-f", "-"], resource("BGPPeer", "rack", rack))).err,
    "ocicat: BGPPeer is acted on, but this version does not act on spec.localASNumber: it counts with peerIP only\n",
  );
  const pods = { localWorkloadSelector: "all()", asNumber: 65001, localASNumber: 65002, ttlSecurity: 1 };
  assert.equal(
    (await runner.ocicat(["apply", "-f", "-"], resource("BGPPeer", "pods", pods))).err,
    "ocicat: BGPPeer is acted on, but this version does not act on spec.ttlSecurity: sessions with pods go by AS numbers and filters alone\n",
  );
  const link = (spec: JsonObject) => runner.ocicat(["apply", "-f", "-"], resource("BGPConfiguration", "default", spec));
  assert.equal((await link({ localWorkloadPeeringIPV4: "169.254.7.1" })).err, "");
  assert.match(
    (await link({ localWorkloadPeeringIPV6: "169.254.7.1" })).err,
    /LocalWorkloadPeeringIPV6 = '169\.254\.7\.1' \(must be an IPv6 address\)/,
  );
  const programs = (value: string) => resource("BGPConfiguration", "default", { programClusterRoutes: value });
  assert.equal((await runner.ocicat(["apply", "-f", "-"], programs("Disabled"))).err, "");
  assert.match(
    (await runner.ocicat(["apply", "-f", "-"], programs("Enabled"))).err,
    /act on spec\.programClusterRoutes: /,
  );
  const patched = async (spec: JsonObject) =>
    (await runner.ocicat(["patch", "bgpconfig", "default", "-p", formatJson({ spec })])).err;
  assert.match(
    await patched({ serviceClusterIPs: [{ cidr: "10.96.0.0/12" }], programClusterRoutes: null }),
    /^ocicat: BGPConfiguration is acted on, but this version does not act on spec\.serviceClusterIPs: [^\n]*\n$/,
  );
  assert.equal(await patched({ serviceClusterIPs: null }), "");
  const policy = resource("NetworkPolicy", "deny", { ingress: [{ action: "Deny" }] });
  const applied = await runner.ocicat(["apply", "-f", "-"], policy);
  assert.match(applied.err, /^ocicat: NetworkPolicy is stored, but this version does not act on it: /);
  const created = await runner.ocicat(["create", "-f", "-"], resource("NetworkPolicy", "other", {}));
  assert.match(created.err, /^ocicat: NetworkPolicy is stored, but this version does not act on it: /);
  const replaced = await runner.ocicat(["replace", "-f", "-"], policy);
  assert.match(replaced.err, /^ocicat: NetworkPolicy is stored, but this version does not act on it: /);
  const stored = (await runner.stored("NetworkPolicy", "deny", "default"))!;
  assert.deepEqual(stored["spec"], {
    tier: "default",
    ingress: [{ action: "Deny", source: {}, destination: {} }],
    types: ["Ingress"],
  });
  assert.deepEqual((stored["metadata"] as JsonObject)["labels"], { "projectcalico.org/tier": "default" });
  const knp = await runner.ocicat(["apply", "-f", "-"], resource("NetworkPolicy", "knp.default.x", {}));
  assert.match(knp.err, /kubernetes network policies must be managed through the kubernetes API/);
});

test("tiers: policies need theirs, one with policies stays, the built-in ones stay always", async () => {
  const runner = await withPool();
  const policy = resource("GlobalNetworkPolicy", "p", { tier: "web" });
  assert.match(
    (await runner.ocicat(["apply", "-f", "-"], policy)).err,
    /resource does not exist: Tier\(web\) with error: <nil>/,
  );
  await runner.ocicat(["apply", "-f", "-"], documents(resource("Tier", "web", { order: 7 }), policy));
  assert.match(
    (await runner.ocicat(["delete", "tier", "web"])).err,
    /Cannot delete a non-empty tier\n {2}delete or move its policies first: GlobalNetworkPolicy\(p\)/,
  );
  assert.match(
    (await runner.ocicat(["delete", "tier", "default"])).err,
    /operation delete is not supported on Tier\(default\)/,
  );
});

test("the built-in profile is there without being stored, and is nobody's", async () => {
  const runner = await withPool();
  const name = "projectcalico-default-allow";
  await runner.ocicat(["apply", "-f", "-"], resource("Profile", "zone", {}));
  assert.deepEqual(
    (await runner.ocicat(["get", "profile"])).out.split("\n").map((line) => line.trimEnd()),
    ["NAME", "zone", name, "", ""],
  );
  assert.equal(
    (await runner.ocicat(["get", "profile", name, "-o", "yaml"])).out,
    `apiVersion: projectcalico.org/v3
kind: Profile
metadata:
  creationTimestamp: null
  name: ${name}
  resourceVersion: "0"
spec:
  egress:
  - action: Allow
    destination: {}
    source: {}
  ingress:
  - action: Allow
    destination: {}
    source: {}
`,
  );
  const errorOf = async (...args: readonly string[]) =>
    (await runner.ocicat(args, resource("Profile", name, { labelsToApply: { a: "b" } }))).err;
  const stays = (operation: string, done: string) =>
    `operation ${operation} is not supported on ${name}: The profile "${name}" is a default provided by Calico and cannot be ${done}`;
  assert.match(await errorOf("create", "-f", "-"), /resource already exists: Profile\(projectcalico-default-allow\)/);
  assert.equal(
    (await errorOf("apply", "-f", "-")).split("\n")[0],
    `failed to apply 'Profile' resource: [${stays("Update", "updated")}]`,
  );
  assert.equal(
    await errorOf("delete", "profile", name),
    `Failed to delete 'Profile' resource: ${stays("Delete", "deleted")}\n`,
  );
  assert.match(await errorOf("label", "profile", name, "a=b"), /label not changed\n.*cannot be updated/);
  assert.match(await errorOf("patch", "profile", name, "-p", "{}"), /cannot be updated/);
  assert.equal(await runner.stored("Profile", name), undefined);
});

test("an object that is too large for the store is refused by its place, and the others go on", async () => {
  const runner = await withPool();
  const open = runner.store.client.bind(runner.store);
  runner.store.client = () => {
    const store = open();
    store.beforeWrite = ([op]) => {
      if (op?.key.name === "big") throw new StoreError("tooLarge", "its 9 octets are too many", { key: "big" });
    };
    return store;
  };
  const text = documents(resource("GlobalNetworkSet", "big", { nets: [] }), resource("GlobalNetworkSet", "small", {}));
  const { code, err } = await runner.ocicat(["apply", "-f", "-"], text);
  assert.equal(code, 1);
  assert.match(err, /hit error: \[error with field GlobalNetworkSet\.Spec \(its 9 octets are too many\)\]/);
  assert.match(err, /\n {2}standard input, document 1, line \d+: spec: write several smaller objects\n/);
  assert.ok(await runner.stored("GlobalNetworkSet", "small"));
});

test("the filters of a peer are there first", async () => {
  const runner = await withPool();
  const apply = (text: string) => runner.ocicat(["apply", "-f", "-"], text);
  assert.equal((await apply(resource("Profile", "kns.web", { labelsToApply: { a: "b" } }))).code, 0);
  const peer = resource("BGPPeer", "p", { peerIP: "10.9.9.9", asNumber: 64512, filters: ["f"] });
  assert.match((await apply(peer)).err, /resource does not exist: BGPFilter\(f\)/);
  assert.equal((await apply(documents(resource("BGPFilter", "f", {}), peer))).code, 0);
});

test("a pool with pods' addresses stays unless it is forced; its blocks are given up with it", async () => {
  const runner = await withPool();
  const block = blockObject("172.16.8.0/24", "n1", {
    0: { node: "n1", type: "vxlanTunnelAddress" },
    3: { node: "n2" },
    4: { node: "n2" },
  });
  await runner.store.write([
    { op: "put", key: block.key, value: block.value },
    { op: "put", key: { kind: "BlockAffinity", name: "host/n1/172.16.8.0/24" }, value: { state: "confirmed" } },
  ]);
  const refused = await runner.ocicat(["delete", "ippool", "default-ipv4-ippool"]);
  assert.match(
    refused.err,
    /^Failed to delete 'IPPool' resource: IPPool\(default-ipv4-ippool\) still has 2 addresses assigned: node n2\n {2}set disabled: true/,
  );
  assert.equal(((await runner.stored("IPPool", "default-ipv4-ippool"))!["spec"] as JsonObject)["disabled"], undefined);
  assert.equal((await runner.ocicat(["delete", "ippool", "default-ipv4-ippool", "--force"])).code, 0);
  assert.equal(await runner.stored("IPPool", "default-ipv4-ippool"), undefined);
  assert.equal(await runner.stored("BlockAffinity", "host/n1/172.16.8.0/24"), undefined);
  assert.equal((await runner.stored("IPAMBlock", "172.16.8.0/24"))!["affinity"], null);
});

test("a pool that nobody uses is disabled before it goes, and comes back when a pod was faster", async () => {
  const runner = await withPool();
  const client = runner.store.client();
  const block = blockObject("172.16.8.0/24", "n1", { 3: { node: "n1" } });
  const open = runner.store.client.bind(runner.store);
  const writes: string[] = [];
  runner.store.client = () => {
    const store = open();
    store.beforeWrite = async (ops) => {
      const [op] = ops;
      const disabled = op?.op === "update" && (op.value["spec"] as JsonObject)["disabled"];
      writes.push(`${op?.op} ${disabled ?? ""}`);
      if (disabled === true) await client.write([{ op: "put", key: block.key, value: block.value }]);
    };
    return store;
  };
  const remove = () => runner.ocicat(["delete", "ippool", "default-ipv4-ippool"]);
  assert.match((await remove()).err, /still has 1 address assigned: node n1/);
  assert.deepEqual(writes, ["update true", "update "]);
  assert.equal(((await runner.stored("IPPool", "default-ipv4-ippool"))!["spec"] as JsonObject)["disabled"], undefined);

  await client.write([{ op: "delete", key: block.key }]);
  const disable = await runner.ocicat(["patch", "ippool", "default-ipv4-ippool", "-p", '{"spec":{"disabled":true}}']);
  assert.equal(disable.code, 0);
  await client.write([{ op: "delete", key: block.key }]);
  writes.length = 0;
  assert.equal((await remove()).code, 0);
  assert.deepEqual(writes, ["delete false"], "it was disabled already");
});

test("delete with a revision goes only with that one; what is gone meanwhile is not there", async () => {
  const runner = await withPool();
  await runner.ocicat(
    ["create", "-f", "-"],
    documents(resource("NetworkSet", "a", {}), resource("NetworkSet", "b", {})),
  );
  const client = runner.store.client();
  const open = runner.store.client.bind(runner.store);
  let meanwhile: (key: ObjectKey) => Promise<unknown> = async () => {};
  runner.store.client = () => {
    const store = open();
    store.beforeWrite = async ([op]) => {
      if (op?.op === "delete") await meanwhile(op.key);
    };
    return store;
  };
  const { out } = await runner.ocicat(["get", "networkset", "a", "-o", "json"]);
  meanwhile = async (key) => client.write([{ op: "put", key, value: (await client.get(key))!.value }]);
  assert.match((await runner.ocicat(["delete", "-f", "-"], out)).err, /update conflict: NetworkSet\(default\/a\)/);
  assert.ok(await runner.stored("NetworkSet", "a", "default"));
  assert.equal((await runner.ocicat(["delete", "networkset", "a"])).code, 0);
  meanwhile = (key) => client.write([{ op: "delete", key }]);
  assert.match(
    (await runner.ocicat(["delete", "networkset", "b"])).err,
    /resource does not exist: NetworkSet\(default\/b\)/,
  );
});

test("a pool goes without a look at its neighbours' blocks", async () => {
  const runner = await withPool();
  const neighbour = pool("neighbour", "172.17.0.0/16", { blockSize: 24 });
  assert.equal((await runner.ocicat(["apply", "-f", "-"], neighbour)).err, "");
  const block = blockObject("172.17.8.0/24", "n1", { 3: { node: "n1" } });
  await runner.store.write([
    { op: "put", key: block.key, value: block.value },
    { op: "put", key: { kind: "BlockAffinity", name: "host/n1/172.17.8.0/24" }, value: { state: "confirmed" } },
  ]);
  assert.equal((await runner.ocicat(["delete", "ippool", "default-ipv4-ippool"])).code, 0);
  assert.deepEqual(await runner.stored("IPAMBlock", "172.17.8.0/24"), block.value);
  assert.deepEqual(await runner.stored("BlockAffinity", "host/n1/172.17.8.0/24"), { state: "confirmed" });
});

test("a pool over blocks of another size is refused", async () => {
  const runner = new CommandRunner();
  const { key, value } = blockObject("10.1.0.0/28", "n1");
  await runner.store.write([{ op: "put", key, value }]);
  const refused = await runner.ocicat(["apply", "-f", "-"], pool("a", "10.1.0.0/16"));
  assert.match(
    refused.err,
    /IPPool\.Spec\.BlockSize = '26' \(IPPool blocksSize conflicts with existing allocations that use a different blockSize\)\]\n.*write blockSize: 28/,
  );
  assert.equal((await runner.ocicat(["apply", "-f", "-"], pool("a", "10.2.0.0/16"))).code, 0);
});

test("with a node goes what was its own, and nothing of a node with a longer name", async () => {
  const runner = await withPool();
  await runner.ocicat(
    ["apply", "-f", "-"],
    documents(
      ...["n1", "n10"].flatMap((node) => [
        resource("Node", node, {}),
        resource("FelixConfiguration", `node.${node}`, {}),
        resource("BGPPeer", `p-${node}`, { node, peerIP: "10.9.9.9", asNumber: 64512 }),
        resource("HostEndpoint", `h-${node}`, { node, interfaceName: "eth0" }),
        resource("WorkloadEndpoint", `${node}-k8s-web-eth0`, {
          node,
          orchestrator: "k8s",
          pod: "web",
          endpoint: "eth0",
          interfaceName: "cali1",
        }),
      ]),
    ),
  );
  const blocks = { n1: "172.16.8.0/24", n10: "172.16.9.0/24" };
  for (const [node, cidr] of Object.entries(blocks)) {
    const { key, value: block } = blockObject(cidr, node, { 0: { node } });
    const value = { ...block, attributes: [{ handle_id: `handle-${node}`, secondary: { node } }] };
    const affinity = { kind: "BlockAffinity", name: `host/${node}/${cidr}` };
    const handle = { kind: "IPAMHandle", name: `handle-${node}` };
    await runner.store.write([
      { op: "put", key, value },
      { op: "put", key: affinity, value: { state: "confirmed" } },
      { op: "put", key: handle, value: { block: { [cidr]: 1 }, deleted: false } },
    ]);
  }
  assert.deepEqual(await runner.ocicat(["delete", "node", "n1"]), {
    code: 0,
    out: "Successfully deleted 1 'Node' resource(s)\n",
    err: "",
  });
  for (const [node, stays] of [
    ["n1", false],
    ["n10", true],
  ] as const) {
    for (const [kind, name, namespace] of [
      ["Node", node],
      ["FelixConfiguration", `node.${node}`],
      ["BGPPeer", `p-${node}`],
      ["HostEndpoint", `h-${node}`],
      ["WorkloadEndpoint", `${node}-k8s-web-eth0`, "default"],
      ["IPAMBlock", blocks[node]],
      ["BlockAffinity", `host/${node}/${blocks[node]}`],
      ["IPAMHandle", `handle-${node}`],
    ] as const)
      assert.equal((await runner.stored(kind, name, namespace)) !== undefined, stays, `${kind} of ${node}`);
  }
});

test("fields of another version survive our rewriting, others are refused", async () => {
  const runner = await withPool();
  const key = { kind: "IPPool", name: "default-ipv4-ippool" };
  const stored = (await runner.stored("IPPool", key.name))!;
  const value = { ...stored, spec: { ...(stored["spec"] as JsonObject), shinyNewField: 2n ** 63n } };
  await runner.store.write([{ op: "put", key, value }]);
  const yaml = (await runner.ocicat(["get", "ippool", key.name, "-o", "yaml"])).out;
  assert.match(yaml, /shinyNewField: 9223372036854775808/);
  const applied = await runner.ocicat(["apply", "-f", "-"], yaml.replace("natOutgoing: true", "natOutgoing: false"));
  assert.equal(applied.err, "");
  await runner.ocicat(["patch", "ippool", key.name, "-p", '{"spec":{"ipipMode":"Never"}}']);
  assert.equal(((await runner.stored("IPPool", key.name))!["spec"] as JsonObject)["shinyNewField"], 2n ** 63n);
  const other = await runner.ocicat(["apply", "-f", "-"], yaml.replace("9223372036854775808", "1"));
  assert.match(
    other.err,
    /^failed to execute command: field in document is not recognized or is in the wrong location: shinyNewField\n/,
  );
});

test("a cluster of another minor version is refused, until it is allowed", async () => {
  const runner = await withPool();
  const key = { kind: "ClusterInformation", name: "default" };
  const version = async (calicoVersion: string) => {
    const value = { ...(await runner.store.get(key))!.value, spec: { calicoVersion, clusterType: "bgp" } };
    await runner.store.write([{ op: "put", key, value }]);
  };
  await version("v3.32.0");
  assert.equal((await runner.ocicat(["get", "ippool"])).code, 0);
  await version("v3.31.7");
  assert.deepEqual(await runner.ocicat(["get", "ippool"]), {
    code: 1,
    out: "",
    err: "version mismatch.\nClient Version:   v3.32.1-ocicat0.1.0\nCluster Version:  v3.31.7\nUse --allow-version-mismatch to override\n",
  });
  assert.equal((await runner.ocicat(["get", "ippool", "--allow-version-mismatch"])).code, 0);
  assert.match(
    (await runner.ocicat(["version"])).out,
    /^Client Version: {4}v3\.32\.1-ocicat0\.1\.0\nGit commit: {8}\S+\nCluster Version: {3}v3\.31\.7\nCluster Type: {6}bgp\n$/,
  );
});

test("a store that is away is one clear line", async () => {
  const runner = await withPool();
  const open = runner.store.client.bind(runner.store);
  runner.store.client = () => Object.assign(open(), { isAway: true });
  const away = { code: 1, out: "", err: "Error: the store does not answer\n" };
  assert.deepEqual(await runner.ocicat(["get", "ippool"]), away);
  assert.deepEqual(await runner.ocicat(["create", "-f", "-"], pool("b", "10.1.0.0/16")), away);
  assert.deepEqual(await runner.ocicat(["delete", "ippool", "default-ipv4-ippool"]), away);
});

test("no input makes a command crash", async () => {
  const runner = await withPool();
  const word = fc.constantFrom(
    "kind: IPPool\n",
    "apiVersion: projectcalico.org/v3\n",
    "metadata: {name: a}\n",
    "spec: {cidr: 10.0.0.0/8}\n",
    "spec: 7\n",
    "---\n",
    "- x\n",
    "{",
    "“",
    "\t",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.array(word).map((words) => words.join("")),
        fc.string(),
      ),
      async (text) => {
        for (const verb of ["validate", "apply", "delete"]) {
          const { code } = await runner.ocicat([verb, "-f", "-"], text);
          assert.ok(code === 0 || code === 1, text);
        }
      },
    ),
    { numRuns: runs(150) },
  );
});
