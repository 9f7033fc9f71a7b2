/** `ocicat lab up`. */
import { checkHost } from "../../adapter/lab/host-check.ts";
import { SupervisorError } from "../../adapter/lab/supervisor-process.ts";
import type { ProcessHost } from "../process-host.ts";
import { topologyToBuild } from "./find-topology.ts";
import { type LaunchedLab, type LaunchOptions, launchLab } from "./launch.ts";
import { userId } from "./user.ts";
import type { WordOptions } from "./words.ts";

export async function up(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const { name, backend } = options;
  const topology = topologyToBuild(host, String(args[0]), backend);
  checkHost(userId() === 0, topology.hosts.length);
  const isDetached = options["detach"] === true;
  const interrupted = whenInterrupted(host);
  const lab = await launchUnlessInterrupted(host, {
    topology,
    ...(typeof name === "string" ? { name } : {}),
    isDetached,
    progress: (step) => host.stderr.write(`  ${step}\n`),
    interrupted,
  });
  if (!lab) return EXIT_INTERRUPTED;
  host.stdout.write(`lab '${lab.record.name}' is up: ${topology.summary}\n`);
  host.stdout.write(`  ${lab.record.hosts.length} hosts, ${lab.record.pods.length} pods\n`);
  if (isDetached) return 0;
  host.stdout.write("Ctrl-C takes it down.\n");
  return await hold(host, lab, interrupted);
}

/** As a shell shows a command that Ctrl-C ended. */
export const EXIT_INTERRUPTED = 130;

/** The lab, or undefined when Ctrl-C came before it was ready; nothing stays then. */
export async function launchUnlessInterrupted(
  host: ProcessHost,
  options: LaunchOptions,
): Promise<LaunchedLab | undefined> {
  try {
    return await launchLab(host, options);
  } catch (failure) {
    if (!(failure instanceof SupervisorError && failure.code === "interrupted")) throw failure;
    host.stderr.write("\ninterrupted; nothing was left behind\n");
    return undefined;
  }
}

/** Resolves with the first Ctrl-C or order to end. */
export function whenInterrupted(host: ProcessHost): Promise<"interrupted"> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) host.onSignal(signal, () => resolve("interrupted"));
  });
}

/** Waits for either end: that of this process, or that of the lab. The exit code is 1 where nobody wanted it to end. */
export async function hold(host: ProcessHost, lab: LaunchedLab, interrupted: Promise<"interrupted">): Promise<number> {
  const why = await Promise.race([interrupted, lab.ended.then((fault) => ({ fault }))]);
  if (why === "interrupted") host.stderr.write(`\ntaking lab '${lab.record.name}' down\n`);
  else if (why.fault === undefined) host.stderr.write(`lab '${lab.record.name}' was taken down\n`);
  else host.stderr.write(`\nlab '${lab.record.name}' has ended: ${why.fault}\n`);
  await lab.down();
  return why !== "interrupted" && why.fault !== undefined ? 1 : 0;
}
