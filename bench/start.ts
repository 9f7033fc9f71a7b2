/**
 * How soon a lab works, and what it costs to leave it alone. No yardstick: nothing else does this.
 *
 *   node bench/start.ts [--rounds N] [--hosts N] [--idle SECONDS]
 *
 * start: `ocicat start --check` from its call to a full matrix of four hosts, and the whole call with taking down; the
 * best and the worst of N rounds. many: `ocicat lab up many-N` until it says that it is up and the sampled pods reach
 * each other. idle: CPU of all its processes together while nobody asks anything, as a part of one core, and the
 * resident memory of an agent. Bars: 10 s, 30 s, 5 %, 100 MiB. Needs root, or user namespaces.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";

const BARS = { startSeconds: 10, manySeconds: 30, idlePercent: 5, residentMib: 100 } as const;
/** USER_HZ, in which /proc counts; 100 on every architecture we run on. */
const TICKS_PER_SECOND = 100;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    hosts: { type: "string", default: "50" },
    idle: { type: "string", default: "20" },
  },
});

const ocicat = path.resolve(import.meta.dirname, "../bin/ocicat");
const labs = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bench-labs-"));

function run(...args: readonly string[]): { seconds: number; text: string } {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(ocicat, args, {
    encoding: "utf8",
    env: { ...process.env, OCICAT_LAB_DIR: labs },
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`ocicat ${args.join(" ")}: exit code ${status}\n${stdout}${stderr}`);
  return { seconds: (performance.now() - start) / 1000, text: stdout + stderr };
}

function benchStart(): boolean {
  const rounds = Array.from({ length: Number(values.rounds) }, () => {
    const { seconds, text } = run("start", "--check");
    return { whole: seconds, matrix: Number(/everything works after ([\d.]+) s/.exec(text)?.[1]) };
  });
  const matrix = rounds.map((round) => round.matrix);
  const whole = rounds.map((round) => round.whole);
  console.log(
    `start, 4 hosts: full matrix ${spread(matrix)}, taken down ${spread(whole)}; bar ${BARS.startSeconds} s: ${verdict(Math.max(...matrix) <= BARS.startSeconds)}`,
  );
  return Math.max(...matrix) <= BARS.startSeconds;
}

const spread = (seconds: readonly number[]): string =>
  `${Math.min(...seconds).toFixed(1)}–${Math.max(...seconds).toFixed(1)} s`;
const verdict = (isMet: boolean): string => (isMet ? "met" : "MISSED");

async function benchMany(): Promise<boolean> {
  const topology = `many-${values.hosts}`;
  const start = performance.now();
  run("lab", "up", topology, "--detach");
  run("lab", "check", "--lab", topology);
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `many, ${values.hosts} hosts: up and sampled in ${seconds.toFixed(1)} s; bar ${BARS.manySeconds} s: ${verdict(seconds <= BARS.manySeconds)}`,
  );
  const isIdle = await benchIdle(topology);
  return seconds <= BARS.manySeconds && isIdle;
}

async function benchIdle(topology: string): Promise<boolean> {
  const { pid } = JSON.parse(fs.readFileSync(path.join(labs, topology, "lab.json"), "utf8")) as { pid: number };
  const pids = [pid, ...childrenOf(pid)];
  const idleSeconds = Number(values.idle);
  // What starting left to do (compile caches, first collections) is no idling.
  await setTimeout(5_000);
  const before = ticks(pids);
  await setTimeout(idleSeconds * 1000);
  const percent = ((ticks(pids) - before) / TICKS_PER_SECOND / idleSeconds) * 100;
  const resident = childrenOf(pid)
    .map(residentMib)
    .sort((a, b) => a - b);
  const median = resident[Math.floor(resident.length / 2)] ?? Number.NaN;
  console.log(
    `idle, ${pids.length} processes: ${percent.toFixed(1)} % of a core; bar ${BARS.idlePercent} %: ${verdict(percent <= BARS.idlePercent)}`,
  );
  console.log(
    `idle agent: ${median.toFixed(0)} MiB resident (median); bar ${BARS.residentMib} MiB: ${verdict(median <= BARS.residentMib)}`,
  );
  return percent <= BARS.idlePercent && median <= BARS.residentMib;
}

const childrenOf = (pid: number): number[] =>
  fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);

/** utime and stime of proc(5), fields 14 and 15. */
function ticks(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return sum + Number(fields[11]) + Number(fields[12]);
  }, 0);
}

const residentMib = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

try {
  const isStartMet = benchStart();
  const isManyMet = await benchMany();
  process.exitCode = isStartMet && isManyMet ? 0 : 1;
} finally {
  run("lab", "down", "--all");
  fs.rmSync(labs, { recursive: true, force: true });
}
