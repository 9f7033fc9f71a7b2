/** Modes are changed on a running lab, in every way that people do it, under a thousand packets a second: none is lost. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { type ModeName, modes, patchTo, sendsBy } from "./modes.ts";
import { cannotRunLabs, type Outcome, Testbed } from "./testbed.ts";
import { assertNothingLost, underTraffic } from "./traffic.ts";

/** In the same subnet as pod-1's host, and in the other. */
const TARGETS = { "pod-2": "192.168.133.194", "pod-3": "192.168.97.193" } as const;

const routeToSameSubnet = {
  Always: "192.168.133.192/26 via 192.168.133.192 dev vxlan.calico onlink",
  CrossSubnet: "192.168.133.192/26 via 10.30.0.56 dev ens5 proto 80",
} as const;
/** So many flow in a mode before it is left again. */
const DATAGRAMS_IN_EACH = 500;
type VxlanMode = keyof typeof routeToSameSubnet;

const skip = cannotRunLabs() ?? false;

/** Each of the modes that carry to every host to each other, once. */
const TOUR: readonly ModeName[] = [
  ...(["IPIP CrossSubnet", "VXLAN Always", "VXLAN CrossSubnet", "IPIP Always"] as const),
  ...(["VXLAN CrossSubnet", "IPIP CrossSubnet", "IPIP Always", "VXLAN Always"] as const),
  ...(["IPIP CrossSubnet", "VXLAN CrossSubnet", "VXLAN Always", "IPIP Always"] as const),
];
const HOSTS = ["master", "worker-1", "worker-2", "worker-3"];

describe("every mode is changed to every other on the running lab, with BGP", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("aws-two-subnets");
    assert.equal((await bed.ocicat("lab", "underlay", "set", "all", "srcdst=off")).code, 0);
    await sendsBy(bed, "IPIP Always");
  });
  after(() => bed?.close());

  const tunnels = async (): Promise<readonly string[]> => {
    const links = await bed.json<{ ifname: string }>("worker-1", "ip", "-j", "link", "show");
    return links.flatMap(({ ifname }) => (["tunl0", "vxlan.calico"].includes(ifname) ? [ifname] : []));
  };

  test("no packet is lost, and no connection", async () => {
    for (const [index, to] of TOUR.entries()) {
      const from = TOUR.at(index - 1);
      const traffic = await underTraffic(bed, "pod-1", TARGETS, async ({ more }) => {
        await patchTo(bed, to);
        await sendsBy(bed, to);
        await more(DATAGRAMS_IN_EACH);
      });
      assertNothingLost(traffic, `from ${from} to ${to}`);
      assert.equal((await bed.ocicat("verify")).code, 0, to);
    }
  });

  test("to no encapsulation at all and back, where both ends are in one subnet", async () => {
    for (const to of ["Direct", "VXLAN Always", "Direct", "IPIP Always"] as const) {
      const traffic = await underTraffic(bed, "pod-1", { "pod-2": TARGETS["pod-2"] }, async ({ more }) => {
        await patchTo(bed, to);
        await sendsBy(bed, to);
        await more(DATAGRAMS_IN_EACH);
      });
      assertNothingLost(traffic, `to ${to}`);
    }
  });

  test("a device that no pool needs goes when nobody can send by it any more, under traffic", async () => {
    const { "pod-2": address } = TARGETS;
    for (const [to, left] of [
      ["VXLAN Always", ["vxlan.calico"]],
      ["Direct", []],
    ] as const) {
      const traffic = await underTraffic(bed, "pod-1", { "pod-2": address }, async ({ more }) => {
        await patchTo(bed, to);
        await sendsBy(bed, to);
        await eventually(async () => assert.deepEqual(await tunnels(), left, to), 60_000);
        await more(DATAGRAMS_IN_EACH);
      });
      assertNothingLost(traffic, `to ${to}`);
      const { stdout } = await bed.ocicat("get", "node", "worker-1", "-o", "yaml");
      assert.equal(stdout.includes("ipv4VXLANTunnelAddr"), modes[to].vxlanMode !== "Never", to);
      assert.equal(stdout.includes("ipv4IPIPTunnelAddr"), modes[to].ipipMode !== "Never", to);
      assert.equal((await bed.ocicat("verify")).code, 0, to);
    }
  });

  test("nothing was repaired", async () => {
    for (const host of HOSTS) {
      const { stdout } = await bed.ocicat("node", "show", host, "-o", "json");
      assert.deepEqual((JSON.parse(stdout) as { repairs: unknown[] }).repairs, [], host);
    }
  });
});

describe("a mode is changed on the running lab without BGP", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("aws-two-subnets", "--backend", "vxlan");
    assert.equal((await bed.ocicat("lab", "underlay", "set", "all", "srcdst=off")).code, 0);
  });
  after(() => bed?.close());

  const isIn = (mode: VxlanMode) =>
    eventually(async () => {
      const routes = await bed.routes("worker-1");
      assert.ok(routes.includes(routeToSameSubnet[mode]), routes.join("\n"));
      const back = (await bed.routes("worker-2")).find((route) => route.startsWith("192.168.226.64/26"));
      assert.equal(back?.includes("vxlan.calico"), mode === "Always", back);
    });

  /** From pod-1, while the mode goes to CrossSubnet and back. */
  const thereAndBack = (change: (from: VxlanMode, to: VxlanMode) => Promise<Outcome>, answer: string) =>
    underTraffic(bed, "pod-1", TARGETS, async ({ more }) => {
      for (const [from, to] of [
        ["Always", "CrossSubnet"],
        ["CrossSubnet", "Always"],
      ] as const) {
        const outcome = await change(from, to);
        assert.equal(outcome.stdout, answer, outcome.stderr);
        await isIn(to);
        await more(DATAGRAMS_IN_EACH);
      }
    });

  test("by patch, there and back three times", async () => {
    for (let round = 0; round < 3; round++) {
      const traffic = await thereAndBack(
        (_from, to) => bed.shell(`ocicat patch ippool default-ipv4-ippool -p '{"spec":{"vxlanMode":"${to}"}}'`),
        "Successfully patched 1 'IPPool' resource\n",
      );
      assertNothingLost(traffic);
    }
  });

  test("by get, sed and apply in one line", async () => {
    const traffic = await thereAndBack(
      (from, to) =>
        bed.shell(
          `ocicat get ippool default-ipv4-ippool -o yaml | sed -e "s/vxlanMode: ${from}/vxlanMode: ${to}/" | ocicat apply -f -`,
        ),
      "Successfully applied 1 'IPPool' resource(s)\n",
    );
    assertNothingLost(traffic);
  });

  test("by a file without resourceVersion, uid and creationTimestamp", async () => {
    const traffic = await thereAndBack(
      (from, to) =>
        bed.shell(
          `ocicat get ippool default-ipv4-ippool -o yaml | sed -e "/resourceVersion:/d;/uid:/d;/creationTimestamp:/d" ` +
            `-e "s/vxlanMode: ${from}/vxlanMode: ${to}/" | ocicat apply -f -`,
        ),
      "Successfully applied 1 'IPPool' resource(s)\n",
    );
    assertNothingLost(traffic);
  });

  test("all hosts are as compiled afterwards, and repaired nothing", async () => {
    assert.equal((await bed.ocicat("verify")).code, 0);
    for (const host of HOSTS) {
      const { stdout } = await bed.ocicat("node", "show", host, "-o", "json");
      assert.deepEqual((JSON.parse(stdout) as { repairs: unknown[] }).repairs, [], host);
    }
  });
});
