/**
 * IP-in-IP by BPF against the plain veth pair under it, two hosts on one wire: TCP throughput, small UDP packets a second,
 * round-trip time, and CPU for what was carried. Rounds take turns; medians count. Needs root and Debian's iperf3.
 *
 *   node bench/ipip.ts [--rounds N] [--seconds S]
 *
 * Bar: at least 0.7 times the plain pair.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import { parseArgs } from "node:util";
import { SystemClock } from "../src/adapter/clock.ts";
import { LinuxBpf } from "../src/adapter/linux/bpf.ts";
import { tunnelMac } from "../src/bpf/ipip-frame.ts";
import { keyOf } from "../src/compile/items.ts";
import { BpfIpip } from "../src/dataplane/drivers/ipip-bpf.ts";
import { IpipLinkDriver } from "../src/dataplane/drivers/ipip-links.ts";
import { TunnelSourceDriver } from "../src/dataplane/drivers/ipip-sources.ts";
import { type Ipv4, parseAddress } from "../src/ip/address.ts";
import { LinkTable } from "../src/kernel/link-table.ts";
import { Rtnetlink } from "../src/kernel/rtnetlink.ts";
import { sourceOf, tunnelOf } from "../src/testing/ipip-bed.ts";
import { createNamespace, type TestNamespace } from "../src/testing/netns.ts";

const BAR = 0.7;
const PINGS = 20_000;
const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, seconds: { type: "string", default: "3" } },
});

interface Host {
  readonly at: TestNamespace;
  readonly address: string;
  readonly tunnelAddress: string;
}

const hosts: readonly [Host, Host] = [
  { at: createNamespace(), address: "10.30.0.136", tunnelAddress: "192.168.219.64" },
  { at: createNamespace(), address: "10.30.0.206", tunnelAddress: "192.168.226.64" },
];
const [one, two] = hosts;

async function makeTunnel({ at, address, tunnelAddress }: Host, other: Host): Promise<void> {
  const rtnetlink = new Rtnetlink(at.net, new SystemClock());
  const links = new LinkTable(rtnetlink);
  await links.start();
  const deps = { rtnetlink, links };
  const bpf = new LinuxBpf();
  const link = tunnelOf({ address });
  const source = sourceOf({ address: other.address });
  const failures = [
    ...(await new IpipLinkDriver(deps, new BpfIpip(deps, bpf, link.name)).apply([
      { op: "add", key: keyOf.links(link), value: link },
    ])),
    ...(await new TunnelSourceDriver(deps, { bpf, device: link.name }).apply([
      { op: "add", key: keyOf.tunnelSources(source), value: source },
    ])),
  ];
  if (failures[0]) throw failures[0].error;
  links.close();
  rtnetlink.close();
  at.ip(`address add ${tunnelAddress}/32 dev tunl0`);
  const mac = tunnelMac(parseAddress(other.address) as Ipv4);
  at.ip(`neighbour add ${other.address} lladdr ${mac} dev tunl0 nud permanent`);
  at.ip(`route add ${other.tunnelAddress}/26 via ${other.address} dev tunl0 onlink`);
}

one.at.ip(`link add ens5 type veth peer name ens5 netns ${two.at.path}`);
for (const { at, address } of hosts) {
  at.ip("link set lo up");
  at.ip(`address add ${address}/24 dev ens5`);
  at.ip("link set ens5 up");
}
await makeTunnel(one, two);
await makeTunnel(two, one);

interface Iperf {
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number };
    readonly sum?: { readonly packets: number; readonly lost_percent: number; readonly seconds: number };
    readonly cpu_utilization_percent: { readonly host_total: number; readonly remote_total: number };
  };
}

const iperf = (to: string, ...options: readonly string[]): Iperf =>
  JSON.parse(one.at.run("iperf3", "-J", "-c", to, "-t", values.seconds, ...options)) as Iperf;

/** Higher is better in all of them. */
const measures: Readonly<Record<string, (to: string) => number>> = {
  "TCP, Gbit/s": (to) => (iperf(to).end.sum_received?.bits_per_second ?? 0) / 1e9,
  "TCP, Gbit for a second of CPU": (to) => {
    const { sum_received, cpu_utilization_percent } = iperf(to).end;
    const { host_total, remote_total } = cpu_utilization_percent;
    return (sum_received?.bits_per_second ?? 0) / 1e7 / (host_total + remote_total);
  },
  "UDP of 64 octets, 1,000 packets/s received": (to) => {
    const { packets = 0, lost_percent = 0, seconds = 1 } = iperf(to, "-u", "-l", "64", "-b", "0").end.sum ?? {};
    return (packets * (1 - lost_percent / 100)) / seconds / 1_000;
  },
  // One after the other; what ping says of each has a resolution of a quarter of it.
  "round trips of a ping, 1,000/s": (to) => {
    const text = one.at.run("ping", "-q", "-f", "-c", `${PINGS}`, to);
    return PINGS / Number(/time (\d+)ms/.exec(text)?.[1]);
  },
};

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const server: ChildProcess = two.at.net.run(() =>
  spawn("iperf3", ["-s", "--forceflush"], { stdio: ["ignore", "pipe", "ignore"] }),
);
if (server.stdout) await once(server.stdout, "data");
try {
  console.log(
    `load before: ${os
      .loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}`,
  );
  for (const [name, measure] of Object.entries(measures)) {
    const plain: number[] = [];
    const tunnel: number[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      plain.push(measure(two.address));
      tunnel.push(measure(two.tunnelAddress));
    }
    const ratio = median(tunnel) / median(plain);
    const verdict = ratio >= BAR ? "" : `  missed: ${BAR}`;
    console.log(
      `${name}: tunnel ${median(tunnel).toFixed(1)}, plain ${median(plain).toFixed(1)}, ${ratio.toFixed(2)}×${verdict}`,
    );
  }
  console.log(
    `load after: ${os
      .loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}`,
  );
} finally {
  server.kill();
  for (const { at } of hosts) at.close();
}
