/**
 * `npm start`: checks the machine, brings the lab up, shows what is there, VXLAN beside IP-in-IP, and keeps a matrix of who
 * reaches whom until Ctrl-C. `--check` does it once.
 */
import { setTimeout } from "node:timers/promises";
import { Command } from "commander";
import { askLab, LabControlError } from "../adapter/lab/control-client.ts";
import { checkHost } from "../adapter/lab/host-check.ts";
import { cutLine, wrapLine } from "../base/fit-lines.ts";
import { printFailures, printMatrix, printVerdict } from "../lab/check/matrix.ts";
import type { CheckReport } from "../lab/check/report.ts";
import { besides, encapsulationOf } from "../lab/cluster.ts";
import { drawLab } from "../lab/drawing.ts";
import type { Topology } from "../lab/topology.ts";
import { parseCommandLine } from "./command-line.ts";
import { fullMatrix, isFull, patchPool, strays } from "./lab/carried-by.ts";
import { topologyToBuild } from "./lab/find-topology.ts";
import type { LaunchedLab } from "./lab/launch.ts";
import { printCheck } from "./lab/network.ts";
import { painter } from "./lab/paint.ts";
import { EXIT_INTERRUPTED, hold, launchUnlessInterrupted, whenInterrupted } from "./lab/up.ts";
import { userId } from "./lab/user.ts";
import { whenNpmEnds } from "./npm-above.ts";
import type { ProcessHost } from "./process-host.ts";

const TOPOLOGY = "aws-two-subnets";
/** Between two rounds of the live matrix. */
const REFRESH_MS = 3_000;
const TIMEOUT_MS = 1_000;
/** A lab that refuses to answer is gone by then, or it is no going down. */
const GOING_MS = 5_000;
/** Of a terminal that does not tell. */
const USUAL_COLUMNS = 80;

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  const command = new Command("ocicat start")
    .description("A cluster on this machine: four hosts in two subnets of a cloud, with pods that reach each other.")
    .argument("[topology]", "another topology: packet-life, many-N, or a YAML file", TOPOLOGY)
    .option(
      "--check",
      "once: print the matrix, take everything down; exit code 0 when all reach all in both modes, else 1",
    );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const topology = topologyToBuild(host, String(command.processedArgs[0]));
  const isOnce = command.opts<{ readonly check?: true }>().check === true;
  return await run(host, topology, isOnce);
}

async function run(host: ProcessHost, topology: Topology, isOnce: boolean): Promise<number> {
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
  const interrupted = Promise.race([whenInterrupted(host), whenNpmEnds(host).then(() => "interrupted" as const)]);
  checkHost(userId() === 0, topology.hosts.length);
  const lab = await launchUnlessInterrupted(host, {
    topology,
    isDetached: false,
    progress: (step) => host.stderr.write(`  ${seconds().padStart(4)} s  ${step}\n`),
    interrupted,
  });
  if (!lab) return EXIT_INTERRUPTED;
  const over = new AbortController();
  const ended = Promise.race([interrupted, lab.ended]).finally(() => over.abort());
  try {
    const showing = show({ host, lab, topology, seconds, signal: over.signal });
    const shown = await unlessEnded(showing, ended, over.signal);
    if (!shown) {
      const code = await hold(host, lab, interrupted);
      // Whoever ends it early has not seen that it works.
      return isOnce && code === 0 ? EXIT_INTERRUPTED : code;
    }
    if (isOnce) return shown.isGood ? 0 : 1;
    host.stdout.write(`\n${whatNext()}\n`);
    void keepMatrix(host, lab, shown.last);
    return await hold(host, lab, interrupted);
  } finally {
    await lab.down();
  }
}

interface Stage {
  readonly host: ProcessHost;
  readonly lab: LaunchedLab;
  readonly topology: Topology;
  /** Since the start. */
  readonly seconds: () => string;
  /** The lab is going down: nothing more is shown. */
  readonly signal: AbortSignal;
}

interface Shown {
  /** Whether all reached all, as they shall, in all that was shown. */
  readonly isGood: boolean;
  readonly last: CheckReport;
}

/** Undefined: the lab has ended before all was shown, of which `signal` tells. One that is going down refuses to answer already. */
async function unlessEnded(
  showing: Promise<Shown>,
  ended: Promise<unknown>,
  signal: AbortSignal,
): Promise<Shown | undefined> {
  const isEnded = ended.then(() => undefined);
  try {
    return await Promise.race([showing, isEnded]);
  } catch (failure) {
    if (failure instanceof LabControlError) await Promise.race([isEnded, setTimeout(GOING_MS)]);
    if (signal.aborted) return undefined;
    throw failure;
  }
}

/** The lab as it begins; then VXLAN for a moment, where it can be shown, and back. Rejects with the signal's reason once it is over. */
async function show(stage: Stage): Promise<Shown> {
  const { host, lab, topology, seconds, signal } = stage;
  const { cluster } = topology;
  const path = encapsulationOf(cluster);
  host.stderr.write(`  ${seconds().padStart(4)} s  check\n`);
  const first = await fullMatrix(lab, { path, signal });
  host.stdout.write(`${drawLab(topology, lab.record.pods).join("\n")}\n\n`);
  host.stdout.write(`${[printCheck(first, host.stdout), ...strays(first, path)].join("\n")}\n`);
  const verdict = isFull(first, path) ? "everything works" : "not everything works";
  host.stderr.write(`\nlab '${lab.record.name}': ${verdict} after ${seconds()} s\n`);
  const other = besides(topology);
  if (!other) return { isGood: isFull(first, path), last: first };

  const by = encapsulationOf(other);
  host.stdout.write("\nThe same pods by VXLAN:\n\n");
  await patchPool(host, lab, other);
  const beside = await fullMatrix(lab, { path: by, signal });
  host.stdout.write(`\n${[printCheck(beside, host.stdout), ...strays(beside, by)].join("\n")}\n\nAnd back:\n\n`);
  await patchPool(host, lab, { ipipMode: cluster.ipipMode, vxlanMode: cluster.vxlanMode });
  const again = await fullMatrix(lab, { path, signal });
  const paint = painter(host.stdout);
  const lines = [...printFailures(again, paint), ...strays(again, path), printVerdict(again, paint)];
  host.stdout.write(`\n${lines.join("\n")}\n`);
  return { isGood: isFull(first, path) && isFull(beside, by) && isFull(again, path), last: again };
}

/** Refreshes the matrix in place on a terminal; elsewhere it is printed again when it says something new. */
async function keepMatrix(host: ProcessHost, lab: LaunchedLab, first: CheckReport): Promise<void> {
  const { stdout } = host;
  const paint = painter(stdout);
  let shownLines = 0;
  let said = outcomeOf(first);
  for (;;) {
    await setTimeout(REFRESH_MS);
    let report: CheckReport;
    try {
      report = await askLab<CheckReport>(lab.record.controlSocket, "check", { timeoutMs: TIMEOUT_MS });
    } catch (failure) {
      // The lab is going down, and says so elsewhere.
      if (failure instanceof LabControlError) return;
      throw failure;
    }
    if (stdout.isTTY === true) {
      const time = new Date().toTimeString().slice(0, 8);
      const columns = stdout.columns ?? USUAL_COLUMNS;
      const lines = [
        paint("dim", `live, ${time}, Ctrl-C ends the lab`),
        ...printMatrix(report, paint, columns).map((line) => cutLine(line, columns)),
        ...troubles(report, paint).flatMap((line) => wrapLine(line, columns)),
      ];
      stdout.write(`${shownLines === 0 ? "\n" : backOver(shownLines)}${lines.join("\n")}\n`);
      shownLines = lines.length;
    } else if (outcomeOf(report) !== said) {
      stdout.write(`\n${printCheck(report, stdout)}\n`);
    }
    said = outcomeOf(report);
  }
}

/** Control sequences, ECMA-48: up so many lines and erase from there. */
const backOver = (lines: number): string => `\x1b[${lines}A\x1b[J`;

/** Reasons, each once, so that the picture keeps its height small. */
function troubles(report: CheckReport, paint: ReturnType<typeof painter>): string[] {
  const reasons = new Set(report.pairs.flatMap((pair) => pair.reasons));
  return [printVerdict(report, paint), ...[...reasons].map((reason) => paint("bad", `  ${reason}`))];
}

/** What a reader would call news: who reaches whom, and how. */
const outcomeOf = (report: CheckReport): string =>
  report.pairs.map(({ from, to, ok, path }) => `${from} ${to} ${ok} ${path}`).join("\n");

const whatNext = (): string =>
  [
    "Try, in another terminal:",
    "  bin/ocicat lab exec pod-1 -- curl -s 192.168.133.194       a pod asks a pod on another host",
    "  bin/ocicat lab exec worker-1 -- ip route                   the routes that make it work",
    "  bin/ocicat node status worker-1                            the BGP sessions that brought them",
    "  bin/ocicat get ippool -o wide                              the pool, as Calico's tools show it",
    '  bin/ocicat patch ippool default-ipv4-ippool -p \'{"spec":{"ipipMode":"CrossSubnet"}}\'',
    "                                                             same-subnet pairs fail below: the cloud drops pod addresses",
    "  bin/ocicat lab underlay set all srcdst=off                 … until its source/destination check is off",
    "  bin/ocicat lab capture worker-1/ens5 ipip                  packets on the wire",
    "  bin/ocicat verify                                          what is compiled against what the kernels hold",
    "  bin/ocicat lab --help                                      more: break things, add pods",
  ].join("\n");
