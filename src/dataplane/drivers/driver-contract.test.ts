/** The contract of drivers on the memory kernel, which speaks netlink in octets and fails on purpose. */
import { driverContract } from "../../testing/driver-contract.ts";
import { type KernelFaults, type KernelUnderTest, underTest } from "../../testing/driver-ground.ts";
import { addressWorld, fdbWorld, linkWorld, neighbourWorld, ruleWorld } from "../../testing/driver-worlds.ts";
import { ipipWorld, kernelIpipWorld, tunnelSourceWorld } from "../../testing/ipip-worlds.ts";
import { MemoryKernel } from "../../testing/memory-kernel/memory-kernel.ts";
import { MemoryNftables } from "../../testing/memory-nftables.ts";
import { routeWorld } from "../../testing/route-world.ts";
import { runs } from "../../testing/runs.ts";
import { sysctlWorld } from "../../testing/settings-world.ts";
import { type Nftables, tableLine, tableWorld } from "../../testing/table-world.ts";

const memoryKernel = (): KernelUnderTest => underTest(new MemoryKernel());
function kernelWithIpip(): KernelUnderTest {
  const kernel = new MemoryKernel();
  kernel.tables.links.loadIpip();
  return underTest(kernel);
}

const options = { runs: runs(100), hasFaults: true } as const;

driverContract("links", async () => linkWorld(memoryKernel()), options);
driverContract("IP-in-IP links", async () => ipipWorld(memoryKernel()), options);
driverContract("IP-in-IP links by the module", async () => kernelIpipWorld(kernelWithIpip()), options);
driverContract("tunnel sources", async () => tunnelSourceWorld(memoryKernel()), options);
driverContract("addresses", async () => addressWorld(memoryKernel()), options);
driverContract("neighbours", async () => neighbourWorld(memoryKernel()), options);
driverContract("fdb", async () => fdbWorld(memoryKernel()), options);
driverContract("rules", async () => ruleWorld(memoryKernel()), options);
driverContract("routes", async () => routeWorld(memoryKernel()), options);
driverContract("routes by nexthop objects", async () => routeWorld(memoryKernel(), { nexthopObjectsFrom: 0 }), options);
driverContract(
  "sysctls",
  async () => {
    const kernel = new MemoryKernel();
    const { sysctls } = kernel.tables;
    const seen = (paths: readonly string[]) => paths.map((path) => `${path} ${sysctls.readSysctl(path)}`);
    return sysctlWorld(underTest(kernel), { namespace: sysctls, seen });
  },
  options,
);
driverContract(
  "tables",
  async () => {
    const netlink = new MemoryNftables();
    return tableWorld({ ...memoryKernel(), faults: faultsOf(netlink) }, memoryNftables(netlink));
  },
  options,
);

/** A refusal strikes a whole transaction. */
function faultsOf({ faults }: MemoryNftables): KernelFaults {
  return {
    refuse: (errno, count = 1) => {
      faults.refusals = { errno, count };
    },
    interruptDumps: (times = 1) => {
      faults.interruptedLists += times;
    },
    cutAnswers: (times = 1) => {
      faults.cutDatagrams += times;
    },
    loseAnswers: (times = 1) => {
      faults.overruns += times;
    },
    loseNotifications: (times = 1) => {
      faults.lostNotifications += times;
    },
    clear: () => {
      const none = { interruptedLists: 0, cutDatagrams: 0, overruns: 0, lostNotifications: 0 };
      Object.assign(faults, none, { refusals: { errno: 0, count: 0 } });
    },
  };
}

function memoryNftables(netlink: MemoryNftables): Nftables {
  const families: Readonly<Record<number, string>> = { 2: "ip", 10: "ip6" };
  const seen = () =>
    Array.from(netlink.ruleset.values(), ({ family, name, chains, sets }) =>
      tableLine(
        `${families[family]} ${name}`,
        Array.from(chains, ([chain, { rules }]) => [chain, rules.length]),
        Array.from(sets, ([set, { elements }]) => [set, [...elements.values()].filter(({ isEnd }) => !isEnd).length]),
      ),
    );
  return { netlink, seen, sparing: (work) => netlink.sparing(work) };
}
