/**
 * IP-in-IP in a virtual machine whose kernel has the ipip module: first carried by our BPF programs, while the module is
 * not loaded, then by the module. Both put the same outer headers around the same packets.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { IpipBed } from "../../../src/testing/ipip-bed.ts";
import { Running } from "../../scenario/running.ts";

const agentFile = path.join(import.meta.dirname, "../../../src/testing/ipip-agent.ts");
/** Where the kernel finds what loads modules (sysctl kernel.modprobe). */
const MODPROBE = "/proc/sys/kernel/modprobe";
/** What the programs need, loaded while modules can be. */
const NEEDED_MODULES = ["veth", "sch_ingress", "cls_bpf", "nfnetlink", "nf_tables"];
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

/** The packets of `tcpdump -x`: a line for each, and below its octets. */
const packetsOf = (text: string): Buffer[] =>
  text
    .split(/^(?=\d\d:\d\d:)/m)
    .map((one) => [...one.matchAll(/^\s+0x[0-9a-f]{4}: {2}(.*)$/gm)].map(([, hex = ""]) => hex).join(""))
    .filter((hex) => hex !== "")
    .map((hex) => Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

async function started(t: TestContext, bed: IpipBed): Promise<readonly Running[]> {
  const agents = [bed.one, bed.two].map((node) => {
    const other = bed.other(node);
    const args = [agentFile, node.address, node.tunnelAddress, other.address, other.block];
    const agent = node.host.net.run(() => Running.start(process.execPath, args, process.env));
    t.after(() => agent.end("SIGKILL"));
    return agent;
  });
  for (const agent of agents) await agent.says(/^ready$/m, DEADLINE_MS);
  return agents;
}

const ping = (bed: IpipBed, ...options: readonly string[]): string =>
  bed.one.pod.run("ping", "-n", "-c", "1", "-W", "20", ...options, bed.two.podAddress);

/** The outer headers that leave node one for each packet of the table, in order. */
async function outerHeaders(bed: IpipBed): Promise<Record<string, readonly Outer[]>> {
  ping(bed);
  const total = packets.reduce((sum, { count }) => sum + count, 0);
  const filter = ["ip", "proto", "4", "and", "src", bed.one.address];
  const args = ["-Z", "root", "-nn", "-x", "-l", "--immediate-mode", "-i", "one", "-c", `${total}`, ...filter];
  const tcpdump = bed.router.net.run(() => Running.start("tcpdump", args, process.env));
  try {
    await tcpdump.says(/listening on/, DEADLINE_MS);
    for (const { options } of packets) ping(bed, ...options);
    await tcpdump.says(new RegExp(`^${total} packets captured`, "m"), DEADLINE_MS);
  } finally {
    await tcpdump.end("SIGINT");
  }
  const seen = packetsOf(tcpdump.stdout).map(outerOf).values();
  return Object.fromEntries(packets.map(({ name, count }) => [name, [...seen.take(count)]]));
}

/** What each of the two puts around the packets. */
const headers: Record<"programs" | "module", Record<string, readonly Outer[]>> = { programs: {}, module: {} };

test("without the module, packets are carried by BPF programs", { timeout: 120_000 }, async (t) => {
  for (const module of NEEDED_MODULES) execFileSync("/sbin/modprobe", [module]);
  const loader = fs.readFileSync(MODPROBE, "utf8");
  fs.writeFileSync(MODPROBE, "/nowhere");
  t.after(() => fs.writeFileSync(MODPROBE, loader));
  const bed = new IpipBed();
  t.after(() => bed.close());
  await started(t, bed);
  assert.match(bed.one.host.ip("-d link show tunl0"), /\bveth\b/);
  headers.programs = await outerHeaders(bed);
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
  assert.match(ping(bed), /ttl=62/);
  headers.module = await outerHeaders(bed);
  for (const agent of agents) await agent.end("SIGKILL");
  assert.match(ping(bed), /ttl=62/);
});

test("the outer headers of programs and module are the same for every packet", () => {
  for (const { name, count } of packets) {
    assert.equal(headers.module[name]?.length, count, name);
    assert.deepEqual(headers.programs[name], headers.module[name], name);
  }
});
