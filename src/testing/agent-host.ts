/** A host for agents: memory drivers, a disk and a clock that outlive each of them, and a cluster of two nodes to follow. */
import type {
  AddressItem,
  FdbItem,
  LinkItem,
  NeighbourItem,
  RouteItem,
  SysctlItem,
  TunnelSourceItem,
} from "../compile/node-state.ts";
import type { Local } from "../compile/view.ts";
import { Agent, type AgentDeps } from "../dataplane/agent.ts";
import { parseInterfaceAddress } from "../ip/prefix.ts";
import { TakenDevices } from "../kernel/taken-devices.ts";
import type { NftTable } from "../netlink/nftables/tree.ts";
import type { Stored } from "../port/store.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryDriver } from "./memory-driver.ts";
import { MemoryStateFile } from "./memory-state-file.ts";
import { MemoryStore } from "./memory-store.ts";
import { blockObject, endpointObject, nodeObject, poolObject } from "./objects.ts";
import { SilentLog } from "./silent-log.ts";

/** Facts of worker-1. */
export const local: Local = {
  node: "worker-1",
  backend: "vxlan",
  address: { ...parseInterfaceAddress("10.30.0.206/24"), device: "ens5" },
  vxlan: { vni: 4096, port: 4789, mtu: 1450 },
  ipip: { mtu: 1480 },
  rpFilter: "0",
  deviceRouteProtocol: 3,
  ipForwarding: true,
};

const memoryDrivers = () => ({
  links: new MemoryDriver<LinkItem>("links"),
  addresses: new MemoryDriver<AddressItem>("addresses"),
  sysctls: new MemoryDriver<SysctlItem>("sysctls"),
  tables: new MemoryDriver<NftTable>("tables"),
  neighbours: new MemoryDriver<NeighbourItem>("neighbours"),
  fdb: new MemoryDriver<FdbItem>("fdb"),
  tunnelSources: new MemoryDriver<TunnelSourceItem>("tunnel sources"),
  routes: new MemoryDriver<RouteItem>("routes"),
});

/** worker-1: what outlives its agent. */
export function agentHost(store: MemoryStore, clock = new FakeClock()) {
  const drivers = memoryDrivers();
  const stateFile = new MemoryStateFile();
  const log = new SilentLog();
  let passes = 0;
  const start = (given: Partial<AgentDeps> = {}, facts: Local = local) => {
    const agent = new Agent(facts, {
      store,
      clock,
      log,
      drivers,
      links: { byName: () => undefined, listen: () => () => undefined },
      taken: new TakenDevices(clock),
      stateFile,
      acceptStore: false,
      turn: (_name, work) => work(),
      metrics: {
        count: () => undefined,
        observe: (...[key]) => {
          if (key === "applySeconds") passes++;
        },
        set: () => undefined,
      },
      settingsChanged: () => undefined,
      ...given,
    });
    agent.start();
    return agent;
  };
  /** Destinations in the main table. */
  const routes = () =>
    [...drivers.routes.kernel.values()]
      .flatMap(({ table, destination }) => (table === 254 ? [destination] : []))
      .sort();
  return { drivers, stateFile, clock, log, start, routes, passes: () => passes };
}

/** Puts objects into the store, whatever their revisions. */
export const put = (store: MemoryStore, ...objects: readonly Stored[]) =>
  store.write(objects.map(({ key, value }) => ({ op: "put" as const, key, value })));

/** Founding scenario A with two nodes: a pool, their blocks, a pod on each. */
export async function cluster(): Promise<MemoryStore> {
  const store = new MemoryStore();
  await put(
    store,
    poolObject("default-ipv4-ippool", "192.168.0.0/16"),
    nodeObject("worker-1", "10.30.0.206/24", "192.168.226.64"),
    nodeObject("worker-2", "10.30.0.56/24", "192.168.133.192"),
    blockObject("192.168.226.64/26", "worker-1"),
    blockObject("192.168.133.192/26", "worker-2"),
    endpointObject("worker-1", "pod-1", "192.168.226.65", "cali123"),
    endpointObject("worker-2", "pod-2", "192.168.133.194", "cali456"),
  );
  return store;
}
