/** For the IP-in-IP tunnel and its sources: a kernel, what may be wanted, and what others may do to it (`driver-contract.ts`). */

import { PRODUCT_VERSION } from "../base/version.ts";
import { Assembler } from "../bpf/assembler.ts";
import { tunnelMac } from "../bpf/ipip-frame.ts";
import {
  type IpipLink,
  type LinkItem,
  linkKey,
  type TunnelSourceItem,
  tunnelSourceKey,
} from "../compile/node-state.ts";
import type { DriverDeps } from "../dataplane/drivers/deps.ts";
import { BpfIpip } from "../dataplane/drivers/ipip-bpf.ts";
import { KernelIpip } from "../dataplane/drivers/ipip-kernel.ts";
import { IpipLinkDriver } from "../dataplane/drivers/ipip-links.ts";
import { TunnelSourceDriver } from "../dataplane/drivers/ipip-sources.ts";
import { TunIpip } from "../dataplane/drivers/ipip-tun.ts";
import { TunSourceDriver } from "../dataplane/drivers/ipip-tun-sources.ts";
import { LinkDriver } from "../dataplane/drivers/links.ts";
import { VxlanLinkDriver } from "../dataplane/drivers/vxlan-links.ts";
import { addressFromOctets, formatAddress, type Ipv4, ipv4Of, parseAddress } from "../ip/address.ts";
import type { TunnelServer } from "../port/tunnel-server.ts";
import type { Driver } from "../reconcile/driver.ts";
import type { DriverWorld } from "./driver-contract.ts";
import { Ground, type KernelUnderTest, MAC_A, parentAway, VXLAN } from "./driver-ground.ts";
import { noFragments } from "./no-fragments.ts";
import { SilentLog } from "./silent-log.ts";

const TUNNEL = "tunl0";
const PEER = "tunl0p";
const TRIES = 50;
const LOCAL = "10.1.0.1";

const tunnelTo = (parent: string, local = LOCAL, mtu = 1480): IpipLink => ({
  kind: "ipip",
  name: TUNNEL,
  mtu,
  local: parseAddress(local),
  subnetLength: 24,
  parent,
});

const ipipDriver = (ground: Ground): Promise<Driver<IpipLink>> =>
  ground.newDriver(
    (deps) => new IpipLinkDriver(deps, new BpfIpip(deps, { bpf: ground.kernel.bpf, fragments: noFragments }, TUNNEL)),
  );

/** Everything that a tunnel is made of is one line; lines of others are as they are. */
function linesOf({ view }: KernelUnderTest): readonly string[] {
  const ofTunnel: string[] = [];
  const others: string[] = [];
  for (const line of view.links()) {
    if (line.startsWith(`${TUNNEL} `)) ofTunnel.push(line);
    // The other end's address is the kernel's choice.
    else if (line.startsWith(`${PEER} `)) ofTunnel.push(line.replace(/[0-9a-f:]{17}/, "any"));
    else others.push(line);
  }
  for (const { device, name } of view.filters()) {
    if (name.startsWith("ocicat_")) ofTunnel.push(`${device} ${name.split("_").slice(1, 3).join(" ")}`);
    else others.push(`${device} ${name}`);
  }
  return ofTunnel.length === 0 ? others : [...others, ofTunnel.sort().join(", ")];
}

function tunnelLine({ mtu, local, subnetLength, parent }: IpipLink): string {
  const address = formatAddress(local);
  return [
    `${TUNNEL} veth ${mtu} ${tunnelMac(local as Ipv4)} up`,
    `${PEER} veth ${mtu} any up`,
    `${parent} decap ${address}`,
    `${PEER} encap ${address}/${subnetLength}`,
  ]
    .sort()
    .join(", ");
}

const decapOn = (ground: Ground, device: string) =>
  ({
    type: "deleteFilter",
    filter: { index: ground.index(device), direction: "ingress", priority: 5, protocol: 0x0800, handle: 1, name: "" },
  }) as const;

/** A filter on a NIC's ingress, for IPv4, that lets all pass. */
function putFilter(ground: Ground, device: string, priority: number, name: string): void {
  const program = ground.kernel.bpf.loadProgram("pass", new Assembler().exit(-1).assemble());
  const index = ground.index(device);
  ground.attempt(
    { type: "addClsact", index },
    {
      type: "replaceFilter",
      filter: { index, direction: "ingress", priority, protocol: 0x0800, handle: 1, name, fd: program.fd },
    },
  );
  program.close();
}

export function ipipWorld(kernel: KernelUnderTest): DriverWorld<LinkItem> {
  const ground = Ground.withDevices(kernel);
  putFilter(ground, "eth0", 9, "other");
  const vxlan: LinkItem = {
    kind: "vxlan",
    name: VXLAN,
    mac: MAC_A,
    mtu: 1450,
    vni: 4096,
    port: 4789,
    local: parseAddress(LOCAL),
    parent: "eth1",
  };
  return {
    kernel,
    newDriver: async () =>
      new LinkDriver({
        vxlan: await ground.newDriver((deps) => new VxlanLinkDriver(deps, { isOurs: (name) => name === VXLAN })),
        ipip: await ipipDriver(ground),
      }),
    keyOf: linkKey,
    items: [
      vxlan,
      tunnelTo("eth1"),
      tunnelTo("eth0", LOCAL, 1400),
      tunnelTo("eth0", "10.1.0.7"),
      { ...tunnelTo("eth0"), subnetLength: 16 },
      tunnelTo("eth0"),
    ],
    seen: () => linesOf(kernel),
    lineOf: (item) =>
      item.kind === "ipip"
        ? tunnelLine(item)
        : `${VXLAN} vxlan ${item.mtu} ${item.mac} up ${item.vni} ${item.port} ${formatAddress(item.local)} ${item.parent}`,
    foreign: linesOf(kernel),
    hands: {
      "removes it": () => ground.remove(TUNNEL),
      "sets it down": () => ground.down(TUNNEL),
      "sets its other end down": () => ground.down(PEER),
      "changes its MTU": () => void ground.attempt({ type: "setLink", link: TUNNEL, change: { mtu: 1300 } }),
      "changes its MAC": () => void ground.attempt({ type: "setLink", link: TUNNEL, change: { mac: MAC_A } }),
      "puts a bridge in its place": () => {
        ground.remove(TUNNEL);
        ground.run({ type: "createBridge", link: { name: TUNNEL } });
      },
      "takes the qdisc of its other end": () => {
        if (ground.has(PEER)) ground.attempt({ type: "deleteClsact", index: ground.index(PEER) });
      },
      "takes the filter of the NIC": () => void ground.attempt(decapOn(ground, "eth0")),
      // As a process leaves it that is killed on the way from one parent to another.
      "moves the filter of the NIC to another NIC": () => {
        const name = kernel.view.filters().find((filter) => filter.name.startsWith("ocicat_decap_"))?.name;
        if (name === undefined) return;
        ground.attempt(decapOn(ground, "eth0"), decapOn(ground, "eth1"));
        putFilter(ground, "eth1", 5, name);
      },
      "puts a filter of another version on another NIC": () =>
        putFilter(ground, "eth1", 6, "ocicat_decap_10.1.0.9_4711_00000000"),
    },
    ...parentAway(ground),
    close: () => ground.close(),
  };
}

/** The same device by the kernel's module, of the memory kernel alone: which machine has the module is not ours to choose. */
export function kernelIpipWorld(kernel: KernelUnderTest): DriverWorld<IpipLink> {
  const ground = Ground.withDevices(kernel);
  const isSetUp = (line: string): boolean => !line.startsWith(`${TUNNEL} ipip`) || line.endsWith(" up");
  const withoutMac = (line: string): string =>
    line.startsWith(`${TUNNEL} `) ? line.replace(/[0-9a-f:]{17}/, "any") : line;
  const seen = () => kernel.view.links().filter(isSetUp).map(withoutMac);
  return {
    kernel,
    newDriver: () => ground.newDriver((deps) => new IpipLinkDriver(deps, new KernelIpip(deps, TUNNEL))),
    keyOf: linkKey,
    items: [tunnelTo("eth0"), tunnelTo("eth0", LOCAL, 1400)],
    seen,
    lineOf: ({ mtu }) => `${TUNNEL} ipip ${mtu} any up`,
    foreign: seen(),
    hands: {
      "sets it down": () => ground.down(TUNNEL),
      "changes its MTU": () => void ground.attempt({ type: "setLink", link: TUNNEL, change: { mtu: 1300 } }),
    },
    mend: () => undefined,
    close: () => ground.close(),
  };
}

export async function tunnelSourceWorld(kernel: KernelUnderTest): Promise<DriverWorld<TunnelSourceItem>> {
  const ground = Ground.withDevices(kernel);
  const maker = await ipipDriver(ground);
  const make = async (): Promise<void> => {
    // Faults are for the driver under test: here they pass.
    for (let tries = 0; tries < TRIES; tries++) {
      const failures = await maker.apply([{ op: "add", key: TUNNEL, value: tunnelTo("eth0") }]);
      if (failures.length === 0) return;
    }
    throw new Error("the tunnel cannot be made");
  };
  await make();
  const from = (address: string): TunnelSourceItem => ({ device: TUNNEL, address: parseAddress(address) });
  return {
    kernel,
    newDriver: () => ground.newDriver((deps) => new TunnelSourceDriver(deps, { bpf: kernel.bpf, device: TUNNEL })),
    keyOf: tunnelSourceKey,
    items: [from("10.1.0.7"), from("10.1.0.8"), from("172.31.255.254")],
    seen: () => sourcesOf(kernel),
    lineOf: ({ device, address }) => `${device} ${formatAddress(address)}`,
    foreign: [],
    hands: {
      "makes the tunnel anew": async () => {
        ground.remove(TUNNEL);
        await make();
      },
      "takes the filter of the NIC": () => void ground.attempt(decapOn(ground, "eth0")),
      "exchanges the programs": () => make(),
    },
    mend: () => make(),
    hinder: { act: () => ground.remove(TUNNEL), hinders: () => true },
    close: () => ground.close(),
  };
}

/** What the map of the program holds that is at work on the NIC. */
function sourcesOf({ bpf, view }: KernelUnderTest): readonly string[] {
  if (!view.links().some((line) => line.startsWith(`${TUNNEL} `))) return [];
  const filter = view.filters().find(({ name }) => name.startsWith("ocicat_decap_"));
  const program = filter && bpf.openProgram(filter.programId);
  const map = program && bpf.openMap(program.mapIds[0] ?? 0);
  const lines = [...(map?.keys() ?? [])].map(
    (octets) => `${TUNNEL} ${formatAddress(addressFromOctets(octets) ?? ipv4Of(0))}`,
  );
  map?.close();
  program?.close();
  return lines;
}

/** The same device by a process, on a real kernel: `server` is of its namespace. */
export function processIpipWorld(kernel: KernelUnderTest, server: TunnelServer): DriverWorld<IpipLink> {
  const ground = Ground.withDevices(kernel);
  const driverOf = (deps: DriverDeps) =>
    new IpipLinkDriver(
      deps,
      new TunIpip(deps, { name: TUNNEL, version: PRODUCT_VERSION, server, log: new SilentLog() }),
    );
  const foreign = kernel.view.links();
  return {
    kernel,
    newDriver: () => ground.newDriver(driverOf),
    keyOf: linkKey,
    items: [tunnelTo("eth1"), tunnelTo("eth0", LOCAL, 1400), tunnelTo("eth0", "10.1.0.7"), tunnelTo("eth0")],
    seen: () => kernel.view.links(),
    lineOf: ({ mtu, local }) => `${TUNNEL} tun ${mtu} ${tunnelMac(local as Ipv4)} up`,
    foreign,
    hands: {
      "removes it": () => ground.remove(TUNNEL),
      "kills the process": async () => {
        const pid = (await server.state())?.pid;
        if (pid !== undefined) process.kill(pid, "SIGKILL");
      },
      "ends the process": () => server.stop(),
      "sets it down": () => ground.down(TUNNEL),
      "changes its MTU": () => void ground.attempt({ type: "setLink", link: TUNNEL, change: { mtu: 1300 } }),
      "changes its MAC": () => void ground.attempt({ type: "setLink", link: TUNNEL, change: { mac: MAC_A } }),
      "puts a bridge in its place": () => {
        ground.remove(TUNNEL);
        ground.attempt({ type: "createBridge", link: { name: TUNNEL } });
      },
    },
    ...parentAway(ground),
    close: async () => {
      await server.stop();
      ground.close();
    },
  };
}

/** Sources of the tunnel that a process serves. */
export async function processSourceWorld(
  kernel: KernelUnderTest,
  server: TunnelServer,
): Promise<DriverWorld<TunnelSourceItem>> {
  const ground = Ground.withDevices(kernel);
  const make = async (): Promise<void> => {
    if (!(await server.state())) await server.start(TUNNEL);
  };
  await make();
  const from = (address: string): TunnelSourceItem => ({ device: TUNNEL, address: parseAddress(address) });
  let seen: readonly string[] = [];
  const look = async (): Promise<void> => {
    seen = Array.from((await server.state())?.sources ?? [], (address) => `${TUNNEL} ${formatAddress(address)}`);
  };
  return {
    kernel,
    newDriver: async () => {
      const driver = await ground.newDriver((deps) => new TunSourceDriver(deps, { server, device: TUNNEL }));
      const readOwned = driver.readOwned.bind(driver);
      // The process tells what it has; whoever looks asks right after.
      return Object.assign(driver, {
        readOwned: async () => {
          await look();
          return readOwned();
        },
      });
    },
    keyOf: tunnelSourceKey,
    items: [from("10.1.0.7"), from("10.1.0.8"), from("172.31.255.254")],
    seen: () => seen,
    lineOf: ({ device, address }) => `${device} ${formatAddress(address)}`,
    foreign: [],
    hands: {
      "makes the tunnel anew": async () => {
        await server.stop();
        await make();
      },
    },
    mend: () => make(),
    hinder: { act: () => server.stop(), hinders: () => true },
    close: async () => {
      await server.stop();
      ground.close();
    },
  };
}
