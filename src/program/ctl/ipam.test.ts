import assert from "node:assert/strict";
import { test } from "node:test";
import { formatJson, type JsonObject } from "../../base/json.ts";
import { CommandRunner } from "../../testing/command-runner.ts";
import { blockObject, stored } from "../../testing/objects.ts";

const pool = (name: string, cidr: string): string =>
  formatJson({ apiVersion: "projectcalico.org/v3", kind: "IPPool", metadata: { name }, spec: { cidr } });

async function withBlocks(): Promise<CommandRunner> {
  const runner = new CommandRunner();
  await runner.ocicat(
    ["apply", "-f", "-"],
    `${pool("a", "192.168.0.0/16")}\n---\n${pool("b", "10.0.0.0/15")}\n---\n${pool("c", "fd00::/64")}`,
  );
  const blocks = [
    blockObject("192.168.226.64/26", "worker-1", {
      0: { node: "worker-1", type: "vxlanTunnelAddress" },
      1: { node: "worker-1" },
      2: { node: "worker-2" },
    }),
    blockObject("192.168.133.192/26", "worker-2"),
    blockObject("172.31.0.0/26", "worker-1", { 5: { node: "worker-1" } }),
  ];
  await runner.store.write(blocks.map(({ key, value }) => ({ op: "put", key, value })));
  return runner;
}

test("ipam show: pools, then with their blocks, blocks of no pool last", async () => {
  const runner = await withBlocks();
  assert.equal(
    (await runner.ocicat(["ipam", "show"])).out,
    `+----------+----------------+------------+------------+-------------------+
| GROUPING |      CIDR      | IPS TOTAL  | IPS IN USE |     IPS FREE      |
+----------+----------------+------------+------------+-------------------+
| IP Pool  | 192.168.0.0/16 |      65536 | 3 (0%)     | 65533 (100%)      |
| IP Pool  | 10.0.0.0/15    | 1.3107e+05 | 0 (0%)     | 1.3107e+05 (100%) |
| IP Pool  | fd00::/64      | 1.8447e+19 | 0 (0%)     | 1.8447e+19 (100%) |
+----------+----------------+------------+------------+-------------------+
`,
  );
  assert.equal(
    (await runner.ocicat(["ipam", "show", "--show-blocks"])).out,
    `+----------+--------------------+------------+------------+-------------------+
| GROUPING |        CIDR        | IPS TOTAL  | IPS IN USE |     IPS FREE      |
+----------+--------------------+------------+------------+-------------------+
| IP Pool  | 192.168.0.0/16     |      65536 | 3 (0%)     | 65533 (100%)      |
| Block    | 192.168.133.192/26 |         64 | 0 (0%)     | 64 (100%)         |
| Block    | 192.168.226.64/26  |         64 | 3 (5%)     | 61 (95%)          |
| IP Pool  | 10.0.0.0/15        | 1.3107e+05 | 0 (0%)     | 1.3107e+05 (100%) |
| IP Pool  | fd00::/64          | 1.8447e+19 | 0 (0%)     | 1.8447e+19 (100%) |
| Block    | 172.31.0.0/26      |         64 | 1 (2%)     | 63 (98%)          |
+----------+--------------------+------------+------------+-------------------+
`,
  );
});

test("ipam show --ip: who uses an address", async () => {
  const runner = await withBlocks();
  const show = async (ip: string) => (await runner.ocicat(["ipam", "show", `--ip=${ip}`])).out;
  assert.equal(
    await show("192.168.226.64"),
    "IP 192.168.226.64 is in use\nHandle ID: handle-0\nActive Owner Attributes:\n  node: worker-1\n  type: vxlanTunnelAddress\n",
  );
  assert.equal(await show("192.168.226.70"), "192.168.226.70 is not assigned\n");
  assert.equal(await show("8.8.8.8"), "8.8.8.8 is not assigned\n");
  const bare = stored("IPAMBlock", "10.0.0.0/31", {
    cidr: "10.0.0.0/31",
    affinity: null,
    allocations: [0, null],
    unallocated: [1],
    attributes: [{ handle_id: null, secondary: null, alternateOwnerAttrs: { pod: "b", node: "a" } }],
    sequenceNumber: 1,
    deleted: false,
  });
  await runner.store.write([{ op: "put", key: bare.key, value: bare.value }]);
  assert.equal(
    await show("10.0.0.0"),
    "IP 10.0.0.0 is in use\nHandle ID: <none>\nNo Active Owner attributes defined\nAlternate Owner Attributes:\n  node: a\n  pod: b\n",
  );
  const bad = await runner.ocicat(["ipam", "show", "--ip", "x"]);
  assert.deepEqual([bad.code, bad.err], [1, "invalid IP address specified: x\n"]);
  assert.equal((await runner.ocicat(["ipam", "show", "--show-blocks", "--show-borrowed"])).code, 2);
});

test("ipam show --show-borrowed: addresses that another node uses than the owner", async () => {
  const runner = await withBlocks();
  assert.equal(
    (await runner.ocicat(["ipam", "show", "--show-borrowed"])).out,
    `+----------------+----------------+-------------------+-------------+------+--------------+
|       IP       | BORROWING-NODE |       BLOCK       | BLOCK OWNER | TYPE | ALLOCATED-TO |
+----------------+----------------+-------------------+-------------+------+--------------+
| 192.168.226.66 | worker-2       | 192.168.226.64/26 | worker-1    |      |              |
+----------------+----------------+-------------------+-------------+------+--------------+
`,
  );
});

test("ipam configure: the resource and the record change together, and the rest stays", async () => {
  const runner = await withBlocks();
  const table = async () => (await runner.ocicat(["ipam", "show", "--show-configuration"])).out;
  assert.match(
    await table(),
    /\| StrictAffinity {15}\| false {3}\|\n\| AutoAllocateBlocks {11}\| true {4}\|\n\| MaxBlocksPerHost {13}\| {7}0 \|/,
  );
  const set = await runner.ocicat(["ipam", "configure", "--strictaffinity=true", "--max-blocks-per-host=4"]);
  assert.deepEqual(set, {
    code: 0,
    out: "Successfully set StrictAffinity to: true\nSuccessfully set MaxBlocksPerHost to: 4\n",
    err: "",
  });
  const record = (await runner.stored("IPAMConfig", "default"))!;
  assert.equal(formatJson(record), '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":4}');
  const resource = (await runner.stored("IPAMConfiguration", "default"))!;
  assert.equal(formatJson(resource["spec"]), '{"strictAffinity":true,"autoAllocateBlocks":true,"maxBlocksPerHost":4}');
  assert.match(await table(), /\| MaxBlocksPerHost {13}\| {7}4 \|/);
  const patched = await runner.ocicat(["patch", "ipamconfig", "default", "-p", '{"spec":{"maxBlocksPerHost":7}}']);
  assert.equal(patched.code, 0);
  const persistent = '{"spec":{"kubeVirtVMAddressPersistence":"Enabled"}}';
  assert.equal((await runner.ocicat(["patch", "ipamconfig", "default", "-p", persistent])).code, 0);
  assert.equal(
    formatJson(await runner.stored("IPAMConfig", "default")),
    '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":7,"kubeVirtVMAddressPersistence":"Enabled"}',
  );
});

test("ipam configure refuses what would leave nothing to assign", async () => {
  const runner = await withBlocks();
  const refused = async (...args: string[]) => (await runner.ocicat(["ipam", "configure", ...args])).err;
  assert.equal(await refused(), "at least one configuration option must be specified\n");
  assert.equal(await refused("--strictaffinity=maybe"), "invalid value. Use true or false to set strictaffinity\n");
  assert.match(
    await refused("--max-blocks-per-host=4"),
    /MaxBlocksPerHost can only be set when StrictAffinity is true/,
  );
  await runner.store.write([
    {
      op: "put",
      key: { kind: "IPAMConfig", name: "default" },
      value: { strict_affinity: true, auto_allocate_blocks: false, maxBlocksPerHost: 0 } as JsonObject,
    },
  ]);
  assert.match(
    await refused("--strictaffinity=false"),
    /Cannot disable 'StrictAffinity' and 'AutoAllocateBlocks' at the same time/,
  );
});

test("ipam release: an address goes back, a free one is an error", async () => {
  const runner = await withBlocks();
  assert.deepEqual(await runner.ocicat(["ipam", "release", "--ip=192.168.226.65"]), {
    code: 0,
    out: "Successfully released IP address 192.168.226.65\n",
    err: "",
  });
  assert.deepEqual(await runner.ocicat(["ipam", "release", "--ip=192.168.226.65"]), {
    code: 1,
    out: "",
    err: "IP address 192.168.226.65 is not assigned\n",
  });
  assert.equal((await runner.ocicat(["ipam", "release"])).code, 2);
  assert.equal((await runner.ocicat(["ipam"])).code, 2);
});
