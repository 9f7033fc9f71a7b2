/**
 * Founding scenario A with BGP, every row and column: routes as `ip` lists them, who reaches whom by what, with the
 * source/destination check on, off, and off on one host alone, and what tcpdump sees at the NIC and in the tunnel.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Pair } from "./check-matrix.ts";
import { eventually } from "./eventually.ts";
import { type ModeName, patchTo, sendsBy } from "./modes.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";

/** What becomes of pod-1's packets to the same subnet and to the other. */
type Way = "ipip" | "vxlan" | "bare" | "dropped at the NIC" | "dropped by the gateway";
type Check = "on" | "off" | "off on worker-1 alone";

const REASONS = {
  "dropped at the NIC": /source\/destination check/,
  "dropped by the gateway": /gateway vpc \(10\.30\.0\.1\) has no route to 192\.168\.97\.193/,
} as const;

const TABLE: readonly (readonly [ModeName, Check, same: Way, other: Way])[] = [
  ["IPIP Always", "on", "ipip", "ipip"],
  ["IPIP Always", "off", "ipip", "ipip"],
  ["Direct", "on", "dropped at the NIC", "dropped at the NIC"],
  ["Direct", "off", "bare", "dropped by the gateway"],
  ["Direct", "off on worker-1 alone", "dropped at the NIC", "dropped by the gateway"],
  ["IPIP CrossSubnet", "on", "dropped at the NIC", "ipip"],
  ["IPIP CrossSubnet", "off", "bare", "ipip"],
  ["VXLAN Always", "on", "vxlan", "vxlan"],
  ["VXLAN Always", "off", "vxlan", "vxlan"],
  ["VXLAN CrossSubnet", "on", "dropped at the NIC", "vxlan"],
  ["VXLAN CrossSubnet", "off", "bare", "vxlan"],
];

const skip = cannotRunLabs() ?? false;

describe("aws-two-subnets by BGP", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up("aws-two-subnets");
    await sendsBy(bed, "IPIP Always");
  });
  after(() => bed?.close());

  const setCheck = async (check: Check): Promise<void> => {
    const hosts = check === "off on worker-1 alone" ? ["worker-1"] : ["all"];
    if (hosts[0] !== "all") await bed.ocicat("lab", "underlay", "set", "all", "srcdst=on");
    const state = check === "on" ? "on" : "off";
    assert.equal((await bed.ocicat("lab", "underlay", "set", ...hosts, `srcdst=${state}`)).code, 0);
  };
  const wayOf = async (to: string): Promise<string> => {
    const { stdout } = await bed.ocicat("lab", "check", "pod-1", to, "-o", "json", "--timeout", "500");
    const { pairs } = JSON.parse(stdout) as { readonly pairs: readonly Pair[] };
    const pair = pairs.find((one) => one.from === "pod-1");
    if (pair?.ok) return pair.path;
    const why = pair?.reasons.join() ?? "";
    return Object.entries(REASONS).find(([, reason]) => reason.test(why))?.[0] ?? `no: ${why}`;
  };
  const packets = (to: string, device: string, filter: string): Promise<string> =>
    bed.capture("worker-1", device, filter, () => bed.on("pod-1", "curl", "-s", to));

  test("the own block is a blackhole of BIRD's, each pod a route to its device", async () => {
    const routes = (await bed.routes("worker-1")).filter((route) => /^(blackhole )?192\.168\.226\./.test(route));
    assert.deepEqual(
      routes.map((route) => route.replace(/cali[0-9a-f]{11}/, "cali…")),
      ["blackhole 192.168.226.64/26 proto bird", "192.168.226.65 dev cali… scope link"],
    );
  });

  test("IPIP on the wire: host to host by protocol 4, 20 octets more, inside it pod to pod; in tunl0 the pods alone", async () => {
    const outer = await packets("192.168.97.193", "ens5", "ip proto 4");
    const syn =
      /length (\d+): 10\.30\.0\.206 > 10\.30\.1\.66: (?:IP )?192\.168\.226\.65\.\d+ > 192\.168\.97\.193\.80: Flags \[S\]/;
    const inner = await packets("192.168.97.193", "tunl0", "tcp port 80");
    const bare = /length (\d+): 192\.168\.226\.65\.\d+ > 192\.168\.97\.193\.80: Flags \[S\]/;
    assert.match(outer, syn);
    assert.match(inner, bare);
    assert.equal(Number(syn.exec(outer)?.[1]) - Number(bare.exec(inner)?.[1]), 20, `${outer}\n${inner}`);
  });

  for (const [mode, check, same, other] of TABLE) {
    test(`${mode}, check ${check}: ${same} in the subnet, ${other} across`, async () => {
      await setCheck(check);
      await patchTo(bed, mode);
      await sendsBy(bed, mode);
      await eventually(async () => assert.deepEqual([await wayOf("pod-2"), await wayOf("pod-3")], [same, other]));
      for (const [address, way] of [
        ["192.168.133.194", same],
        ["192.168.97.193", other],
      ] as const) {
        const curl = await bed.tryOn("pod-1", "curl", "-s", address, "--max-time", "1");
        assert.equal(curl.code, way.startsWith("dropped") ? 28 : 0, `${address}: ${curl.stdout}${curl.stderr}`);
      }
      const verified = await bed.ocicat("verify");
      assert.equal(verified.code, 0, verified.stdout);
    });
  }

  test("Direct: pods' addresses alone on the wire; no route names tunl0, and it has no address", async () => {
    await setCheck("off");
    await patchTo(bed, "Direct");
    await sendsBy(bed, "Direct");
    const wire = await packets("192.168.133.194", "ens5", "host 192.168.133.194 or ip proto 4 or udp port 4789");
    assert.match(wire, / 192\.168\.226\.65\.\d+ > 192\.168\.133\.194\.80: Flags \[S\]/);
    assert.doesNotMatch(wire, /10\.30\.0\.206/);
    await eventually(async () => {
      for (const host of ["master", "worker-1", "worker-2", "worker-3"]) {
        assert.doesNotMatch((await bed.routes(host)).join("\n"), /tunl0/, host);
        assert.doesNotMatch(await bed.on(host, "ip", "-o", "-4", "address", "show"), /tunl0/, host);
      }
    }, 60_000);
    assert.equal((await bed.ocicat("verify")).code, 0);
  });

  test("typographic quotes around a mode are refused, naming the characters", async () => {
    const { code, stderr } = await bed.shell(
      `ocicat get ippool default-ipv4-ippool -o yaml | sed -e "s/ipipMode: .*/ipipMode: “Always”/" | ocicat apply -f -`,
    );
    assert.equal(code, 1);
    assert.match(stderr, /“/);
  });
});
