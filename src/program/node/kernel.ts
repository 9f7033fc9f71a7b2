/** The kernel of this host as the dataplane sees it: request layers, the table of devices, one driver per kind of item. */
import { PRODUCT_VERSION } from "../../base/version.ts";
import type { NeighbourItem, RouteItem, TunnelSourceItem } from "../../compile/node-state.ts";
import { IPIP_DEVICE } from "../../compile/tunnels/ipip.ts";
import { VXLAN_DEVICE } from "../../compile/tunnels/vxlan.ts";
import { isWorkloadDevice, workloadPrefixes } from "../../compile/workload-devices.ts";
import { addressDriver } from "../../dataplane/drivers/addresses.ts";
import type { DriverDeps } from "../../dataplane/drivers/deps.ts";
import { BpfIpip } from "../../dataplane/drivers/ipip-bpf.ts";
import { chooseIpip, type IpipChoice } from "../../dataplane/drivers/ipip-carrier.ts";
import { KernelIpip } from "../../dataplane/drivers/ipip-kernel.ts";
import { IpipLinkDriver } from "../../dataplane/drivers/ipip-links.ts";
import { PathMtuAgeing } from "../../dataplane/drivers/ipip-path-mtus.ts";
import { TunnelSourceDriver } from "../../dataplane/drivers/ipip-sources.ts";
import { TunIpip } from "../../dataplane/drivers/ipip-tun.ts";
import { TunCounters } from "../../dataplane/drivers/ipip-tun-counters.ts";
import { TunSourceDriver } from "../../dataplane/drivers/ipip-tun-sources.ts";
import { LinkDriver } from "../../dataplane/drivers/links.ts";
import { fdbDriver, neighbourDriver } from "../../dataplane/drivers/neighbours.ts";
import { RouteDriver } from "../../dataplane/drivers/routes.ts";
import { SysctlDriver } from "../../dataplane/drivers/sysctls.ts";
import { TableDriver } from "../../dataplane/drivers/tables.ts";
import { UnwrittenDriver } from "../../dataplane/drivers/unwritten.ts";
import { VxlanLinkDriver } from "../../dataplane/drivers/vxlan-links.ts";
import type { Drivers } from "../../dataplane/item-tables.ts";
import { NeighbourTableWatch } from "../../insight/neighbour-tables.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { LinkTable } from "../../kernel/link-table.ts";
import { ForeignChainWatch } from "../../kernel/nftables/foreign-chain-watch.ts";
import { NftTableDriver } from "../../kernel/nftables/table-driver.ts";
import { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { tablesOfNeighbours } from "../../kernel/rtnetlink-dumps.ts";
import { TakenDevices } from "../../kernel/taken-devices.ts";
import type { Bpf } from "../../port/bpf.ts";
import type { Clock } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import type { Metrics } from "../../port/metrics.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import type { OuterFragments } from "../../port/outer-fragments.ts";
import type { TunnelServer } from "../../port/tunnel-server.ts";
import type { Driver } from "../../reconcile/driver.ts";
import { ownsRoute, ownTables } from "../../reconcile/ownership.ts";

/** Calls of nf_tables by the metrics that count them. */
const nftCounters = { commit: ["nftCalls", "nftErrors"], list: ["nftListCalls", "nftListErrors"] } as const;

export interface KernelDeps {
  readonly namespace: NetNamespace;
  readonly bpf: Bpf;
  readonly tunnelServer: TunnelServer;
  readonly fragments: OuterFragments;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "count" | "set">;
  /** Asked when a route is judged. */
  readonly removesExternal: () => boolean;
  /** Pools and advertised ranges of now and of the last apply. */
  readonly prefixes: () => readonly Prefix[];
}

export interface Kernel {
  readonly rtnetlink: Rtnetlink;
  readonly links: LinkTable;
  /** For whoever takes devices away beside the drivers. */
  readonly taken: TakenDevices;
  readonly drivers: Drivers;
  readonly ipip: IpipChoice;
  /** What was learned of paths that IP-in-IP takes, in words. */
  readonly pathNotes: () => readonly string[];
  /** Devices of pods and tunnels. */
  readonly isOurs: (device: string) => boolean;
  readonly ownsRoute: (route: RouteItem) => boolean;
  /** What others' base chains do to packets of pods. */
  readonly foreignChains: ForeignChainWatch;
  readonly neighbourTables: NeighbourTableWatch;
  close(): void;
}

export async function openKernel(deps: KernelDeps): Promise<Kernel> {
  const { namespace, clock, log, metrics, removesExternal, prefixes } = deps;
  const rtnetlink = new Rtnetlink(namespace, clock);
  const links = new LinkTable(rtnetlink);
  await links.start();
  const kernel = { rtnetlink, links, taken: new TakenDevices(clock) };
  const tunnels = [VXLAN_DEVICE, IPIP_DEVICE];
  const isVxlan = (name: string): boolean => name === VXLAN_DEVICE;
  const isTunnel = (name: string): boolean => tunnels.includes(name);
  const ipip = await ipipDrivers(kernel, deps, neighbourDriver(kernel, { isOurs: isTunnel }));
  const isOurs = (name: string): boolean => isTunnel(name) || isWorkloadDevice(name);
  const ownership = { workloadPrefixes, tunnels, removesExternal, prefixes };
  const owns = (route: RouteItem): boolean => ownsRoute(ownership, route);
  const tables = new NftTableDriver(namespace, {
    log,
    clock,
    called: (call, isGood) => {
      const [calls, errors] = nftCounters[call];
      metrics.count(calls, 1);
      if (!isGood) metrics.count(errors, 1);
    },
  });
  const foreignChains = new ForeignChainWatch(tables, { ours: ownTables, clock, log });
  await foreignChains.start();
  const neighbourTables = new NeighbourTableWatch({
    tables: () => rtnetlink.dump(tablesOfNeighbours()),
    clock,
    log,
  });
  await neighbourTables.start();
  const drivers: Drivers = {
    links: new LinkDriver({ vxlan: new VxlanLinkDriver(kernel, { isOurs: isVxlan }), ipip: ipip.links }),
    addresses: addressDriver(kernel, { isOurs }),
    sysctls: new SysctlDriver(kernel, { namespace }),
    tables: new TableDriver(tables, { owned: ownTables, log }),
    neighbours: ipip.neighbours,
    fdb: fdbDriver(kernel, { isOurs: isVxlan }),
    tunnelSources: ipip.sources,
    routes: new RouteDriver(kernel, { owns }),
  };
  return {
    ...kernel,
    drivers,
    ipip: ipip.choice,
    pathNotes: ipip.pathNotes,
    isOurs,
    ownsRoute: owns,
    foreignChains,
    neighbourTables,
    close: () => {
      ipip.close();
      neighbourTables.close();
      foreignChains.close();
      links.close();
      rtnetlink.close();
    },
  };
}

/** The kernel's own ipip wants no neighbours, and the table `ip calico` knows whose packets it is given. */
async function ipipDrivers(
  kernel: DriverDeps,
  { bpf, tunnelServer: server, fragments, log, metrics }: KernelDeps,
  neighbours: Driver<NeighbourItem>,
) {
  const choice = await chooseIpip(kernel.rtnetlink, bpf, server);
  if (choice.carrier === "none") log.warn("IP-in-IP can be carried by nothing here", { why: choice.why });
  else log.info("IP-in-IP is carried by", { ...choice });
  if (choice.carrier === "module") {
    return {
      choice,
      close: () => undefined,
      pathNotes: () => [],
      links: new IpipLinkDriver(kernel, new KernelIpip(kernel, IPIP_DEVICE)),
      neighbours: new UnwrittenDriver(neighbours.name, ({ device }) => device === IPIP_DEVICE, neighbours),
      sources: new UnwrittenDriver<TunnelSourceItem>("tunnel sources"),
    };
  }
  if (choice.carrier === "bpf") {
    const pathMtus = new PathMtuAgeing({ ...kernel, bpf, log, metrics });
    return {
      choice,
      close: () => {
        pathMtus.close();
        fragments.leave();
      },
      pathNotes: () => pathMtus.notes(),
      links: new IpipLinkDriver(kernel, new BpfIpip(kernel, { bpf, fragments }, IPIP_DEVICE)),
      neighbours,
      sources: new TunnelSourceDriver(kernel, { bpf, device: IPIP_DEVICE }),
    };
  }
  const carrier = new TunIpip(kernel, { name: IPIP_DEVICE, version: PRODUCT_VERSION, server, log });
  const counters = new TunCounters({ clock: kernel.rtnetlink.clock, server, metrics });
  return {
    choice,
    close: () => counters.close(),
    pathNotes: () => [],
    links: new IpipLinkDriver(kernel, carrier),
    neighbours,
    sources: new TunSourceDriver(kernel, { server, device: IPIP_DEVICE }),
  };
}
