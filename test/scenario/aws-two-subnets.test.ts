/**
 * Founding scenario A, its VXLAN rows: what `ip`, `bridge` and `nft` say on the hosts, and who reaches whom with the
 * source/destination check on and off. Looked at from outside, never with our own codecs.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { expectPaths, matrix } from "./check-matrix.ts";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";

const skip = cannotRunLabs() ?? false;

describe("aws-two-subnets by VXLAN", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("aws-two-subnets", "--backend", "vxlan");
  });
  after(() => bed?.close());

  const setMode = async (mode: string) => {
    const patch = await bed.ocicat("patch", "ippool", "default-ipv4-ippool", "-p", `{"spec":{"vxlanMode":"${mode}"}}`);
    assert.equal(patch.stdout, "Successfully patched 1 'IPPool' resource\n");
  };
  const setCheck = async (state: "on" | "off") => {
    const outcome = await bed.ocicat("lab", "underlay", "set", "all", `srcdst=${state}`);
    assert.equal(outcome.code, 0, outcome.stderr);
  };
  const expectRoutes = (host: string, ...lines: readonly string[]) =>
    eventually(async () => {
      const routes = await bed.routes(host);
      for (const line of lines) assert.ok(routes.includes(line), `${host} lacks '${line}':\n${routes.join("\n")}`);
    });

  test("vxlanMode Always: routes by the tunnel addresses, the own block a blackhole", async () => {
    await expectRoutes(
      "worker-1",
      "192.168.133.192/26 via 192.168.133.192 dev vxlan.calico onlink",
      "192.168.97.192/26 via 192.168.97.192 dev vxlan.calico onlink",
      "192.168.219.64/26 via 192.168.219.64 dev vxlan.calico onlink",
      "blackhole 192.168.226.64/26 proto 80",
    );
    const routes = await bed.routes("worker-1");
    assert.equal(
      routes.filter((route) => /^192\.168\.226\.\d+ dev cali[0-9a-f]{11} scope link$/.test(route)).length,
      1,
    );
    assert.ok(!routes.some((route) => route.includes("tunl0")));
  });

  test("the device, its neighbours and its forwarding entries are Calico's", async () => {
    const [link] = JSON.parse(await bed.on("worker-1", "ip", "-j", "-d", "link", "show", "vxlan.calico")) as [
      { mtu: number; address: string; linkinfo: { info_data: Record<string, unknown> } },
    ];
    const { id, port, local, learning, link: parent } = link.linkinfo.info_data;
    assert.deepEqual(
      { id, port, local, learning, parent, mtu: link.mtu },
      { id: 4096, port: 4789, local: "10.30.0.206", learning: false, parent: "ens5", mtu: 8951 },
    );
    assert.match(link.address, /^66:/);
    const addresses = await bed.on("worker-1", "ip", "-o", "-4", "address", "show", "dev", "vxlan.calico");
    assert.match(addresses, /inet 192\.168\.226\.64\/32 /);
    const neighbours = JSON.parse(await bed.on("worker-1", "ip", "-j", "neigh", "show", "dev", "vxlan.calico")) as {
      dst: string;
      lladdr: string;
      state: string[];
    }[];
    assert.deepEqual(neighbours.map(({ dst }) => dst).sort(), ["192.168.133.192", "192.168.219.64", "192.168.97.192"]);
    assert.ok(neighbours.every(({ state }) => state.includes("PERMANENT")));
    const fdb = JSON.parse(await bed.on("worker-1", "bridge", "-j", "fdb", "show", "dev", "vxlan.calico")) as {
      mac: string;
      dst?: string;
    }[];
    assert.deepEqual(fdb.flatMap(({ dst }) => (dst === undefined ? [] : [dst])).sort(), [
      "10.30.0.136",
      "10.30.0.56",
      "10.30.1.66",
    ]);
    assert.deepEqual(fdb.map(({ mac }) => mac).sort(), neighbours.map(({ lladdr }) => lladdr).sort());
  });

  test("foreign routes stay as they are, in every mode", async () => {
    const routes = await bed.routes("worker-1");
    assert.ok(
      routes.some((route) => route.startsWith("172.17.0.0/16 dev docker0")),
      routes.join("\n"),
    );
    assert.ok(
      routes.some((route) => /^10\.30\.0\.1 dev ens5 .*metric 100/.test(route)),
      routes.join("\n"),
    );
  });

  for (const check of ["on", "off"] as const) {
    test(`Always, check ${check}: everybody reaches everybody, by VXLAN between hosts`, async () => {
      await setMode("Always");
      await setCheck(check);
      await expectPaths(bed, {
        "pod-1→pod-2": "vxlan",
        "pod-2→pod-1": "vxlan",
        "pod-1→pod-3": "vxlan",
        "pod-3→pod-1": "vxlan",
        "pod-2→pod-3": "vxlan",
        "pod-3→pod-2": "vxlan",
      });
    });
  }

  test("CrossSubnet, check off: bare in the subnet, VXLAN across", async () => {
    await setMode("CrossSubnet");
    await expectRoutes(
      "worker-1",
      "192.168.133.192/26 via 10.30.0.56 dev ens5 proto 80",
      "192.168.97.192/26 via 192.168.97.192 dev vxlan.calico onlink",
    );
    await expectPaths(bed, { "pod-1→pod-2": "bare", "pod-1→pod-3": "vxlan" });
  });

  test("CrossSubnet, check on: the same subnet is lost at the NIC, and the check says why", async () => {
    await setCheck("on");
    await expectPaths(bed, { "pod-1→pod-2": "no", "pod-1→pod-3": "vxlan" });
    assert.match((await matrix(bed)).get("pod-1→pod-2")?.reasons.join() ?? "", /source\/destination check/);
    const curl = await bed.tryOn("pod-1", "curl", "-s", "192.168.133.194", "--max-time", "2");
    assert.equal(curl.code, 28, "what a cloud drops, it drops silently");
  });

  test("verify finds everything as compiled", async () => {
    const outcome = await bed.ocicat("verify");
    assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
  });
});
