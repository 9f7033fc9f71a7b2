/** CPU time and memory of a daemon, all its processes and threads together, from proc(5). */
import fs from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";

const PAGE_OCTETS = 4096;
const LOOK_MS = 4;
/** Less than this share of a core is quiet: our own speaker looks at its turns all the time. */
const BUSY = 0.1;
const QUIET_MS = 400;

const read = (file: string): string | undefined => {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
};

const list = (folder: string): string[] => {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
};

/** The process and all below it. */
export function processTree(pid: number): number[] {
  const children = list(`/proc/${pid}/task`).flatMap((thread) =>
    (read(`/proc/${pid}/task/${thread}/children`) ?? "").split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(processTree)];
}

/** Milliseconds since the start of each, user and system. */
export function cpuMs(pids: readonly number[]): number {
  let nanos = 0;
  for (const pid of pids) {
    for (const thread of list(`/proc/${pid}/task`)) {
      nanos += Number((read(`/proc/${pid}/task/${thread}/schedstat`) ?? "0").split(" ")[0]);
    }
  }
  return nanos / 1e6;
}

/** Resident memory; a page that two processes share counts twice. */
export function residentMb(pids: readonly number[]): number {
  const pages = pids.map((pid) => Number((read(`/proc/${pid}/statm`) ?? "0 0").split(" ")[1]));
  return (pages.reduce((sum, count) => sum + count, 0) * PAGE_OCTETS) / 1e6;
}

/** Until they have done next to nothing for a while and `isDone`; the moment at which they became quiet. */
export async function untilQuiet(pids: readonly number[], isDone: () => boolean): Promise<number> {
  let busyAt = performance.now();
  let before = { at: busyAt, cpu: cpuMs(pids) };
  while (performance.now() - busyAt < QUIET_MS) {
    await setTimeout(LOOK_MS);
    const now = { at: performance.now(), cpu: cpuMs(pids) };
    if (!isDone() || now.cpu - before.cpu > BUSY * (now.at - before.at)) busyAt = now.at;
    before = now;
  }
  return busyAt;
}
