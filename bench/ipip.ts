/**
 * IP-in-IP between two hosts on one wire: by BPF against the plain veth pair under it, and by a process against Debian's
 * `wireguard-go`. TCP throughput, small UDP packets a second, round-trip time, and for BPF the CPU for what was carried. Rounds take
 * turns; medians count. Needs root and Debian's iperf3, wireguard-go and wireguard-tools.
 *
 *   node bench/ipip.ts [--rounds N] [--seconds S] [--only bpf|process]
 *
 * Bars: at least 0.7 times the plain pair; at least as much as wireguard-go.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { SystemClock } from "../src/adapter/clock.ts";
import { LinuxBpf } from "../src/adapter/linux/bpf.ts";
import { PRODUCT_VERSION } from "../src/base/version.ts";
import { keyOf } from "../src/compile/items.ts";
import type { TunnelSourceItem } from "../src/compile/node-state.ts";
import type { DriverDeps } from "../src/dataplane/drivers/deps.ts";
import { BpfIpip } from "../src/dataplane/drivers/ipip-bpf.ts";
import type { IpipCarrier } from "../src/dataplane/drivers/ipip-carrier.ts";
import { IpipLinkDriver } from "../src/dataplane/drivers/ipip-links.ts";
import { TunnelSourceDriver } from "../src/dataplane/drivers/ipip-sources.ts";
import { TunIpip } from "../src/dataplane/drivers/ipip-tun.ts";
import { TunSourceDriver } from "../src/dataplane/drivers/ipip-tun-sources.ts";
import { LinkTable } from "../src/kernel/link-table.ts";
import { Rtnetlink } from "../src/kernel/rtnetlink.ts";
import { TakenDevices } from "../src/kernel/taken-devices.ts";
import type { Driver } from "../src/reconcile/driver.ts";
import { sourceOf, tunnelOf } from "../src/testing/ipip-bed.ts";
import { noFragments } from "../src/testing/no-fragments.ts";
import { SilentLog } from "../src/testing/silent-log.ts";
import { tunnelProcessAt } from "../src/testing/tunnel-process-at.ts";
import { compare, type Host, type Measure, measures, Pair, printLoad } from "./ipip-pair.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    only: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bench-"));

type Parts = (deps: DriverDeps) => { readonly carrier: IpipCarrier; readonly sources: Driver<TunnelSourceItem> };

async function makeTunnel(pair: Pair, host: Host, parts: Parts): Promise<void> {
  const rtnetlink = new Rtnetlink(host.at.net, new SystemClock());
  const links = new LinkTable(rtnetlink);
  await links.start();
  const deps = { rtnetlink, links, taken: new TakenDevices(rtnetlink.clock) };
  const { carrier, sources } = parts(deps);
  const link = tunnelOf(host);
  const source = sourceOf(pair.other(host));
  const failures = [
    ...(await new IpipLinkDriver(deps, carrier).apply([{ op: "add", key: keyOf.links(link), value: link }])),
    ...(await sources.apply([{ op: "add", key: keyOf.tunnelSources(source), value: source }])),
  ];
  if (failures[0]) throw failures[0].error;
  links.close();
  rtnetlink.close();
  pair.routeByTunnel(host);
}

const perCpu: Measure = (pair, to) => {
  const { sum_received, cpu_utilization_percent } = pair.iperf(to).end;
  const { host_total, remote_total } = cpu_utilization_percent;
  return (sum_received?.bits_per_second ?? 0) / 1e7 / (host_total + remote_total);
};

async function byBpf(): Promise<void> {
  const pair = new Pair(values.seconds);
  try {
    const bpf = new LinuxBpf();
    for (const host of pair.hosts) {
      await makeTunnel(pair, host, (deps) => ({
        carrier: new BpfIpip(deps, { bpf, fragments: noFragments }, "tunl0"),
        sources: new TunnelSourceDriver(deps, { bpf, device: "tunl0" }),
      }));
    }
    await pair.serve(folder);
    const all = { ...measures, "TCP, Gbit for a second of CPU": perCpu };
    const { address, tunnelAddress } = pair.two;
    compare(pair, all, { name: "BPF", to: tunnelAddress, bar: 0.7 }, { name: "plain", to: address }, rounds);
  } finally {
    pair.close();
  }
}

const WIREGUARD_PORT = 51_820;
const wireguardAddress = (host: Host): string => host.tunnelAddress.replace("192.168", "10.99");

/** wireguard-go on both hosts, which goes into the background when its device is there, and ends with it. */
function makeWireguard(pair: Pair, ends: (() => void)[]): void {
  const keys = new Map<Host, string>();
  for (const host of pair.hosts) {
    const key = execFileSync("wg", ["genkey"]);
    const file = path.join(folder, `${host.address}.key`);
    fs.writeFileSync(file, key, { mode: 0o600 });
    keys.set(host, execFileSync("wg", ["pubkey"], { input: key, encoding: "utf8" }).trim());
    const device = `wg${host.address.replaceAll(".", "")}`;
    host.at.net.run(() => execFileSync("wireguard-go", [device], { stdio: "ignore" }));
    ends.push(() => host.at.ip(`link delete ${device}`));
    host.at.run("wg", "set", device, "listen-port", `${WIREGUARD_PORT}`, "private-key", file);
    host.at.ip(`address add ${wireguardAddress(host)}/32 dev ${device}`);
    host.at.ip(`link set ${device} mtu 1420 up`);
  }
  for (const host of pair.hosts) {
    const other = pair.other(host);
    const device = `wg${host.address.replaceAll(".", "")}`;
    const peer = ["peer", keys.get(other) ?? "", "endpoint", `${other.address}:${WIREGUARD_PORT}`];
    host.at.run("wg", "set", device, ...peer, "allowed-ips", `${wireguardAddress(other)}/32`);
    host.at.ip(`route add ${wireguardAddress(other)}/32 dev ${device}`);
  }
}

async function byProcess(): Promise<void> {
  const pair = new Pair(values.seconds);
  const wireguards: (() => void)[] = [];
  const servers = pair.hosts.map((host) => ({
    host,
    server: tunnelProcessAt(host.at.net, path.join(folder, host.address)),
  }));
  try {
    for (const { host, server } of servers) {
      const options = { name: "tunl0", version: PRODUCT_VERSION, server, log: new SilentLog() };
      await makeTunnel(pair, host, (deps) => ({
        carrier: new TunIpip(deps, options),
        sources: new TunSourceDriver(deps, { server, device: "tunl0" }),
      }));
    }
    makeWireguard(pair, wireguards);
    await pair.serve(folder);
    const ours = { name: "process", to: pair.two.tunnelAddress, bar: 1 };
    compare(pair, measures, ours, { name: "wireguard-go", to: wireguardAddress(pair.two) }, rounds);
  } finally {
    for (const { server } of servers) await server.stop();
    for (const end of wireguards) end();
    pair.close();
  }
}

try {
  printLoad("before");
  if (values.only !== "process") await byBpf();
  if (values.only !== "bpf") await byProcess();
  printLoad("after");
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
