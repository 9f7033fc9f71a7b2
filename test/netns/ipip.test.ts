/** IP-in-IP by BPF between two nodes in different subnets, seen from outside: pods, wires, tools, and a process that is killed. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { FragmentJoiner } from "../../src/adapter/ipip/fragment-joiner.ts";
import { LinuxBpf } from "../../src/adapter/linux/bpf.ts";
import { keyOf } from "../../src/compile/items.ts";
import { BpfIpip } from "../../src/dataplane/drivers/ipip-bpf.ts";
import { IpipLinkDriver } from "../../src/dataplane/drivers/ipip-links.ts";
import { TunnelSourceDriver } from "../../src/dataplane/drivers/ipip-sources.ts";
import type { Metrics } from "../../src/port/metrics.ts";
import type { OuterFragments } from "../../src/port/outer-fragments.ts";
import { whyNoBpf } from "../../src/testing/bpf-run.ts";
import { type BedNode, sourceOf, tunnelOf } from "../../src/testing/ipip-bed.ts";
import { type TestNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { noFragments } from "../../src/testing/no-fragments.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";
import { eventually } from "../scenario/eventually.ts";
import {
  agents,
  bedFor,
  capture,
  depsAt,
  exceedsMtu,
  expected,
  passesNarrowHop,
  ping,
  pings,
  sends,
  started,
} from "./ipip-words.ts";

const skip = whyNoNamespaces() ?? whyNoBpf() ?? false;

/** Drivers of a process that knows nothing, in a node's namespace. */
async function driversAt(t: TestContext, node: BedNode, fragments: OuterFragments = noFragments) {
  const deps = await depsAt(t, node);
  const bpf = new LinuxBpf();
  return {
    links: new IpipLinkDriver(deps, new BpfIpip(deps, { bpf, fragments }, "tunl0")),
    sources: new TunnelSourceDriver(deps, { bpf, device: "tunl0" }),
  };
}

test("pods reach each other through nodes in two subnets; on the wire it is protocol 4, 20 octets more", {
  skip,
}, async (t) => {
  const bed = bedFor(t);
  await agents(t, bed, "bpf");
  const onWire = await capture(t, bed.router, 2, "-i", "one", "ip", "proto", "4");
  const onTunnel = await capture(t, bed.one.host, 2, "-i", "tunl0", "icmp");
  assert.match(ping(bed.one, bed.two.podAddress), /ttl=62/);
  await onWire.says(/echo reply/);
  const wire = onWire.stdout;
  const [inner, outer] = ["192.168.226.65 > 192.168.97.193: ICMP echo request", "10.30.0.206 > 10.30.1.66"];
  assert.match(
    wire,
    new RegExp(
      `ttl 63, .*flags \\[DF\\], proto IPIP \\(4\\), length 104\\)\\s+${outer}: IP .*length 84\\)\\s+${inner}`,
    ),
  );
  assert.match(wire, /10\.30\.1\.66 > 10\.30\.0\.206: IP .*\s+192\.168\.97\.193 > 192\.168\.226\.65: ICMP echo reply/);
  await onTunnel.says(/echo reply/);
  const tunnel = onTunnel.stdout;
  assert.match(tunnel, /length 84\)\s+192\.168\.226\.65 > 192\.168\.97\.193: ICMP echo request/);
  assert.match(tunnel, /192\.168\.97\.193 > 192\.168\.226\.65: ICMP echo reply/);
  assert.equal(bed.one.host.ip("route show proto bird").trim(), "192.168.97.192/26 via 10.30.1.66 dev tunl0 onlink");
  // A host is reached from a pod too, with the tunnel's address as the source on the way back.
  assert.match(ping(bed.one, bed.two.tunnelAddress), /ttl=63/);
});

test("with the processes killed packets go on, and a new process knows all of it", { skip }, async (t) => {
  const bed = bedFor(t);
  for (const agent of await agents(t, bed, "bpf")) await agent.end("SIGKILL");
  assert.ok(pings(bed.one, bed.two) && pings(bed.two, bed.one));
  const { links, sources } = await driversAt(t, bed.one);
  assert.deepEqual([...(await links.readOwned()).values()], [tunnelOf(bed.one)]);
  assert.deepEqual([...(await sources.readOwned()).values()], [sourceOf(bed.two)]);
  assert.deepEqual(await links.apply([{ op: "remove", key: "tunl0", was: tunnelOf(bed.one) }]), []);
  assert.doesNotMatch(bed.one.host.ip("link show"), /tunl0/);
  assert.doesNotMatch(bed.one.host.run("tc", "filter", "show", "dev", "ens5", "ingress"), /ocicat/);
  assert.equal((await links.readOwned()).size + (await sources.readOwned()).size, 0);
});

test("packets of a node that is not known do not come in", { skip }, async (t) => {
  const bed = bedFor(t);
  await agents(t, bed, "bpf");
  const { sources } = await driversAt(t, bed.two);
  const item = sourceOf(bed.one);
  const key = keyOf.tunnelSources(item);
  assert.ok(pings(bed.one, bed.two));
  assert.deepEqual(await sources.apply([{ op: "remove", key, was: item }]), []);
  const atNic = await capture(t, bed.two.host, 1, "-i", "ens5", "ip", "proto", "4");
  assert.ok(!pings(bed.one, bed.two));
  await atNic.says(/10\.30\.0\.206 > 10\.30\.1\.66/);
  assert.deepEqual(await sources.apply([{ op: "add", key, value: item }]), []);
  assert.ok(pings(bed.one, bed.two));
});

test("programs are exchanged, and the tunnel's MTU changed, with a packet every 2 ms and none lost", {
  skip,
}, async (t) => {
  const bed = bedFor(t);
  await agents(t, bed, "bpf");
  const { links } = await driversAt(t, bed.one);
  const traffic = started(t, bed.one.pod, "ping", ["-n", "-i", "0.002", "-c", "500", "-W", "2", bed.two.podAddress]);
  await traffic.says(/icmp_seq=20 /);
  for (const mtu of [1400, 1480, 1400, 1480]) {
    const value = { ...tunnelOf(bed.one), mtu };
    assert.deepEqual(await links.apply([{ op: "replace", key: "tunl0", value, was: tunnelOf(bed.one) }]), []);
  }
  await traffic.says(/packet loss/);
  assert.match(traffic.stdout, /500 received, 0% packet loss/);
});

test("nodes of the NIC's subnet are sent to as they are, others by the gateway; another subnet, another program", {
  skip,
}, async (t) => {
  const bed = bedFor(t);
  await agents(t, bed, "bpf");
  const { links } = await driversAt(t, bed.one);
  const own = tunnelOf(bed.one);
  const wider = { ...own, subnetLength: 16 };
  const neighbour = (): string => bed.one.host.ip(`neighbour show ${bed.two.address} dev ens5`);
  assert.ok(pings(bed.one, bed.two));
  assert.equal(neighbour(), "", "it is in another subnet, and the gateway's affair");
  assert.deepEqual(await links.apply([{ op: "replace", key: "tunl0", value: wider, was: own }]), []);
  assert.deepEqual([...(await links.readOwned()).values()], [wider]);
  assert.ok(!pings(bed.one, bed.two), "nobody on the link answers for it");
  assert.match(neighbour(), /INCOMPLETE|FAILED/);
  const mac = /ether (\S+)/.exec(bed.router.ip("link show one"))?.[1];
  bed.one.host.ip(`neighbour replace ${bed.two.address} lladdr ${mac} dev ens5`);
  assert.ok(pings(bed.one, bed.two), "with who takes it on the link, it goes there");
  assert.deepEqual(await links.apply([{ op: "replace", key: "tunl0", value: own, was: wider }]), []);
  bed.one.host.ip(`neighbour delete ${bed.two.address} dev ens5`);
  assert.ok(pings(bed.one, bed.two));
  assert.deepEqual([...(await links.readOwned()).values()], [own]);
});

test("what does not fit is told of with DF, and fragmented without", { skip }, async (t) => {
  const bed = bedFor(t);
  await agents(t, bed, "bpf");
  await exceedsMtu(t, bed);
});

test("a hop narrower than the NICs: fragments are joined, its MTU is learned and told, a stream passes", {
  skip,
}, async (t) => {
  const bed = bedFor(t);
  await agents(t, bed, "bpf");
  await passesNarrowHop(t, bed);
});

test("what joins fragments takes whole packets too while the filter is away, and those of known nodes alone", {
  skip,
}, async (t) => {
  const bed = bedFor(t);
  await agents(t, bed, "bpf");
  const { sources } = await driversAt(t, bed.two);
  const item = sourceOf(bed.one);
  const withoutFilter = ({ host }: BedNode) => host.run("tc", "filter", "del", "dev", "ens5", "ingress");
  withoutFilter(bed.one);
  assert.ok(pings(bed.one, bed.two));
  assert.deepEqual(await sources.apply([{ op: "remove", key: keyOf.tunnelSources(item), was: item }]), []);
  withoutFilter(bed.two);
  assert.ok(!pings(bed.one, bed.two));
});

test("a process that knows nothing joins the fragments of a tunnel that it finds, counts them, and says so once", {
  skip,
}, async (t) => {
  const bed = bedFor(t);
  for (const agent of await agents(t, bed, "bpf")) await agent.end("SIGKILL");
  bed.narrow(1300);
  assert.throws(() => ping(bed.one, bed.two.podAddress, "-M", "dont", "-s", "1400", "-W", "0.5"));
  const counted: Record<string, number> = {};
  const count: Metrics["count"] = (key, by, ...[labels]) => {
    const name = [key, ...Object.values(labels ?? {})].join(" ");
    counted[name] = (counted[name] ?? 0) + by;
  };
  const log = new SilentLog();
  const joinerAt = ({ host }: BedNode, deps: { log: SilentLog; metrics: { count: Metrics["count"] } }) => {
    const joiner = new FragmentJoiner({ namespace: host.net, ...deps });
    t.after(() => joiner.leave());
    return joiner;
  };
  // The other node's, so that echoes come back.
  const unasked = joinerAt(bed.one, { log: new SilentLog(), metrics: { count: () => undefined } });
  const one = await driversAt(t, bed.one, unasked);
  const two = await driversAt(t, bed.two, joinerAt(bed.two, { log, metrics: { count } }));
  await one.links.readOwned();
  await two.links.readOwned();
  // Not waited for as a command is: this process joins.
  const pinging = started(t, bed.one.pod, "ping", ["-n", "-c", "2", "-M", "dont", "-s", "1400", bed.two.podAddress]);
  await pinging.says(/2 received/);
  assert.equal(counted["ipipJoined"], 2);
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields]),
    [["warn", { local: bed.two.address }]],
  );
  const item = sourceOf(bed.one);
  assert.deepEqual(await two.sources.apply([{ op: "remove", key: keyOf.tunnelSources(item), was: item }]), []);
  bed.two.host.run("tc", "filter", "del", "dev", "ens5", "ingress");
  started(t, bed.one.pod, "ping", ["-n", "-c", "1", bed.two.podAddress]);
  await eventually(() => assert.equal(counted["ipipNotJoined unknown source"], 1));
  assert.equal(counted["ipipJoined"], 2);
});

/** Packets that a device has sent. */
const sentBy = ({ host }: BedNode, device: string): number =>
  host.json<{ stats64: { tx: { packets: number } } }>(`ip -j -s link show dev ${device}`)[0]?.stats64.tx.packets ?? 0;

/** Packets that a named counter of nft has seen. */
function counted(at: TestNamespace, name: string): number {
  const { nftables } = JSON.parse(at.run("nft", "-j", "list", "counter", "ip", "seen", name)) as {
    nftables: { counter?: { packets: number } }[];
  };
  return nftables.find(({ counter }) => counter)?.counter?.packets ?? 0;
}

test("a TCP stream goes in large segments as far as devices take them, and in ones of the MTU beyond", {
  skip,
}, async (t) => {
  const bed = bedFor(t);
  await agents(t, bed, "bpf");
  const { octets, digest } = expected();
  const before = sentBy(bed.one, "ens5");
  assert.equal(await sends(t, bed.one, bed.two), digest);
  const large = sentBy(bed.one, "ens5") - before;
  assert.ok(large < octets / 1440 / 3, `${large} packets`);
  bed.one.host.run("ethtool", "-K", "ens5", "tso", "off", "gso", "off", "gro", "off");
  const rules = ["counter name whole", "ip length 1500 counter name full"].map(
    (rest) => `iifname one ip protocol 4 ${rest}`,
  );
  const chain = `chain forward {\ntype filter hook forward priority 0;\n${rules.join("\n")}\n}`;
  bed.router.run("nft", `table ip seen {\ncounter full { }\ncounter whole { }\n${chain}\n}`);
  assert.equal(await sends(t, bed.one, bed.two), digest);
  const [full, all] = ["full", "whole"].map((name) => counted(bed.router, name));
  assert.ok(all !== undefined && full !== undefined && all >= octets / 1440, `${all} packets`);
  // Segments keep the size that the pods agreed on: with the outer header they fill the wire's MTU to the octet.
  assert.ok(full > all * 0.9, `${full} of ${all}`);
});
