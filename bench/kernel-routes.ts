/**
 * Routes into the kernel: the route driver against `ip -batch` and against octets that were encoded before (the limit:
 * what the kernel itself takes), each in a namespace of its own, one after the other in the same run. Needs root.
 *
 *   node bench/kernel-routes.ts [--rounds N] [--routes 10000,100000] [--gateways 500,5000]
 *
 * Routes are /26 blocks via a VXLAN device, the gateways taken in turn, as blocks of many nodes come. The driver starts from an
 * empty table, watches notifications, and makes its nexthop objects within the measured time. A turn is the CPU time of the main
 * thread between two timers of a millisecond, which is a turn or several short ones.
 *
 * Bars: at most 0.4 of ip's time, 1.3 of the limit, no turn over 20 ms.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import v8 from "node:v8";
import vm from "node:vm";
import { SystemClock } from "../src/adapter/clock.ts";
import { type RouteItem, routeKey } from "../src/compile/node-state.ts";
import { RouteDriver } from "../src/dataplane/drivers/routes.ts";
import { formatAddress, type IpAddress, ipv4Of } from "../src/ip/address.ts";
import { formatPrefix, type Prefix } from "../src/ip/prefix.ts";
import { LinkTable } from "../src/kernel/link-table.ts";
import { Rtnetlink } from "../src/kernel/rtnetlink.ts";
import { encodeRequest, type Request } from "../src/kernel/rtnetlink-requests.ts";
import { TakenDevices } from "../src/kernel/taken-devices.ts";
import { beginMessage, ControlType, endMessage, Flag } from "../src/netlink/message.ts";
import { plan } from "../src/reconcile/plan.ts";
import { createNamespace, type TestNamespace } from "../src/testing/netns.ts";
import { Writer } from "../src/wire/writer.ts";
import { Turns } from "./turns.ts";

const BARS = { ip: 0.4, limit: 1.3, turnMs: 20 } as const;
const DEVICE = "vxlan.calico";
/** As the driver's chunks. */
const CHUNK = 256;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    routes: { type: "string", default: "10000,100000" },
    gateways: { type: "string", default: "500,5000" },
  },
});
const rounds = Number(values.rounds);
const numbers = (text: string): number[] => text.split(",").map(Number);

interface Took {
  readonly wallMs: number;
  /** User and system, all threads. */
  readonly cpuMs: number;
}

interface Load {
  readonly routes: readonly { readonly destination: Prefix; readonly gateway: IpAddress }[];
  readonly gateways: number;
}

function load(count: number, gateways: number): Load {
  const routes = Array.from({ length: count }, (_, index) => ({
    destination: { address: ipv4Of((10 << 24) + index * 64), length: 26 },
    gateway: ipv4Of((172 << 24) + (16 << 16) + (index % gateways) + 1),
  }));
  return { routes, gateways };
}

/** Kept open through a round: the kernel takes one apart in the background, which would slow what is measured next. */
const used: TestNamespace[] = [];

async function clear(load: Load): Promise<void> {
  for (const namespace of used.splice(0)) namespace.close();
  await setTimeout(200 + load.routes.length / 100);
}

function freshNamespace(): TestNamespace {
  const namespace = createNamespace();
  used.push(namespace);
  namespace.ip("link set lo up");
  namespace.ip(`link add ${DEVICE} type vxlan id 4096 dstport 4789 local 127.0.0.1 dev lo nolearning`);
  namespace.ip(`link set ${DEVICE} up`);
  return namespace;
}

function countRoutes(namespace: TestNamespace, expected: number): void {
  const found = namespace.ip(`-o route show dev ${DEVICE}`).split("\n").length - 1;
  if (found !== expected) throw new Error(`${found} routes are there, ${expected} were set`);
}

/** `ip -batch`; its CPU time as the shell that runs it counts it. */
function byIp({ routes }: Load): Took {
  const namespace = freshNamespace();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bench-"));
  const file = path.join(folder, "routes");
  try {
    const lines = routes.map(
      ({ destination, gateway }) =>
        `route add ${formatPrefix(destination)} via ${formatAddress(gateway)} dev ${DEVICE} onlink`,
    );
    fs.writeFileSync(file, lines.join("\n"));
    const start = performance.now();
    const times = namespace.run("sh", "-c", `ip -batch ${file}; times`).trim().split("\n").at(-1) ?? "";
    const wallMs = performance.now() - start;
    countRoutes(namespace, routes.length);
    const cpuMs = [...times.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
      (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1_000,
      0,
    );
    return { wallMs, cpuMs };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** What the kernel takes for octets that are ready: nexthop objects, then routes by their ids. */
function byLimit({ routes, gateways }: Load): Took {
  const namespace = freshNamespace();
  const rtnetlink = new Rtnetlink(namespace.net, new SystemClock());
  const device = rtnetlink.link(DEVICE)?.index ?? 0;
  const socket = namespace.net.open({ protocol: "route" });
  try {
    const objects = Array.from({ length: gateways }, (_, index): Request => {
      const gateway = routes[index]?.gateway;
      return {
        type: "addNexthop",
        nexthop: {
          id: index + 1,
          protocol: 3,
          family: 4,
          device,
          onlink: true,
          ...(gateway === undefined ? {} : { gateway }),
        },
      };
    });
    const byId = routes.map(
      ({ destination }, index): Request => ({
        type: "replaceRoute",
        route: {
          destination,
          table: 254,
          type: "unicast",
          protocol: 3,
          scope: 0,
          metric: 0,
          hops: [],
          nexthopId: (index % gateways) + 1,
        },
      }),
    );
    const chunks = [...chunksOf(objects), ...chunksOf(byId)];
    const stop = measure();
    for (const chunk of chunks) {
      socket.send(chunk);
      if (!socket.receive()) throw new Error("no acknowledgement");
    }
    const took = stop();
    countRoutes(namespace, routes.length);
    return took;
  } finally {
    socket.close();
    rtnetlink.close();
  }
}

function* chunksOf(requests: readonly Request[]): Generator<Uint8Array> {
  for (let from = 0; from < requests.length; from += CHUNK) {
    const writer = new Writer();
    for (const request of requests.slice(from, from + CHUNK)) encodeRequest(writer, request);
    const at = beginMessage(writer, ControlType.noop, Flag.request | Flag.ack);
    endMessage(writer, at);
    yield writer.finish();
  }
}

function measure(): () => Took {
  const cpu = process.cpuUsage();
  const start = performance.now();
  return () => {
    const wallMs = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return { wallMs, cpuMs: (user + system) / 1_000 };
  };
}

interface DriverResult extends Took {
  readonly longestTurnMs: number;
}

async function byDriver({ routes }: Load): Promise<DriverResult> {
  const namespace = freshNamespace();
  const rtnetlink = new Rtnetlink(namespace.net, new SystemClock());
  const links = new LinkTable(rtnetlink);
  const driver = new RouteDriver({ rtnetlink, links, taken: new TakenDevices(rtnetlink.clock) }, { owns: () => true });
  const turns = new Turns();
  try {
    await links.start();
    driver.watch({
      observed: () => undefined,
      retry: () => undefined,
      resync: (reason) => console.log(`resync: ${reason}`),
    });
    const desired = new Map<string, RouteItem>();
    for (const { destination, gateway } of routes) {
      const value: RouteItem = {
        table: 254,
        destination: formatPrefix(destination),
        type: "unicast",
        protocol: 3,
        scope: 0,
        metric: 0,
        nextHops: [{ device: DEVICE, gateway, onlink: true }],
      };
      desired.set(routeKey(value), value);
    }
    const steps = plan(desired, await driver.readOwned(), driver.equal.bind(driver));
    const ops = [...steps].flatMap((op) => op ?? []);
    // The garbage of making the load is not the driver's.
    collectGarbage();
    turns.start();
    const stop = measure();
    const failures = await driver.apply(ops);
    const took = stop();
    const longestTurnMs = turns.take();
    if (failures.length > 0) throw failures[0]?.error;
    countRoutes(namespace, routes.length);
    return { ...took, longestTurnMs };
  } finally {
    turns.stop();
    driver.close();
    links.close();
    rtnetlink.close();
  }
}

/** The best of several rounds: other work on the machine only ever adds. */
const best = (rounds: readonly Took[], what: keyof Took): number => Math.min(...rounds.map((took) => took[what]));

const ms = (value: number): string => `${value.toFixed(0)} ms`;
const both = (rounds: readonly Took[]): string => `${ms(best(rounds, "wallMs"))} (CPU ${ms(best(rounds, "cpuMs"))})`;

v8.setFlagsFromString("--expose-gc");
const collectGarbage = vm.runInNewContext("gc") as () => void;

const kernel = execFileSync("uname", ["-r"], { encoding: "utf8" }).trim();
console.log(`kernel-routes, ${kernel}, Node ${process.version}, best of ${rounds}`);
let isMet = true;
for (const count of numbers(values.routes)) {
  for (const gateways of numbers(values.gateways)) {
    const work = load(count, gateways);
    const driver: DriverResult[] = [];
    const limit: Took[] = [];
    const ip: Took[] = [];
    for (let round = 0; round < rounds; round++) {
      driver.push(await byDriver(work));
      limit.push(byLimit(work));
      ip.push(byIp(work));
      await clear(work);
    }
    const ratio = (yardstick: readonly Took[], what: keyof Took): number => best(driver, what) / best(yardstick, what);
    const turnMs = Math.max(...driver.map(({ longestTurnMs }) => longestTurnMs));
    const met = ratio(ip, "wallMs") <= BARS.ip && ratio(limit, "wallMs") <= BARS.limit && turnMs <= BARS.turnMs;
    isMet &&= met;
    const ratios = (yardstick: readonly Took[]): string =>
      `${ratio(yardstick, "wallMs").toFixed(2)} (CPU ${ratio(yardstick, "cpuMs").toFixed(2)})`;
    console.log(
      [
        `${count} routes over ${gateways} gateways: ${met ? "met" : "NOT MET"}`,
        `  driver ${both(driver)}, limit ${both(limit)}, ip ${both(ip)}`,
        `  of ip ${ratios(ip)}, bar ${BARS.ip}; of the limit ${ratios(limit)}, bar ${BARS.limit}`,
        `  longest turn ${turnMs.toFixed(1)} ms, bar ${BARS.turnMs}`,
      ].join("\n"),
    );
  }
}
process.exitCode = isMet ? 0 : 1;
