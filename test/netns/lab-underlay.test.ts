/** The underlay against the kernel's own tools: routes, silence, filters that switch. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { echoServices } from "../../src/adapter/lab/echo-services.ts";
import { LinuxPlaces } from "../../src/adapter/linux/places.ts";
import { LinuxProber } from "../../src/adapter/linux/prober.ts";
import type { Ipv4 } from "../../src/ip/address.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { awsTwoSubnets } from "../../src/lab/topologies/aws-two-subnets.ts";
import { applyAll } from "../../src/lab/underlay/apply.ts";
import { Underlay } from "../../src/lab/underlay/network.ts";
import { Nics } from "../../src/lab/underlay/nics.ts";
import type { NetNamespace } from "../../src/port/namespaces.ts";
import type { Place } from "../../src/port/places.ts";
import type { ProbeProtocol } from "../../src/port/prober.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";
const clock = new SystemClock();
const prober = new LinuxProber();
const hosts = new Map<string, { place: Place }>();
const closers: (() => void)[] = [];
let underlay: Underlay;
let nics: Nics;

before(() => {
  if (skip) return;
  const places = new LinuxPlaces();
  underlay = new Underlay(awsTwoSubnets, { places, clock, routers: new Map([["vpc", places.makeNet()]]) });
  closers.push(() => underlay.close());
  for (const host of awsTwoSubnets.hosts) {
    const place = places.make(() => undefined);
    closers.push(() => place.close());
    underlay.plugIn(host, place.net);
    hosts.set(host.name, { place });
    const service = echoServices.start(place.net, host.name, []);
    closers.push(() => service.close());
  }
  const internet = echoServices.start(underlay.outside, "the Internet", []);
  closers.push(() => internet.close());
  nics = new Nics(awsTwoSubnets, underlay, hosts, { clock, log: new SilentLog() });
  closers.push(() => nics.close());
});

after(() => {
  for (const close of closers.reverse()) close();
});

const net = (host: string): NetNamespace => hosts.get(host)!.place.net;
const json = (where: NetNamespace, file: string, ...args: string[]): Record<string, unknown>[] =>
  JSON.parse(where.run(() => execFileSync(file, ["-j", ...args], { encoding: "utf8" })));

const ask = (from: string, to: string, protocol: ProbeProtocol = "icmp", packetOctets = 84) =>
  prober.probe(net(from), { protocol, to: parseAddress(to) as Ipv4, port: 7, packetOctets, timeoutMs: 700 });

test("a host has the routes that a cloud image has", { skip }, () => {
  const routes = json(net("worker-1"), "ip", "route").map(
    ({ dst, gateway, dev, protocol, prefsrc, metric, scope }) => ({
      dst,
      gateway,
      dev,
      protocol,
      prefsrc,
      metric,
      scope,
    }),
  );
  const src = "10.30.0.206";
  const dhcp = { dev: "ens5", protocol: "dhcp", prefsrc: src, metric: 100 };
  assert.deepEqual(routes, [
    { dst: "default", gateway: "10.30.0.1", scope: undefined, ...dhcp },
    {
      dst: "10.30.0.0/24",
      gateway: undefined,
      dev: "ens5",
      protocol: "kernel",
      prefsrc: src,
      metric: undefined,
      scope: "link",
    },
    { dst: "10.30.0.1", gateway: undefined, scope: "link", ...dhcp },
    {
      dst: "172.17.0.0/16",
      gateway: undefined,
      dev: "docker0",
      protocol: "kernel",
      prefsrc: "172.17.0.1",
      metric: undefined,
      scope: "link",
    },
  ]);
});

test("the router knows its subnets and the outside, and drops all else", { skip }, () => {
  const routes = json(underlay.routers.get("vpc")!, "ip", "route").map(({ type, dst, dev }) =>
    `${type ?? ""} ${dst} ${dev ?? ""}`.trim(),
  );
  assert.deepEqual(routes, [
    "blackhole default",
    "8.8.8.8 outside",
    "10.30.0.0/24 subnet-1",
    "10.30.1.0/24 subnet-2",
    "198.18.0.0/30 outside",
  ]);
});

test("hosts reach each other and the Internet by every protocol, small and at the MTU", { skip }, async () => {
  for (const to of ["10.30.0.56", "10.30.1.66", "8.8.8.8"]) {
    for (const protocol of ["icmp", "tcp", "udp"] as const) {
      assert.equal((await ask("worker-1", to, protocol)).ok, true, `${protocol} to ${to}`);
    }
  }
  for (const protocol of ["icmp", "tcp", "udp"] as const) {
    assert.equal((await ask("worker-1", "10.30.1.66", protocol, 9001)).ok, true, `${protocol} of 9001 octets`);
  }
  const tooBig = await ask("worker-1", "10.30.1.66", "icmp", 9002);
  assert.deepEqual({ ok: tooBig.ok, why: !tooBig.ok && tooBig.why }, { ok: false, why: "tooBig" });
});

test("an address that no router knows gives silence, not an error", { skip }, async () => {
  const outcome = await ask("worker-1", "192.168.97.193");
  assert.equal(!outcome.ok && outcome.why, "timeout");
});

test("the source/destination check drops foreign sources and destinations, and is switched while running", {
  skip,
}, async () => {
  const second = { address: parseAddress("192.168.226.65"), length: 32 };
  const other = { address: parseAddress("192.168.133.194"), length: 32 };
  applyAll(net("worker-1"), clock, [{ type: "replaceAddress", address: { index: 1, address: second } }]);
  applyAll(net("worker-2"), clock, [{ type: "replaceAddress", address: { index: 1, address: other } }]);
  const route = (host: string, to: string, via: string, src: string) =>
    net(host).run(() => execFileSync("ip", ["route", "replace", to, "via", via, "src", src]));
  route("worker-1", "192.168.133.194", "10.30.0.56", "192.168.226.65");
  route("worker-2", "192.168.226.65", "10.30.0.206", "192.168.133.194");
  await nics.apply();
  assert.equal((await ask("worker-1", "10.30.0.56")).ok, true, "own addresses pass");
  const checked = await ask("worker-1", "192.168.133.194");
  assert.equal(!checked.ok && checked.why, "timeout");
  const policy = { sourceDestinationCheck: false, drop: [] };
  await nics.set("worker-1", { policy });
  assert.equal((await ask("worker-1", "192.168.133.194")).ok, false, "worker-2's NIC still drops");
  await nics.set("worker-2", { policy });
  assert.equal((await ask("worker-1", "192.168.133.194")).ok, true);
  const { nftables } = underlay.routers
    .get("vpc")!
    .run(() => JSON.parse(execFileSync("nft", ["-j", "list", "ruleset"], { encoding: "utf8" }))) as {
    nftables: { chain?: { name: string; hook: string } }[];
  };
  const chains = nftables.flatMap(({ chain }) => (chain ? [`${chain.name} ${chain.hook}`] : []));
  assert.deepEqual(chains.sort(), [
    "master-arriving egress",
    "master-leaving ingress",
    "worker-3-arriving egress",
    "worker-3-leaving ingress",
  ]);
});

/** Asks until an answer comes: a wire that is plugged in again takes a moment, and so does ARP. */
async function answers(from: string, to: string): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await ask(from, to)).ok) assert.ok(performance.now() < end, `${from} never hears from ${to}`);
}

test("a NIC's MTU concerns its host alone", { skip }, async () => {
  await nics.set("worker-1", { mtu: 1500 });
  for (const [from, to] of [
    ["worker-2", "10.30.1.66"],
    ["worker-3", "10.30.0.136"],
    ["master", "10.30.0.1"],
  ] as const) {
    assert.equal((await ask(from, to, "icmp", 9001)).ok, true, `${from} to ${to}`);
  }
  assert.equal((await ask("worker-3", "10.30.0.206", "icmp", 9001)).ok, false);
  await nics.set("worker-1", { mtu: 9001 });
  assert.equal((await ask("worker-3", "10.30.0.206", "icmp", 9001)).ok, true, "nothing was learned");
});

test("a protocol filter, an MTU, a pulled wire and a partition do what they say, and heal", { skip }, async () => {
  const plain = { sourceDestinationCheck: false, drop: [] };
  await nics.set("worker-3", { policy: { ...plain, drop: [{ protocol: "udp", port: 7 }] } });
  assert.equal((await ask("worker-1", "10.30.1.66", "udp")).ok, false);
  assert.equal((await ask("worker-1", "10.30.1.66", "tcp")).ok, true);
  await nics.set("worker-3", { policy: plain, mtu: 1500 });
  // A port lets four octets more pass, for a VLAN's tag.
  assert.equal((await ask("worker-1", "10.30.1.66", "icmp", 1505)).ok, false);
  assert.equal((await ask("worker-1", "10.30.1.66", "icmp", 1500)).ok, true);
  await nics.set("worker-3", { isUp: false, mtu: 9001 });
  assert.equal((await ask("worker-1", "10.30.1.66")).ok, false);
  await nics.set("worker-3", { isUp: true });
  await answers("worker-1", "10.30.1.66");
  await nics.setPartitions([["worker-1", "worker-2"]]);
  assert.equal((await ask("worker-1", "10.30.0.56")).ok, true, "inside of the partition");
  assert.equal((await ask("worker-1", "10.30.1.66")).ok, false, "across");
  assert.equal((await ask("master", "10.30.1.66")).ok, true, "the others among themselves");
  await nics.setPartitions([]);
  assert.equal((await ask("worker-1", "10.30.1.66")).ok, true);
});
