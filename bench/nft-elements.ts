/**
 * A set of 100,000 networks in an nf_tables table: filled, changed by one, compared after a restart, a fifth replaced by
 * networks that overlap what goes, and removed; how long each takes, and how long it keeps the event loop. Needs root.
 *
 *   node bench/nft-elements.ts [--networks N]
 *
 * Bar: no turn over 20 ms of CPU, the collector's pauses apart.
 */
import { type PerformanceEntry, PerformanceObserver, performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { SystemClock } from "../src/adapter/clock.ts";
import { NftTableDriver } from "../src/kernel/nftables/table-driver.ts";
import { createNamespace } from "../src/testing/netns.ts";
import { manyNetworks, networksTable } from "../src/testing/networks-table.ts";
import { SilentLog } from "../src/testing/silent-log.ts";

const BAR_TURN_MS = 20;
const { values } = parseArgs({ options: { networks: { type: "string", default: "100000" } } });

const key = { family: "ip", name: "calico" } as const;
const networks = manyNetworks(Number(values.networks));

interface Turn {
  readonly start: number;
  readonly end: number;
  readonly cpuMs: number;
}

/**
 * Runs the work and returns the milliseconds of CPU that its longest turn took on this thread, less the pauses of the
 * garbage collector, which come when they like.
 */
async function longestTurn(what: string, work: () => Promise<unknown>): Promise<number> {
  const cpuMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  const pauses: PerformanceEntry[] = [];
  const collector = new PerformanceObserver((list) => pauses.push(...list.getEntries()));
  collector.observe({ entryTypes: ["gc"] });
  const turns: Turn[] = [];
  let isRunning = true;
  let last = { at: performance.now(), cpuMs: cpuMs() };
  const turn = (): void => {
    const now = { at: performance.now(), cpuMs: cpuMs() };
    const used = now.cpuMs - last.cpuMs;
    if (used > 5 || turns.length === 0) turns.push({ start: last.at, end: now.at, cpuMs: used });
    last = now;
    if (isRunning) setImmediate(turn);
  };
  setImmediate(turn);
  const start = performance.now();
  await work();
  const took = performance.now() - start;
  await new SystemClock().yield();
  isRunning = false;
  pauses.push(...collector.takeRecords());
  collector.disconnect();
  const pausedMs = (within: Turn): number =>
    pauses
      .filter(({ startTime }) => startTime >= within.start && startTime < within.end)
      .reduce((sum, { duration }) => sum + duration, 0);
  const whole = Math.max(...turns.map((one) => one.cpuMs));
  const longest = Math.max(...turns.map((one) => one.cpuMs - pausedMs(one)));
  console.log(
    `nft-elements: ${what}: ${took.toFixed(0)} ms, longest turn ${longest.toFixed(1)} ms of CPU (${whole.toFixed(1)} with GC)`,
  );
  return longest;
}

const namespace = createNamespace();
const clock = new SystemClock();
const newDriver = (): NftTableDriver => new NftTableDriver(namespace.net, { log: new SilentLog(), clock });
const driver = newDriver();
const restarted = newDriver();
const narrowed = networks.map((text, index) => (index % 5 === 0 ? text.replace("/31", "") : text));
const turns: number[] = [];
try {
  turns.push(await longestTurn("fill", () => driver.apply(networksTable(networks), key)));
  turns.push(await longestTurn("one more", () => driver.apply(networksTable([...networks, "11.0.0.0/8"]), key)));
  turns.push(await longestTurn("one less", () => driver.apply(networksTable(networks), key)));
  turns.push(await longestTurn("compare after a restart", () => restarted.apply(networksTable(networks), key)));
  turns.push(await longestTurn("replace a fifth", () => driver.apply(networksTable(narrowed), key)));
  turns.push(await longestTurn("remove", () => driver.apply(undefined, key)));
} finally {
  driver.close();
  restarted.close();
  namespace.close();
}
const longest = Math.max(...turns);
console.log(`nft-elements: longest turn ${longest.toFixed(1)} ms of CPU, bar ${BAR_TURN_MS}`);
process.exit(longest <= BAR_TURN_MS ? 0 : 1);
