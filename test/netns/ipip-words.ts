/** What the tests of IP-in-IP say: agents on the bed's nodes, captures, pings, a stream that is known. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import type { TestContext } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import type { DriverDeps } from "../../src/dataplane/drivers/deps.ts";
import { LinkTable } from "../../src/kernel/link-table.ts";
import { Rtnetlink } from "../../src/kernel/rtnetlink.ts";
import { TakenDevices } from "../../src/kernel/taken-devices.ts";
import { type BedNode, IpipBed } from "../../src/testing/ipip-bed.ts";
import type { TestNamespace } from "../../src/testing/netns.ts";
import { eventually } from "../scenario/eventually.ts";
import { Running } from "../scenario/running.ts";

const agentFile = path.join(import.meta.dirname, "../../src/testing/ipip-agent.ts");

const DEADLINE_MS = 20_000;

/** Starts a command in a namespace; it is killed after the test. */
export function started(t: TestContext, at: TestNamespace, command: string, args: readonly string[]): Running {
  const running = at.net.run(() => Running.start(command, args, process.env));
  t.after(() => running.end("SIGKILL"));
  return running;
}

/** The means of a process that knows nothing, in a node's namespace. */
export async function depsAt(t: TestContext, { host }: BedNode): Promise<DriverDeps> {
  const rtnetlink = new Rtnetlink(host.net, new SystemClock());
  const links = new LinkTable(rtnetlink);
  await links.start();
  t.after(() => {
    links.close();
    rtnetlink.close();
  });
  return { rtnetlink, links, taken: new TakenDevices(rtnetlink.clock) };
}

export function bedFor(t: TestContext): IpipBed {
  const bed = new IpipBed();
  t.after(() => bed.close());
  return bed;
}

/** What carries on the bed. */
export type Carrier = "bpf" | "process";

/** Starts the processes that make the tunnel's two ends. */
export async function agents(t: TestContext, bed: IpipBed, carrier: Carrier): Promise<readonly Running[]> {
  const running = [bed.one, bed.two].map((node) => startedAgent(t, bed, node, carrier));
  for (const agent of running) await agent.says(/^ready$/m);
  return running;
}

export function startedAgent(t: TestContext, bed: IpipBed, node: BedNode, carrier: Carrier): Running {
  const other = bed.other(node);
  const args = [node.address, node.tunnelAddress, other.address, other.block, carrier, node.folder];
  const agent = started(t, node.host, process.execPath, [agentFile, ...args]);
  bed.inhabit(agent);
  return agent;
}

/** What `tcpdump` prints of so many packets, once it is ready. */
export async function capture(
  t: TestContext,
  at: TestNamespace,
  count: number,
  ...filter: readonly string[]
): Promise<Running> {
  const args = ["-nn", "-v", "-l", "--immediate-mode", "-c", `${count}`, ...filter];
  const tcpdump = started(t, at, "tcpdump", args);
  await tcpdump.says(/listening on/);
  return tcpdump;
}

export const ping = (from: BedNode, to: string, ...options: readonly string[]): string =>
  from.pod.run("ping", "-n", "-c", "1", "-W", "5", ...options, to);

export const pings = (from: BedNode, to: BedNode): boolean => {
  try {
    from.pod.run("ping", "-n", "-c", "1", "-W", "0.5", to.podAddress);
    return true;
  } catch {
    return false;
  }
};

/** What a device's MTU does to packets that it has no room for: with DF their sender is told, without they are fragmented. */
export async function exceedsMtu(t: TestContext, bed: IpipBed): Promise<void> {
  ping(bed.one, bed.two.podAddress, "-M", "do", "-s", `${1480 - 28}`);
  for (const { host, pod } of [bed.one, bed.two]) {
    host.ip("link set cali1 mtu 1500");
    pod.ip("link set eth0 mtu 1500");
  }
  const refusals = await capture(t, bed.one.pod, 1, "-i", "eth0", "icmp[icmptype]", "==", "icmp-unreach");
  assert.throws(() => ping(bed.one, bed.two.podAddress, "-M", "do", "-s", `${1500 - 28}`));
  await refusals.says(/unreachable - need to frag \(mtu 1480\)/);
  assert.match(ping(bed.one, bed.two.podAddress, "-M", "dont", "-s", "4000"), /4008 bytes from/);
}

/** Narrower than the NICs of the bed, and by how much. */
const NARROW = 1300;

/**
 * What a hop between the nodes does that is narrower than their NICs: without DF outer packets come in fragments and are joined; with
 * it a first packet is lost, and the sender of the next is told what its path carries. A stream passes.
 */
export async function passesNarrowHop(t: TestContext, bed: IpipBed): Promise<void> {
  bed.narrow(NARROW);
  const fragments = await capture(t, bed.two.host, 2, "-i", "ens5", "src", bed.one.address, "and", "ip proto 4");
  assert.match(ping(bed.one, bed.two.podAddress, "-M", "dont", "-s", "1400"), /1408 bytes from/);
  await fragments.says(/flags \[\+\][\s\S]* offset \d+, flags \[none\]/);
  assert.match(ping(bed.one, bed.two.podAddress, "-M", "dont", "-s", "4000"), /4008 bytes from/);
  const told = await capture(t, bed.one.pod, 1, "-i", "eth0", "icmp[icmptype]", "==", "icmp-unreach");
  const tooLong = () => ping(bed.one, bed.two.podAddress, "-M", "do", "-W", "0.2", "-s", `${NARROW - 20 - 28 + 1}`);
  // The first is lost where the router refuses it, which tells the node.
  await eventually(() => {
    assert.throws(tooLong);
    assert.match(told.stdout, new RegExp(`unreachable - need to frag \\(mtu ${NARROW - 20}\\)`));
  });
  assert.match(ping(bed.one, bed.two.podAddress, "-M", "do", "-s", `${NARROW - 20 - 28}`), /1260 bytes from/);
  assert.equal(await sends(t, bed.two, bed.one), expected().digest);
}

/** What `seq` prints: octets that are known, and different everywhere. */
const LAST = 4_000_000;

export function expected(): { readonly octets: number; readonly digest: string } {
  const hash = createHash("sha256");
  let octets = 0;
  for (let number = 1; number <= LAST; number++) {
    const line = `${number}\n`;
    octets += line.length;
    hash.update(line);
  }
  return { octets, digest: hash.digest("hex") };
}

/** Sends them from a pod to another over TCP; returns the digest of what has come. */
export async function sends(t: TestContext, from: BedNode, to: BedNode): Promise<string> {
  const server = net.createServer();
  to.pod.net.run(() => server.listen(0));
  try {
    const { port } = server.address() as net.AddressInfo;
    // In large pieces: where the other end keeps up, the end of each is a small packet.
    const large = "dd bs=1M iflag=fullblock status=none";
    started(t, from.pod, "bash", ["-c", `seq 1 ${LAST} | ${large} > /dev/tcp/${to.podAddress}/${port}`]);
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const [peer] = (await once(server, "connection", { signal })) as [net.Socket];
    const hash = createHash("sha256");
    for await (const piece of peer) hash.update(piece as Buffer);
    return hash.digest("hex");
  } finally {
    server.close();
  }
}
