/**
 * npm, where it started this program: it waits for a shell that waits for us. Whoever kills it with -9 leaves that shell and all
 * below it, for good.
 */
import fs from "node:fs";
import { onProcessEnd } from "../adapter/linux/process.ts";
import type { ProcessHost } from "./process-host.ts";

/** Resolves when the npm above has ended; never where there is none. */
export function whenNpmEnds({ env }: Pick<ProcessHost, "env">): Promise<void> {
  const npm = env["npm_lifecycle_event"] === undefined ? undefined : npmAbove(process.ppid, readStat);
  return new Promise((resolve) => {
    if (npm !== undefined) onProcessEnd(npm, resolve);
  });
}

/** The nearest process from `pid` upwards that calls itself npm. `statOf`: proc_pid_stat(5) of a process. */
export function npmAbove(pid: number, statOf: (pid: number) => string | undefined): number | undefined {
  for (let at = pid; at > 1; ) {
    // The name stands in parentheses and may hold any others.
    const [, name = "", parent = "0"] = /^\d+ \((.*)\) \S (\d+)/s.exec(statOf(at) ?? "") ?? [];
    if (/^npm\b/.test(name)) return at;
    at = Number(parent);
  }
  return undefined;
}

function readStat(pid: number): string | undefined {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
}
