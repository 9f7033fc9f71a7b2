/** What tables of ours do to packets: masquerade of pods with exclusion, and a cloud's filter at a NIC. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { calicoTable } from "../../src/compile/calico-table.ts";
import { natOutgoing } from "../../src/compile/nat/nat-outgoing.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { NftTableDriver } from "../../src/kernel/nftables/table-driver.ts";
import { accept, counter, drop } from "../../src/netlink/nftables/action.ts";
import { is, isIn, isNot, isNotIn } from "../../src/netlink/nftables/match.ts";
import { rule, type Statement } from "../../src/netlink/nftables/rule.ts";
import { ip, meta } from "../../src/netlink/nftables/selector.ts";
import type { NftTable } from "../../src/netlink/nftables/tree.ts";
import { namespaceFor, type TestNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";

const skip = whyNoNamespaces() ?? false;

function driverFor(t: TestContext, { net }: TestNamespace): NftTableDriver {
  const driver = new NftTableDriver(net, { log: new SilentLog(), clock: new SystemClock() });
  t.after(() => driver.close());
  return driver;
}

/** A veth pair from the router to a leaf, whose address is in a /24 of the router's, or in a /64. */
function wire(router: TestNamespace, leaf: TestNamespace, device: string, net: string): void {
  const [dot, length] = net.includes(":") ? ["", "64 nodad"] : [".", "24"];
  router.ip(`link add ${device} type veth peer name eth0 netns ${leaf.path}`);
  router.ip(`address add ${net}${dot}1/${length} dev ${device}`);
  router.ip(`link set ${device} up`);
  leaf.ip(`address add ${net}${dot}2/${length} dev eth0`);
  leaf.ip("link set eth0 up");
}

const pings = (from: TestNamespace, to: string): boolean => {
  try {
    from.run("ping", "-n", "-c", "1", "-W", "0.5", to);
    return true;
  } catch {
    return false;
  }
};

/** Counts echo requests by source, with nft, as they arrive. */
function countRequests(at: TestNamespace, ...sources: readonly string[]): (source: string) => number {
  const rules = sources.map((source) => {
    const match = source.includes(":") ? `ip6 saddr ${source} icmpv6` : `ip saddr ${source} icmp`;
    return `${match} type echo-request counter comment "${source}"`;
  });
  at.run("nft", `table inet seen { chain in {\ntype filter hook input priority 0;\n${rules.join("\n")}\n}\n}\n`);
  return (source) => {
    const { nftables } = JSON.parse(at.run("nft", "-j", "list", "chain", "inet", "seen", "in")) as {
      nftables: { rule?: { comment: string; expr: { counter?: { packets: number } }[] } }[];
    };
    const found = nftables.find(({ rule }) => rule?.comment === source)?.rule;
    return found?.expr.find((expression) => expression.counter)?.counter?.packets ?? -1;
  };
}

test("a pod reaches the outside with the node's address and another pod with its own", { skip }, async (t) => {
  const [host, pod, otherPod, outside] = [namespaceFor(t), namespaceFor(t), namespaceFor(t), namespaceFor(t)];
  wire(host, pod, "cali1", "192.168.7");
  wire(host, otherPod, "cali2", "10.48.3");
  wire(host, outside, "uplink", "203.0.113");
  host.net.writeSysctl("net/ipv4/ip_forward", "1");
  for (const leaf of [pod, otherPod]) leaf.ip(`route add default via ${leaf === pod ? "192.168.7" : "10.48.3"}.1`);
  const seenOutside = countRequests(outside, "203.0.113.1", "192.168.7.2");
  const seenByPod = countRequests(otherPod, "10.48.3.1", "192.168.7.2");
  assert.equal(pings(pod, "203.0.113.2"), false);
  const driver = driverFor(t, host);
  const [masqueraded, plain] = [parsePrefix("192.168.0.0/16"), parsePrefix("10.48.0.0/16")];
  const nat = { tunnelDevices: [{ name: "vxlan.calico" }] } as const;
  const table = calicoTable(4, [
    natOutgoing({ family: 4, ...nat, pools: [masqueraded, plain], masqueradedPools: [masqueraded] }),
  ]);
  await driver.apply(table, table);
  assert.equal(pings(pod, "203.0.113.2"), true);
  assert.equal(pings(pod, "10.48.3.2"), true);
  assert.equal(pings(otherPod, "203.0.113.2"), false);
  assert.deepEqual([seenOutside("203.0.113.1"), seenOutside("192.168.7.2")], [1, 1]);
  assert.deepEqual([seenByPod("10.48.3.1"), seenByPod("192.168.7.2")], [0, 1]);
});

test("a pod's IPv6 is masqueraded too, and stays as it is between pools", { skip }, async (t) => {
  const [host, pod, otherPod, outside] = [namespaceFor(t), namespaceFor(t), namespaceFor(t), namespaceFor(t)];
  // Link-local addresses are there at once: neighbours are asked from them.
  for (const { net } of [host, pod, otherPod, outside]) net.writeSysctl("net/ipv6/conf/default/accept_dad", "0");
  wire(host, pod, "cali1", "fd00:10:244::");
  wire(host, otherPod, "cali2", "fd00:10:48::");
  wire(host, outside, "uplink", "2001:db8::");
  host.net.writeSysctl("net/ipv6/conf/all/forwarding", "1");
  for (const leaf of [pod, otherPod])
    leaf.ip(`route add default via ${leaf === pod ? "fd00:10:244::1" : "fd00:10:48::1"}`);
  const seenOutside = countRequests(outside, "2001:db8::1", "fd00:10:244::2");
  const seenByPod = countRequests(otherPod, "fd00:10:48::1", "fd00:10:244::2");
  assert.equal(pings(pod, "2001:db8::2"), false);
  const [masqueraded, plain] = [parsePrefix("fd00:10:244::/56"), parsePrefix("fd00:10:48::/64")];
  const pools = { pools: [masqueraded, plain], masqueradedPools: [masqueraded] };
  const table = calicoTable(6, [natOutgoing({ family: 6, ...pools, tunnelDevices: [] })]);
  await driverFor(t, host).apply(table, table);
  assert.equal(pings(pod, "2001:db8::2"), true);
  assert.equal(pings(pod, "fd00:10:48::2"), true);
  assert.equal(pings(otherPod, "2001:db8::2"), false);
  assert.deepEqual([seenOutside("2001:db8::1"), seenOutside("fd00:10:244::2")], [1, 1]);
  assert.deepEqual([seenByPod("fd00:10:48::1"), seenByPod("fd00:10:244::2")], [0, 1]);
});

test("what the host sends into a tunnel from another address gets the tunnel's", { skip }, async (t) => {
  const [host, peer] = [namespaceFor(t), namespaceFor(t)];
  wire(host, peer, "vxlan.calico", "192.168.7");
  host.ip("link add uplink type veth peer name far");
  host.ip("address add 203.0.113.1/24 dev uplink");
  host.ip("link set uplink up");
  const seen = countRequests(peer, "203.0.113.1", "192.168.7.1");
  const pool = parsePrefix("192.168.0.0/16");
  const table = calicoTable(4, [
    natOutgoing({
      family: 4,
      pools: [pool],
      masqueradedPools: [],
      tunnelDevices: [{ name: "vxlan.calico" }],
    }),
  ]);
  await driverFor(t, host).apply(table, table);
  host.run("ping", "-n", "-c", "1", "-W", "0.5", "-I", "203.0.113.1", "192.168.7.2");
  assert.deepEqual([seen("203.0.113.1"), seen("192.168.7.1")], [0, 1]);
});

/** As a cloud does it at the wire of a machine: only its own address leaves it and reaches it; ARP passes. */
function sourceDestinationCheck(device: string, allowed: readonly string[]): NftTable {
  const chain = (hook: "ingress" | "egress", ...statements: Statement[]) => ({
    name: `${device}-${hook}`,
    base: { type: "filter", hook, priority: 0, policy: "accept", devices: [device] } as const,
    rules: [rule("netdev", [is(meta.protocol, "arp"), accept]), rule("netdev", [...statements, counter, drop])],
  });
  return {
    family: "netdev",
    name: "cloud",
    sets: [{ name: "own", key: ["ipv4_addr"], elements: allowed }],
    chains: [chain("ingress", isNotIn(ip.saddr, "own")), chain("egress", isNotIn(ip.daddr, "own"))],
  };
}

test("a NIC filter drops what is not the machine's own, both ways, and follows its set", { skip }, async (t) => {
  const [router, machine, outside] = [namespaceFor(t), namespaceFor(t), namespaceFor(t)];
  wire(router, machine, "nic", "10.30.0");
  wire(router, outside, "uplink", "203.0.113");
  router.net.writeSysctl("net/ipv4/ip_forward", "1");
  machine.ip("address add 192.168.7.2/32 dev eth0");
  machine.ip("route add default via 10.30.0.1");
  outside.ip("route add default via 203.0.113.1");
  router.ip("route add 192.168.7.2/32 via 10.30.0.2");
  const podPings = (): boolean => {
    try {
      machine.run("ping", "-n", "-c", "1", "-W", "0.5", "-I", "192.168.7.2", "203.0.113.2");
      return true;
    } catch {
      return false;
    }
  };
  const driver = driverFor(t, router);
  const key = { family: "netdev", name: "cloud" } as const;
  assert.ok(pings(machine, "203.0.113.2") && podPings() && pings(outside, "192.168.7.2"));
  await driver.apply(sourceDestinationCheck("nic", ["10.30.0.2"]), key);
  assert.deepEqual([pings(machine, "203.0.113.2"), podPings(), pings(outside, "192.168.7.2")], [true, false, false]);
  const counts = router.run("nft", "list", "table", "netdev", "cloud").match(/packets [1-9]\d*/g);
  assert.equal(counts?.length, 2);
  await driver.apply(sourceDestinationCheck("nic", ["10.30.0.2", "192.168.7.2"]), key);
  assert.deepEqual([pings(machine, "203.0.113.2"), podPings(), pings(outside, "192.168.7.2")], [true, true, true]);
  await driver.apply(undefined, key);
  assert.ok(podPings());
});

test("a protocol in a netdev table is matched behind its network protocol, as nft prints it", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  const table: NftTable = {
    family: "netdev",
    name: "cloud",
    chains: [
      {
        name: "in",
        base: { type: "filter", hook: "ingress", priority: 0, policy: "accept", devices: ["lo"] },
        rules: [
          rule("netdev", [is(ip.protocol, "ipip"), drop]),
          rule("netdev", [is(ip.saddr, "10.0.0.1"), isNot(ip.daddr, "10.0.0.2"), drop]),
          rule("netdev", [isIn(ip.saddr, "own"), drop]),
        ],
      },
    ],
    sets: [{ name: "own", key: ["ipv4_addr"], elements: [] }],
  };
  await driverFor(t, namespace).apply(table, table);
  const lines = namespace.run("nft", "list", "chain", "netdev", "cloud", "in").split("\n");
  assert.deepEqual(
    lines.filter((line) => line.includes("drop")).map((line) => line.trim()),
    ["ip protocol ipencap drop", "ip saddr 10.0.0.1 ip daddr != 10.0.0.2 drop", "ip saddr @own drop"],
  );
});
