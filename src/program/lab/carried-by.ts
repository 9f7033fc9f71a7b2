/** Another encapsulation for the pool of a running lab, by the command that a person would type, until packets take it. */
import { setTimeout } from "node:timers/promises";
import { askLab } from "../../adapter/lab/control-client.ts";
import { formatJson } from "../../base/json.ts";
import type { CheckReport, PairReport, PathKind } from "../../lab/check/report.ts";
import type { PoolModes } from "../../lab/cluster.ts";
import { main as patch } from "../ctl/patch.ts";
import type { ProcessHost } from "../process-host.ts";
import type { LaunchedLab } from "./launch.ts";

/** The pool that agents make where there is none. */
const POOL = "default-ipv4-ippool";
/** Agents that have just started may need so long until all know all. */
const CONVERGENCE_MS = 20_000;
const AGAIN_MS = 100;
const FIRST_TIMEOUT_MS = 400;
const LAST_TIMEOUT_MS = 1_000;

/** Types `ocicat patch`, and shows both the command and its answer. */
export async function patchPool(host: ProcessHost, lab: LaunchedLab, modes: PoolModes): Promise<void> {
  const change = formatJson({ spec: { ...modes } });
  host.stdout.write(`$ ocicat patch ippool ${POOL} -p '${change}'\n`);
  await patch(["ippool", POOL, "-p", change, "--lab", lab.record.name], host);
}

export interface MatrixOptions {
  /** By which all shall be carried between hosts; left out: any. */
  readonly path?: PathKind | undefined;
  /** Nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/**
 * Asks again until all reach all, by that path where one is named; the last report when agents had time enough. Rejects with the
 * signal's reason.
 */
export async function fullMatrix(lab: LaunchedLab, { path, signal }: MatrixOptions): Promise<CheckReport> {
  const deadline = performance.now() + CONVERGENCE_MS;
  for (;;) {
    const isLast = performance.now() > deadline;
    const timeoutMs = isLast ? LAST_TIMEOUT_MS : FIRST_TIMEOUT_MS;
    const report = await askLab<CheckReport>(lab.record.controlSocket, "check", { timeoutMs });
    signal.throwIfAborted();
    if (isFull(report, path) || isLast) return report;
    await setTimeout(AGAIN_MS);
  }
}

/** Whether all reach all, and between hosts by that path alone, there and back. */
export const isFull = ({ ok, pairs }: CheckReport, path?: PathKind): boolean =>
  ok && (path === undefined || pairs.every((pair) => isBy(pair, path)));

/** Pairs that reach each other by another path than all shall, a line each. */
export const strays = ({ pairs }: CheckReport, path: PathKind | undefined): readonly string[] =>
  pairs
    .filter((pair) => pair.ok && path !== undefined && !isBy(pair, path))
    .map(
      (pair) =>
        `${pair.from} → ${pair.to}: carried by ${pair.path} there and ${pair.back} back, where ${path} shall carry it`,
    );

const isBy = ({ path, back }: Pick<PairReport, "path" | "back">, wanted: PathKind): boolean =>
  [path, back].every((way) => way === "local" || way === wanted);
