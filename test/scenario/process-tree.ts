/** Processes as proc(5) shows them. */
import fs from "node:fs";

export interface Process {
  readonly pid: number;
  readonly name: string;
  readonly parent: number;
}

/** Of `/proc/PID/stat`: pid (name) state parent …; undefined for one that has ended, reaped or not. */
function processOf(pid: number): Process | undefined {
  try {
    const [, name = "", state, parent] =
      /^\d+ \((.*)\) (\S) (\d+) /.exec(fs.readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return state === "Z" ? undefined : { pid, name, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

export const isRunning = (pid: number): boolean => processOf(pid) !== undefined;

/** All processes below one. */
export function descendants(ancestor: number): Process[] {
  const all = fs.readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (processOf(Number(name)) ?? []) : []));
  const below = (pid: number): Process[] =>
    all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...below(child.pid)]);
  return below(ancestor);
}
