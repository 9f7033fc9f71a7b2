/** IP-in-IP by a process between two nodes in different subnets, seen from outside: pods, wires, tools, and processes that are killed. */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { whyNoTap } from "../../src/adapter/linux/tap-device.ts";
import { PRODUCT_VERSION } from "../../src/base/version.ts";
import { keyOf } from "../../src/compile/items.ts";
import type { IpipLink } from "../../src/compile/node-state.ts";
import { IpipLinkDriver } from "../../src/dataplane/drivers/ipip-links.ts";
import { TunIpip } from "../../src/dataplane/drivers/ipip-tun.ts";
import { TunSourceDriver } from "../../src/dataplane/drivers/ipip-tun-sources.ts";
import { type BedNode, type IpipBed, sourceOf, tunnelOf } from "../../src/testing/ipip-bed.ts";
import { whyNoNamespaces } from "../../src/testing/netns.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";
import { tunnelProcessAt } from "../../src/testing/tunnel-process-at.ts";
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
  startedAgent,
} from "./ipip-words.ts";

const skip = whyNoNamespaces() ?? whyNoTap() ?? false;

const serverAt = ({ host, folder }: BedNode) => tunnelProcessAt(host.net, folder);
const pidAt = (node: BedNode): number => Number(fs.readFileSync(path.join(node.folder, "ipip-tun.lock"), "utf8"));

/** Drivers of a process that knows nothing, in a node's namespace; `version` is theirs. */
async function driversAt(t: TestContext, node: BedNode, version = PRODUCT_VERSION) {
  const deps = await depsAt(t, node);
  const server = serverAt(node);
  return {
    links: new IpipLinkDriver(deps, new TunIpip(deps, { name: "tunl0", version, server, log: new SilentLog() })),
    sources: new TunSourceDriver(deps, { server, device: "tunl0" }),
  };
}

/** A bed whose tunnel nobody looks after any more. */
async function carried(t: TestContext): Promise<IpipBed> {
  const bed = bedFor(t);
  for (const agent of await agents(t, bed, "process")) await agent.end("SIGKILL");
  return bed;
}

/** What a process tells of its device: which nodes are on the link is the kernel's affair here. */
function foundAt(node: BedNode): IpipLink {
  const { kind, name, mtu, local, parent } = tunnelOf(node);
  return { kind, name, mtu, local, parent };
}

test("on the wire a packet by the process is the one that the module and BPF make", { skip }, async (t) => {
  const bed = await carried(t);
  const onWire = await capture(t, bed.router, 2, "-i", "one", "ip", "proto", "4");
  const onTunnel = await capture(t, bed.one.host, 2, "-i", "tunl0", "icmp");
  assert.match(ping(bed.one, bed.two.podAddress), /ttl=62/);
  await onWire.says(/echo reply/);
  const outer =
    "10\\.30\\.0\\.206 > 10\\.30\\.1\\.66: IP .*length 84\\)\\s+192\\.168\\.226\\.65 > 192\\.168\\.97\\.193: ICMP";
  assert.match(
    onWire.stdout,
    new RegExp(`ttl 63, id 0, .*flags \\[DF\\], proto IPIP \\(4\\), length 104\\)\\s+${outer}`),
  );
  await onTunnel.says(/echo reply/);
  assert.match(onTunnel.stdout, /length 84\)\s+192\.168\.226\.65 > 192\.168\.97\.193: ICMP echo request/);
  assert.equal(bed.one.host.ip("route show proto bird").trim(), "192.168.97.192/26 via 10.30.1.66 dev tunl0 onlink");
  // A host is reached from a pod too, with the tunnel's address as the source on the way back.
  assert.match(ping(bed.one, bed.two.tunnelAddress), /ttl=63/);
});

test("without DF the kernel numbers outer packets", { skip }, async (t) => {
  const bed = await carried(t);
  const onWire = await capture(t, bed.router, 4, "-i", "one", "src", "10.30.0.206", "and", "ip", "proto", "4");
  for (let count = 0; count < 4; count++) ping(bed.one, bed.two.podAddress, "-M", "dont");
  await onWire.says(/(?:[\s\S]*echo request){4}/);
  const ids = Array.from(onWire.stdout.matchAll(/ id (\d+),.*proto IPIP/g), ([, id]) => id);
  assert.equal(new Set(ids).size, 4, onWire.stdout);
});

test("with the agents killed packets go on, and a new one adopts the process with all it knows", {
  skip,
}, async (t) => {
  const bed = await carried(t);
  assert.ok(pings(bed.one, bed.two) && pings(bed.two, bed.one));
  const { links, sources } = await driversAt(t, bed.one);
  assert.deepEqual([...(await links.readOwned()).values()], [foundAt(bed.one)]);
  assert.deepEqual([...(await sources.readOwned()).values()], [sourceOf(bed.two)]);
  const pid = pidAt(bed.one);
  const heir = startedAgent(t, bed, bed.one, "process");
  await heir.says(/^ready$/m);
  assert.equal(pidAt(bed.one), pid);
  assert.ok(pings(bed.one, bed.two));
});

test("a process that was killed is started again at once, with what it must know", { skip }, async (t) => {
  const bed = bedFor(t);
  const [agent] = await agents(t, bed, "process");
  const pid = pidAt(bed.one);
  process.kill(pid, "SIGKILL");
  await agent?.says(/^made again$/m);
  assert.notEqual(pidAt(bed.one), pid);
  await eventually(() => assert.ok(pings(bed.one, bed.two)));
});

test("a process of another version makes way, and what it knew stays known", { skip }, async (t) => {
  const bed = await carried(t);
  const pid = pidAt(bed.one);
  const link = tunnelOf(bed.one);
  const old = await driversAt(t, bed.one, "0.0.1");
  assert.deepEqual([...(await old.links.readOwned()).values()], [{ ...foundAt(bed.one), found: "unlike" }]);
  assert.deepEqual(await old.links.apply([{ op: "replace", key: "tunl0", value: link, was: link }]), []);
  assert.notEqual(pidAt(bed.one), pid);
  assert.deepEqual([...((await serverAt(bed.one).state())?.sources ?? [])], [sourceOf(bed.two).address]);
});

test("a tunnel that is not wanted any more takes its process with it, also one that does not listen", {
  skip,
}, async (t) => {
  const bed = await carried(t);
  process.kill(pidAt(bed.two), "SIGSTOP");
  for (const node of [bed.one, bed.two]) {
    const { links, sources } = await driversAt(t, node);
    const pid = pidAt(node);
    assert.deepEqual(await links.apply([{ op: "remove", key: "tunl0", was: tunnelOf(node) }]), []);
    assert.doesNotMatch(node.host.ip("link show"), /tunl0/);
    await eventually(() => assert.equal(fs.existsSync(`/proc/${pid}/exe`), false));
    assert.equal((await links.readOwned()).size + (await sources.readOwned()).size, 0);
  }
});

test("packets of a node that is not known do not come in", { skip }, async (t) => {
  const bed = await carried(t);
  const { sources } = await driversAt(t, bed.two);
  const item = sourceOf(bed.one);
  const key = keyOf.tunnelSources(item);
  assert.ok(pings(bed.one, bed.two));
  assert.deepEqual(await sources.apply([{ op: "remove", key, was: item }]), []);
  assert.ok(!pings(bed.one, bed.two));
  assert.equal((await serverAt(bed.two).state())?.counters.unknownSource, 1);
  assert.deepEqual(await sources.apply([{ op: "add", key, value: item }]), []);
  assert.ok(pings(bed.one, bed.two));
});

test("what does not fit is told of with DF, and fragmented without", { skip }, async (t) => {
  const bed = await carried(t);
  await exceedsMtu(t, bed);
});

test("a hop narrower than the NICs: fragments are joined, its MTU is learned and told, a stream passes", {
  skip,
}, async (t) => {
  const bed = await carried(t);
  await passesNarrowHop(t, bed);
});

test("with a NIC that the tunnel's MTU does not fit, the sender is told with DF, and outer packets are fragmented without", {
  skip,
}, async (t) => {
  const bed = await carried(t);
  bed.narrow(1400);
  bed.one.host.ip("link set ens5 mtu 1400");
  const wire = await capture(t, bed.router, 2, "-i", "one", "src", bed.one.address, "and", "ip proto 4");
  assert.match(
    ping(bed.one, bed.two.podAddress, "-M", "dont", "-Q", "185", "-t", "33", "-s", "1400"),
    /1408 bytes from/,
  );
  await wire.says(/tos 0x1,.*ttl 32, .*flags \[\+\][\s\S]*tos 0x1,.*ttl 32, .*flags \[none\]/);
  const told = await capture(t, bed.one.pod, 1, "-i", "eth0", "icmp[icmptype]", "==", "icmp-unreach");
  assert.throws(() => ping(bed.one, bed.two.podAddress, "-M", "do", "-s", "1400"));
  await told.says(/unreachable - need to frag \(mtu 1380\)/);
});

for (const other of ["process", "bpf"] as const) {
  test(`a TCP stream arrives whole in both ways where the other node carries by ${other}`, { skip }, async (t) => {
    const bed = bedFor(t);
    for (const [node, carrier] of [
      [bed.one, "process"],
      [bed.two, other],
    ] as const) {
      await startedAgent(t, bed, node, carrier).says(/^ready$/m);
    }
    const { digest } = expected();
    assert.equal(await sends(t, bed.one, bed.two), digest);
    assert.equal(await sends(t, bed.two, bed.one), digest);
    // With offloads off every packet crosses the wire in its own, its checksum complete.
    for (const node of [bed.one, bed.two]) {
      const off = ["tx", "tso", "gso", "gro"].flatMap((feature) => [feature, "off"]);
      node.host.run("ethtool", "-K", "ens5", ...off);
    }
    assert.equal(await sends(t, bed.one, bed.two), digest);
    assert.equal(await sends(t, bed.two, bed.one), digest);
    const { notReceived, unknownSource } = (await serverAt(bed.one).state())?.counters ?? {};
    assert.deepEqual([notReceived, unknownSource], [0, 0]);
  });
}

test("where /dev/net/tun is closed too, it is said what is missing and what helps", { skip }, async (t) => {
  const bed = bedFor(t);
  const other = bed.two;
  const args = [bed.one.address, bed.one.tunnelAddress, other.address, other.block, "process", bed.one.folder];
  const agent = path.join(import.meta.dirname, "../../src/testing/ipip-agent.ts");
  const script = `mount --bind /dev/null /dev/net/tun && ip link add ens5 type veth peer name x && exec ${[process.execPath, agent, ...args].join(" ")}`;
  const running = started(t, bed.router, "unshare", ["--net", "--mount", "sh", "-c", script]);
  await running.says(/\n/);
  assert.match(
    running.stdout,
    /^create of IP-in-IP device tunl0: \w+ \(.*; this kernel has no ipip module and refuses bpf\(2\).*chmod 666 \/dev\/net\/tun.*or use VXLAN/,
  );
});
