/** The contract of drivers on the real kernel; what it holds is read by iproute2. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { LinuxBpf } from "../../src/adapter/linux/bpf.ts";
import { whyNoTap } from "../../src/adapter/linux/tap-device.ts";
import type { TunnelServer } from "../../src/port/tunnel-server.ts";
import { driverContract } from "../../src/testing/driver-contract.ts";
import type { KernelUnderTest } from "../../src/testing/driver-ground.ts";
import { addressWorld, fdbWorld, linkWorld, neighbourWorld, ruleWorld } from "../../src/testing/driver-worlds.ts";
import { ipipWorld, processIpipWorld, processSourceWorld, tunnelSourceWorld } from "../../src/testing/ipip-worlds.ts";
import { IpToolView } from "../../src/testing/kernel-view.ts";
import { createNamespace, type TestNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { routeWorld } from "../../src/testing/route-world.ts";
import { runs } from "../../src/testing/runs.ts";
import { sysctlWorld } from "../../src/testing/settings-world.ts";
import { tableLine, tableWorld } from "../../src/testing/table-world.ts";
import { tunnelProcessAt } from "../../src/testing/tunnel-process-at.ts";

function realNamespace(): { readonly namespace: TestNamespace; readonly kernel: KernelUnderTest } {
  const namespace = createNamespace();
  namespace.ip("link set lo up");
  const kernel = {
    netlink: namespace.net,
    bpf: new LinuxBpf(),
    view: new IpToolView(namespace),
    close: () => namespace.close(),
  };
  return { namespace, kernel };
}
const realKernel = (): KernelUnderTest => realNamespace().kernel;

const options = { runs: runs(12), skip: whyNoNamespaces() ?? false } as const;

const tapOptions = { runs: runs(3), skip: options.skip || (whyNoTap() ?? false) } as const;

/** With a process that may serve a tunnel there. */
function withProcess(t: TestContext): [KernelUnderTest, TunnelServer] {
  const { namespace, kernel } = realNamespace();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-contract-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return [kernel, tunnelProcessAt(namespace.net, folder)];
}

driverContract("links", async () => linkWorld(realKernel()), { ...options, runs: runs(5) });
driverContract("IP-in-IP links", async () => ipipWorld(realKernel()), { ...options, runs: runs(5) });
driverContract("tunnel sources", async () => tunnelSourceWorld(realKernel()), { ...options, runs: runs(5) });
driverContract("IP-in-IP links by a process", async (t) => processIpipWorld(...withProcess(t)), tapOptions);
driverContract("tunnel sources of a process", async (t) => processSourceWorld(...withProcess(t)), tapOptions);
driverContract("addresses", async () => addressWorld(realKernel()), options);
driverContract("neighbours", async () => neighbourWorld(realKernel()), options);
driverContract("fdb", async () => fdbWorld(realKernel()), options);
driverContract("rules", async () => ruleWorld(realKernel()), options);
driverContract("routes", async () => routeWorld(realKernel()), options);
driverContract("routes by nexthop objects", async () => routeWorld(realKernel(), { nexthopObjectsFrom: 0 }), options);
driverContract(
  "sysctls",
  async () => {
    const { namespace, kernel } = realNamespace();
    const seen = (paths: readonly string[]) =>
      namespace
        .run("sh", "-c", 'cd /proc/sys; for f; do [ -e "$f" ] && echo "$f $(cat "$f")"; done; true', "sh", ...paths)
        .split("\n")
        .filter((line) => line !== "");
    return sysctlWorld(kernel, { namespace: namespace.net, seen });
  },
  { ...options, runs: runs(6) },
);
driverContract(
  "tables",
  async () => {
    const { namespace, kernel } = realNamespace();
    return tableWorld(kernel, { netlink: namespace.net, seen: () => nftLines(namespace) });
  },
  { ...options, runs: runs(6) },
);

interface NftJson {
  readonly table?: { readonly family: string; readonly name: string };
  readonly chain?: { readonly family: string; readonly table: string; readonly name: string };
  readonly rule?: { readonly family: string; readonly table: string; readonly chain: string };
  readonly set?: { readonly family: string; readonly table: string; readonly name: string; readonly elem?: unknown[] };
}

/** The tables as nft lists them. */
function nftLines(namespace: TestNamespace): readonly string[] {
  const { nftables } = JSON.parse(namespace.run("nft", "-j", "list", "ruleset")) as { nftables: readonly NftJson[] };
  return nftables.flatMap(({ table }) => {
    if (!table) return [];
    const isIn = (one: { family: string; table: string }) => one.family === table.family && one.table === table.name;
    const rules = nftables.flatMap(({ rule }) => (rule && isIn(rule) ? [rule.chain] : []));
    return tableLine(
      `${table.family} ${table.name}`,
      nftables.flatMap(({ chain }) =>
        chain && isIn(chain) ? [[chain.name, rules.filter((name) => name === chain.name).length] as const] : [],
      ),
      nftables.flatMap(({ set }) => (set && isIn(set) ? [[set.name, set.elem?.length ?? 0] as const] : [])),
    );
  });
}
