/**
 * IP-in-IP in a virtual machine whose kernel has the ipip module: carried by our BPF programs at one node and by our process at
 * the other, while the module is not loaded, then by the module. All put the same outer headers around the same packets, make the same of what comes in,
 * and of a hop that is narrower than the NICs.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { ECN_IN } from "../../../src/testing/ecn-tables.ts";
import { type BedNode, IpipBed } from "../../../src/testing/ipip-bed.ts";
import { eventually } from "../../scenario/eventually.ts";
import { Running } from "../../scenario/running.ts";
import { packetsOf } from "./captured.ts";
import { whatArrives } from "./inbound-packets.ts";

const agentFile = path.join(import.meta.dirname, "../../../src/testing/ipip-agent.ts");
/** Where the kernel finds what loads modules (sysctl kernel.modprobe). */
const MODPROBE = "/proc/sys/kernel/modprobe";
/** What the programs need, loaded while modules can be. */
const NEEDED_MODULES = ["veth", "tun", "sch_ingress", "cls_bpf", "nfnetlink", "nf_tables", "nft_fib_ipv4"];
const DEADLINE_MS = 60_000;

interface Packet {
  readonly name: string;
  /** `ping`'s options. */
  readonly options: readonly string[];
  /** Packets on the wire that it makes. */
  readonly count: number;
}

const ECN = [0, 1, 2, 3];
const DSCP = [0x00, 0x28, 0xb8, 0xfc];

const packets: readonly Packet[] = [
  ...DSCP.flatMap((dscp) => ECN.map((ecn) => dscp | ecn)).map((tos) => ({
    name: `TOS ${tos}`,
    options: ["-Q", `${tos}`],
    count: 1,
  })),
  ...[3, 64, 255].map((ttl) => ({ name: `TTL ${ttl}`, options: ["-t", `${ttl}`], count: 1 })),
  { name: "DF", options: ["-M", "do"], count: 1 },
  { name: "no DF", options: ["-M", "dont"], count: 1 },
  { name: "the MTU with DF", options: ["-M", "do", "-s", "1452"], count: 1 },
  { name: "fragments", options: ["-M", "dont", "-s", "3000", "-Q", "185"], count: 3 },
];

/** What an outer header says that is not its own affair (identification and checksum are), and the inner one's length. */
interface Outer {
  readonly version: string;
  readonly tos: number;
  readonly length: number;
  readonly dontFragment: boolean;
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly addresses: string;
}
/** RFC 791 section 3.1. */
function outerOf(octets: Buffer): Outer {
  const flags = octets.readUInt16BE(6);
  return {
    version: octets.toString("hex", 0, 1),
    tos: octets.readUInt8(1),
    length: octets.readUInt16BE(2),
    dontFragment: (flags & 0x4000) !== 0,
    fragmentOffset: flags & 0x1fff,
    ttl: octets.readUInt8(8),
    protocol: octets.readUInt8(9),
    addresses: octets.toString("hex", 12, 20),
  };
}

async function started(t: TestContext, bed: IpipBed, carriers = ["bpf", "bpf"]): Promise<readonly Running[]> {
  const agents = [bed.one, bed.two].map((node, index) => {
    const other = bed.other(node);
    const args = [
      agentFile,
      node.address,
      node.tunnelAddress,
      other.address,
      other.block,
      carriers[index] ?? "",
      node.folder,
    ];
    const agent = node.host.net.run(() => Running.start(process.execPath, args, process.env));
    t.after(() => agent.end("SIGKILL"));
    return agent;
  });
  for (const agent of agents) await agent.says(/^ready$/m, DEADLINE_MS);
  return agents;
}

const ping = (bed: IpipBed, from: BedNode, ...options: readonly string[]): string =>
  from.pod.run("ping", "-n", "-c", "1", "-W", "20", ...options, bed.other(from).podAddress);

/** The outer headers that leave a node for each packet of the table, in order. */
async function outerHeaders(bed: IpipBed, from: BedNode): Promise<Record<string, readonly Outer[]>> {
  ping(bed, from);
  const total = packets.reduce((sum, { count }) => sum + count, 0);
  const filter = ["ip", "proto", "4", "and", "src", from.address];
  const args = [
    "-Z",
    "root",
    "-nn",
    "-x",
    "-l",
    "--immediate-mode",
    "-i",
    from === bed.one ? "one" : "two",
    "-c",
    `${total}`,
    ...filter,
  ];
  const tcpdump = bed.router.net.run(() => Running.start("tcpdump", args, process.env));
  try {
    await tcpdump.says(/listening on/, DEADLINE_MS);
    for (const { options } of packets) ping(bed, from, ...options);
    await tcpdump.says(new RegExp(`^${total} packets captured`, "m"), DEADLINE_MS);
  } finally {
    await tcpdump.end("SIGINT");
  }
  const seen = packetsOf(tcpdump.stdout).map(outerOf).values();
  return Object.fromEntries(packets.map(({ name, count }) => [name, [...seen.take(count)]]));
}

const NARROW = 1300;

/** What the sender of packets with DF is told where a hop is narrower than the NICs; those without DF are answered. */
async function toldOfNarrowHop(bed: IpipBed, from: BedNode): Promise<string> {
  bed.narrow(NARROW);
  assert.match(ping(bed, from, "-M", "dont", "-s", "1400"), /1408 bytes from/);
  const args = [
    "-Z",
    "root",
    "-nn",
    "-v",
    "-l",
    "--immediate-mode",
    "-i",
    "eth0",
    "icmp[icmptype]",
    "==",
    "icmp-unreach",
  ];
  const tcpdump = from.pod.net.run(() => Running.start("tcpdump", args, process.env));
  try {
    await tcpdump.says(/listening on/, DEADLINE_MS);
    // The first is lost where the router refuses it, which tells the node.
    return await eventually(() => {
      assert.throws(() => ping(bed, from, "-M", "do", "-W", "1", "-s", "1400"));
      const [told] = /unreachable - need to frag \(mtu \d+\)/.exec(tcpdump.stdout) ?? [];
      assert.ok(told !== undefined);
      return told;
    }, DEADLINE_MS);
  } finally {
    await tcpdump.end("SIGINT");
  }
}

/** What one of the three makes of packets. */
interface Seen {
  readonly headers: Record<string, readonly Outer[]>;
  readonly arrivals: Record<string, string>;
  readonly told: string;
}

/** At both nodes. Paths are made narrow at last. */
async function seenOn(bed: IpipBed): Promise<readonly [Seen, Seen]> {
  const headers = [await outerHeaders(bed, bed.one), await outerHeaders(bed, bed.two)] as const;
  const arrivals = [await whatArrives(bed, bed.one), await whatArrives(bed, bed.two)] as const;
  const told = [await toldOfNarrowHop(bed, bed.one), await toldOfNarrowHop(bed, bed.two)] as const;
  const at = (index: 0 | 1): Seen => ({ headers: headers[index], arrivals: arrivals[index], told: told[index] });
  return [at(0), at(1)];
}

/** By the node, what the carrier made of packets that is not the module, and what the module made of them. */
let ours: readonly Seen[] = [];
let module: readonly Seen[] = [];
const CARRIERS = ["programs", "process"] as const;

test("without the module, packets are carried by BPF programs at one node and a process at the other", {
  timeout: 120_000,
}, async (t) => {
  for (const module of NEEDED_MODULES) execFileSync("/sbin/modprobe", [module]);
  const loader = fs.readFileSync(MODPROBE, "utf8");
  fs.writeFileSync(MODPROBE, "/nowhere");
  t.after(() => fs.writeFileSync(MODPROBE, loader));
  const bed = new IpipBed();
  t.after(() => bed.close());
  await started(t, bed, ["bpf", "process"]);
  assert.match(bed.one.host.ip("-d link show tunl0"), /\bveth\b/);
  assert.match(bed.two.host.ip("-d link show tunl0"), /\btun type tap\b/);
  ours = await seenOn(bed);
});

test("with the module its tunl0 is taken over: MTU, address, onlink route, pings, and on without the agent", {
  timeout: 120_000,
}, async (t) => {
  execFileSync("/sbin/modprobe", ["ipip"]);
  const bed = new IpipBed();
  t.after(() => bed.close());
  const { host } = bed.one;
  const indexOf = () => host.json<{ ifindex: number }>("ip -j link show tunl0")[0]?.ifindex;
  const before = indexOf();
  assert.ok(before !== undefined, "the module makes a tunl0 in each namespace");
  const agents = await started(t, bed);
  assert.equal(indexOf(), before);
  const link = host.ip("-d link show tunl0");
  assert.match(link, /\bmtu 1480\b/);
  assert.match(link, /^\s+ipip any remote any local any ttl inherit nopmtudisc/m);
  assert.match(host.ip("-4 address show tunl0"), /inet 192\.168\.226\.64\/32/);
  assert.equal(host.ip("route show proto bird").trim(), "192.168.97.192/26 via 10.30.1.66 dev tunl0 onlink");
  assert.match(ping(bed, bed.one), /ttl=62/);
  module = await seenOn(bed);
  for (const agent of agents) await agent.end("SIGKILL");
  assert.match(ping(bed, bed.one), /ttl=62/);
});

for (const [index, name] of CARRIERS.entries()) {
  test(`the outer headers of the ${name} and the module are the same for every packet`, () => {
    for (const { name: packet, count } of packets) {
      assert.equal(module[index]?.headers[packet]?.length, count, packet);
      assert.deepEqual(ours[index]?.headers[packet], module[index]?.headers[packet], packet);
    }
  });

  test(`the ${name} and the module make the same of what comes in, and of a narrow hop`, () => {
    assert.deepEqual(ours[index]?.arrivals, module[index]?.arrivals);
    assert.equal(module[index]?.told, `unreachable - need to frag (mtu ${NARROW - 20})`);
    assert.equal(ours[index]?.told, module[index]?.told);
  });
}

test("what comes in is what RFC 6040 says, whole packets and fragments", () => {
  const [{ arrivals } = { arrivals: {} as Record<string, string> }] = module;
  for (const [inner, row] of ECN_IN.entries()) {
    for (const [outer, expected] of row.entries()) {
      const tos = arrivals[`ECN ${inner} in ${outer}`]?.slice(2, 4);
      assert.equal(tos, expected === "drop" ? "" : (0xb8 | expected).toString(16), `${inner} in ${outer}`);
    }
  }
  for (const name of ["options", "fragments", "congested fragments", "fragments the wrong way round"]) {
    assert.match(arrivals[name] ?? "", / 1020$/, name);
  }
  for (const name of ["no packet", "a fragment alone", "a stranger's", "a stranger's fragments"])
    assert.equal(arrivals[name], "", name);
});
