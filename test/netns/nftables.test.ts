/** The table driver on the real kernel, looked at with nft(8). */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { calicoTable } from "../../src/compile/calico-table.ts";
import { natOutgoing } from "../../src/compile/nat/nat-outgoing.ts";
import { tunnelInput } from "../../src/compile/tunnels/ipip-input.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import { NftTableDriver } from "../../src/kernel/nftables/table-driver.ts";
import {
  accept,
  clearMark,
  counter,
  dnat,
  drop,
  goTo,
  jump,
  limit,
  log,
  masquerade,
  notrack,
  orMark,
  reject,
  returns,
  snat,
} from "../../src/netlink/nftables/action.ts";
import { hashedChain } from "../../src/netlink/nftables/hashed-chain.ts";
import {
  CtState,
  CtStatus,
  hasAny,
  is,
  isBelow,
  isBetween,
  isIn,
  isMasked,
  isNot,
  isNotIn,
  isWithin,
  RouteType,
  startsWith,
  vmap,
} from "../../src/netlink/nftables/match.ts";
import { rule } from "../../src/netlink/nftables/rule.ts";
import {
  arp,
  ct,
  ether,
  fib,
  icmp,
  icmpv6,
  ip,
  ip6,
  meta,
  numgen,
  sctp,
  tcp,
  th,
  udp,
} from "../../src/netlink/nftables/selector.ts";
import type { NftChain, NftTable } from "../../src/netlink/nftables/tree.ts";
import { nftTableContract } from "../../src/testing/memory-nftables-contract.ts";
import { namespaceFor, type TestNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { runs } from "../../src/testing/runs.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";

const skip = whyNoNamespaces() ?? false;

function driverFor(t: TestContext, namespace: TestNamespace): NftTableDriver {
  const driver = new NftTableDriver(namespace.net, { log: new SilentLog(), clock: new SystemClock() });
  t.after(() => driver.close());
  return driver;
}

/** `nft list`, one trimmed line for each line that is not empty. */
const listed = (namespace: TestNamespace, ...what: readonly string[]): string[] =>
  namespace
    .run("nft", "list", ...what)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && line !== "}");

const key = { family: "ip", name: "calico" } as const;
const natInput = {
  family: 4,
  pools: [parsePrefix("192.168.0.0/16"), parsePrefix("10.48.0.0/16")],
  masqueradedPools: [parsePrefix("192.168.0.0/16")],
  tunnelDevices: [{ name: "vxlan.calico" }],
} as const;

/** One of everything that the trees have words for. */
const everything: NftTable = {
  ...key,
  comment: "one of each",
  sets: [
    {
      name: "pools",
      key: ["ipv4_addr"],
      interval: true,
      elements: ["10.0.0.0/8", "11.0.0.0/8", "192.168.0.1-192.168.0.9", "192.168.1.1", "224.0.0.0/3"],
    },
    {
      name: "services",
      key: ["ipv4_addr", "inet_proto", "inet_service"],
      comment: "by address and port",
      elements: ["10.0.0.1 . tcp . 80", "10.0.0.1 . udp . 53"],
    },
    {
      name: "ranges",
      key: ["ipv4_addr", "inet_service"],
      interval: true,
      elements: ["10.0.0.0/8 . 80-90", "1.2.3.4 . 5"],
    },
    { name: "marks", key: ["mark"], elements: ["0x00000010"] },
    { name: "macs", key: ["ether_addr"], elements: ["ee:ee:ee:ee:ee:ee"] },
  ],
  maps: [
    {
      name: "dispatch",
      key: ["ifname"],
      data: "verdict",
      elements: [
        ["cali123", "goto workload"],
        ["cali456", "drop"],
      ],
    },
    { name: "nat", key: ["ipv4_addr"], data: ["ipv4_addr", "inet_service"], elements: [["1.2.3.4", "5.6.7.8 . 80"]] },
  ],
  chains: [
    hashedChain({ name: "workload", rules: [rule("ip", [counter, accept], "a pod")] }),
    {
      name: "postrouting",
      base: { type: "nat", hook: "postrouting", priority: 110, policy: "accept" },
      rules: [
        rule("ip", [isIn(ip.saddr, "pools"), isNotIn(ip.daddr, "pools"), masquerade({ flags: ["fully-random"] })]),
        rule("ip", [is(ip.protocol, "udp"), masquerade({ ports: { low: 4790, high: 65535 } })]),
        rule("ip", [is(meta.l4proto, "udp"), snat({ to: parseAddress("1.2.3.4"), ports: { low: 80, high: 90 } })]),
        rule("ip", [
          is(meta.oifname, "vxlan.calico"),
          isNot(fib(["saddr", "oif"], "type"), RouteType.local),
          is(fib(["saddr"], "type"), RouteType.local),
          masquerade(),
        ]),
      ],
    },
    {
      name: "prerouting",
      base: { type: "nat", hook: "prerouting", priority: -100, policy: "accept" },
      rules: [rule("ip", [is(tcp.dport, 80), dnat({ to: parseAddress("1.2.3.4"), ports: { low: 8080, high: 8080 } })])],
    },
    {
      name: "raw",
      base: { type: "filter", hook: "prerouting", priority: -300, policy: "accept" },
      rules: [
        rule("ip", [is(udp.dport, 4789), notrack]),
        rule("ip", [is(fib(["saddr", "mark", "iif"], "oif"), 0), drop]),
      ],
    },
    {
      name: "forward",
      base: { type: "filter", hook: "forward", priority: 0, policy: "drop" },
      rules: [
        rule("ip", [vmap(meta.iifname, "dispatch")]),
        rule("ip", [isIn([ip.saddr, ip.protocol, th.dport], "services"), jump("workload")]),
        rule("ip", [isIn([ip.saddr, th.dport], "ranges"), returns]),
        rule("ip", [isWithin(ip.saddr, parsePrefix("10.0.0.0/13")), is(tcp.dport, 80), accept]),
        rule("ip", [isWithin(ip.saddr, parsePrefix("10.0.0.0/8"), "neq"), goTo("workload")]),
        rule("ip", [hasAny(ct.state, CtState.established | CtState.related), accept]),
        rule("ip", [isMasked(meta.mark, 0x10000, 0x10000), orMark(0x20000)]),
        rule("ip", [isIn(meta.mark, "marks"), clearMark(0x40000)]),
        rule("ip", [isBelow(numgen("random", 100), 10), drop]),
        rule("ip", [isBetween(udp.dport, 10, 20), drop]),
        rule("ip", [log({ prefix: "calico-packet: ", level: 5 }), reject()]),
        rule("ip", [is(meta.l4proto, "tcp"), reject({ type: "tcp reset" })]),
        rule("ip", [is(icmp.type, 8), limit({ packetsPerSecond: 10, burst: 5 }), accept]),
        rule("ip", [startsWith(meta.iifname, "cali"), isIn(ether.saddr, "macs"), drop]),
      ],
    },
  ],
};

const withoutHashes = (namespace: TestNamespace): readonly string[] =>
  listed(namespace, "ruleset").map((line) => line.replace(/cali:[A-Za-z0-9_-]{16};/, "cali:HASH;"));

test("nft prints the masquerade of pods as it prints Felix's", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  await driverFor(t, namespace).apply(calicoTable(4, [natOutgoing(natInput)]), key);
  assert.deepEqual(withoutHashes(namespace), [
    "table ip calico {",
    "set cali40all-ipam-pools {",
    "type ipv4_addr",
    "flags interval",
    "elements = { 10.48.0.0/16, 192.168.0.0/16 }",
    "set cali40masq-ipam-pools {",
    "type ipv4_addr",
    "flags interval",
    "elements = { 192.168.0.0/16 }",
    "chain nat-POSTROUTING {",
    "type nat hook postrouting priority srcnat + 10; policy accept;",
    'counter packets 0 bytes 0 jump nat-cali-POSTROUTING comment "cali:HASH;"',
    "chain nat-cali-POSTROUTING {",
    'counter packets 0 bytes 0 jump nat-cali-nat-outgoing comment "cali:HASH;"',
    'oifname "vxlan.calico" fib saddr . oif type != local fib saddr type local counter packets 0 bytes 0 masquerade fully-random comment "cali:HASH;"',
    "chain nat-cali-nat-outgoing {",
    'ip saddr @cali40masq-ipam-pools ip daddr != @cali40all-ipam-pools counter packets 0 bytes 0 masquerade fully-random comment "cali:HASH;"',
  ]);
});

test("nft prints who may send IP-in-IP as it prints Felix's", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  const nodes = ["10.30.0.206", "10.30.1.66"].map(parseAddress);
  await driverFor(t, namespace).apply(calicoTable(4, [tunnelInput(nodes)]), key);
  assert.deepEqual(withoutHashes(namespace), [
    "table ip calico {",
    "set cali40all-hosts-net {",
    "type ipv4_addr",
    "elements = { 10.30.0.206, 10.30.1.66 }",
    "chain filter-INPUT {",
    "type filter hook input priority filter; policy accept;",
    'counter packets 0 bytes 0 jump filter-cali-INPUT comment "cali:HASH;"',
    "chain filter-cali-INPUT {",
    'ip protocol ipencap ip saddr @cali40all-hosts-net fib daddr type local counter packets 0 bytes 0 accept comment "cali:HASH; IP-in-IP from nodes"',
    'ip protocol ipencap counter packets 0 bytes 0 drop comment "cali:HASH; IP-in-IP from others"',
  ]);
});

test("what is applied is what is read, and a second apply writes nothing, with memory and without", {
  skip,
}, async (t) => {
  const namespace = namespaceFor(t);
  const driver = driverFor(t, namespace);
  assert.deepEqual(await driver.apply(everything, key), {
    transactions: 1,
    repairs: [],
    differences: ["the table is missing"],
  });
  assert.deepEqual(await driver.apply(everything, key), { transactions: 0, repairs: [], differences: [] });
  const before = namespace.run("nft", "-a", "list", "ruleset");
  const restarted = await driverFor(t, namespace).apply(structuredClone(everything), key);
  assert.deepEqual(restarted, { transactions: 0, repairs: [], differences: [] });
  assert.equal(namespace.run("nft", "-a", "list", "ruleset"), before);
});

const only = { type: "filter", priority: 0, policy: "accept" } as const;
const families: readonly (readonly [table: NftTable, printed: readonly string[]])[] = [
  [
    {
      family: "ip6",
      name: "calico",
      sets: [
        { name: "pools", key: ["ipv6_addr"], interval: true, elements: ["2001:db8::/32", "fd00::1-fd00::9", "fd01::"] },
      ],
      chains: [
        {
          name: "input",
          base: { ...only, hook: "input" },
          rules: [
            rule("ip6", [isIn(ip6.saddr, "pools"), is(icmpv6.type, 135), accept]),
            rule("ip6", [isWithin(ip6.daddr, parsePrefix("fe80::/10")), is(ip6.nexthdr, "tcp"), drop]),
            rule("ip6", [is(sctp.dport, 9), hasAny(ct.status, CtStatus.dnat), reject({ code: 1 })]),
          ],
        },
      ],
    },
    [
      "elements = { 2001:db8::/32,",
      "fd00::1-fd00::9,",
      "fd01:: }",
      "ip6 saddr @pools icmpv6 type nd-neighbor-solicit accept",
      "ip6 daddr fe80::/10 ip6 nexthdr tcp drop",
      "sctp dport 9 ct status dnat reject with icmpv6 admin-prohibited",
    ],
  ],
  [
    {
      family: "inet",
      name: "both",
      chains: [
        {
          name: "input",
          base: { ...only, hook: "input" },
          rules: [
            rule("inet", [is(ip.saddr, "10.0.0.1"), accept]),
            rule("inet", [is(ip6.saddr, "2001:db8::1"), accept]),
            rule("inet", [is(tcp.dport, 22), accept]),
            rule("inet", [reject({ type: "icmpx", code: 3 })]),
          ],
        },
      ],
    },
    [
      "ip saddr 10.0.0.1 accept",
      "ip6 saddr 2001:db8::1 accept",
      "tcp dport 22 accept",
      "reject with icmpx admin-prohibited",
    ],
  ],
  [
    {
      family: "arp",
      name: "calico-arp",
      maps: [{ name: "dispatch", key: ["ifname"], data: "verdict", elements: [["cali1", "goto cali-arp-cali1"]] }],
      chains: [
        {
          name: "cali-arp-cali1",
          rules: [rule("arp", [is(arp.operation, 2), is(arp.saddrIp, "192.168.0.7"), counter, drop])],
        },
        {
          name: "filter-OUTPUT",
          base: { ...only, hook: "output" },
          rules: [rule("arp", [vmap(meta.oifname, "dispatch")])],
        },
      ],
    },
    ["arp operation reply arp saddr ip 192.168.0.7 counter packets 0 bytes 0 drop", "oifname vmap @dispatch"],
  ],
  [
    {
      family: "bridge",
      name: "switch",
      chains: [
        {
          name: "forward",
          base: { ...only, hook: "forward" },
          rules: [rule("bridge", [is(ether.saddr, "ee:ee:ee:ee:ee:ee"), is(ip.daddr, "10.0.0.1"), drop])],
        },
      ],
    },
    ["ether saddr ee:ee:ee:ee:ee:ee ip daddr 10.0.0.1 drop"],
  ],
];

test("tables of every family are printed by nft in the words they were written in", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  const driver = driverFor(t, namespace);
  for (const [table, printed] of families) {
    await driver.apply(table, table);
    const lines = listed(namespace, "table", table.family, table.name);
    for (const line of printed) assert.ok(lines.includes(line), `${line}\n\nis none of\n\n${lines.join("\n")}`);
    assert.equal((await driverFor(t, namespace).apply(structuredClone(table), table)).transactions, 0);
  }
  assert.deepEqual(
    (await driver.tables()).map(({ family, name }) => `${family} ${name}`).toSorted(),
    families.map(([{ family, name }]) => `${family} ${name}`).toSorted(),
  );
});

test("whatever nft does to a table of ours is put back, and other tables stay to the letter", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  const nft = (...words: readonly string[]) => namespace.run("nft", ...words);
  nft(
    'table inet theirs {\n chain in {\n type filter hook input priority 0; policy accept;\n counter comment "theirs"\n}\n}\n',
  );
  const theirs = nft("-a", "list", "table", "inet", "theirs");
  const driver = driverFor(t, namespace);
  await driver.apply(everything, key);
  const whole = listed(namespace, "table", "ip", "calico");
  const hands: readonly (readonly [command: string, found: string])[] = [
    ["delete table ip calico", "the table is missing"],
    ["flush chain ip calico raw", "chain raw is empty"],
    ["insert rule ip calico raw tcp dport { 80, 443 } accept", "chain raw has 1 rule that is not ours"],
    ["delete element ip calico pools { 10.0.0.0/8 }", "set pools lacks 1 element"],
    ["add element ip calico services { 9.9.9.9 . tcp . 9 }", "set services has 1 element too many"],
    ["delete element ip calico dispatch { cali456 : drop }", "set dispatch lacks 1 element"],
    ["add set ip calico stray { type ipv4_addr; flags timeout; timeout 1h; }", "set stray is not ours"],
    ["add map ip calico strays { type ipv4_addr : mark; }", "set strays is not ours"],
    ["add chain ip calico stray { type filter hook input priority 5; policy drop; }", "chain stray is not ours"],
    ["chain ip calico forward { policy accept; }", "chain forward has the policy accept"],
  ];
  for (const [command, found] of hands) {
    nft(command);
    const result = await driver.apply(everything, key);
    assert.deepEqual(result, { transactions: 1, repairs: [found], differences: [found] });
    assert.deepEqual(listed(namespace, "table", "ip", "calico"), whole);
  }
  assert.equal(nft("-a", "list", "table", "inet", "theirs"), theirs);
});

test("a change rewrites the chains it concerns and leaves the counters of all others", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  const driver = driverFor(t, namespace);
  const chain = (name: string, port: number): NftChain => ({
    name,
    base: { type: "filter", hook: "output", priority: port, policy: "accept" },
    rules: [rule("ip", [is(udp.dport, port), counter, accept], name)],
  });
  const table = (port: number): NftTable => ({
    ...key,
    sets: [{ name: "s", key: ["ipv4_addr"], elements: port === 1 ? ["1.1.1.1"] : ["2.2.2.2"] }],
    chains: [chain("kept", 9), chain("changed", port)],
  });
  await driver.apply(table(1), key);
  namespace.run("bash", "-c", "echo x > /dev/udp/127.0.0.1/9");
  await driver.apply(table(2), key);
  const lines = listed(namespace, "table", "ip", "calico");
  assert.ok(lines.some((line) => /^udp dport 9 counter packets 1 /.test(line)));
  assert.ok(lines.some((line) => /^udp dport 2 counter packets 0 /.test(line)));
  assert.ok(lines.includes("elements = { 2.2.2.2 }"));
});

test("rules outlive the driver", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  const driver = driverFor(t, namespace);
  await driver.apply(everything, key);
  const before = namespace.run("nft", "list", "ruleset");
  driver.close();
  assert.equal(namespace.run("nft", "list", "ruleset"), before);
  assert.ok(!before.includes("owner"));
});

test("a chain at a NIC comes back with the NIC", { skip }, async (t) => {
  const namespace = namespaceFor(t);
  const driver = driverFor(t, namespace);
  const base = { type: "filter", hook: "ingress", priority: 0, policy: "accept", devices: ["nic"] } as const;
  const table: NftTable = {
    family: "netdev",
    name: "cloud",
    chains: [{ name: "in", base, rules: [rule("netdev", [is(ip.saddr, "10.0.0.1"), drop])] }],
  };
  namespace.ip("link add nic type veth peer name far");
  await driver.apply(table, table);
  namespace.ip("link del nic");
  namespace.ip("link add nic type veth peer name far");
  await driver.apply(table, table);
  assert.ok(listed(namespace, "table", "netdev", "cloud").includes("ip saddr 10.0.0.1 drop"));
  assert.equal((await driver.apply(structuredClone(table), table)).transactions, 0);
});

nftTableContract({ on: "the kernel", skip, kernel: (t) => namespaceFor(t).net, runs: runs(150) });
