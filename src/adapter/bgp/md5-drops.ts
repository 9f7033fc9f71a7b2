/** The kernel's counters of segments dropped for their MD5 signature: TcpExt of /proc/net/netstat, of one namespace. */
import fs from "node:fs";
import type { Md5Drops } from "./failure.ts";

const NONE: Md5Drops = { missing: 0, unexpected: 0, wrong: 0 };

export class Md5Counters {
  /** The file of the namespace that it was opened in; undefined where there is no /proc. */
  #fd: number | undefined;

  /** Of the namespace that the thread is in. */
  constructor() {
    try {
      this.#fd = fs.openSync("/proc/thread-self/net/netstat", "r");
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== "ENOENT") throw failure;
    }
  }

  read(): Md5Drops {
    if (this.#fd === undefined) return NONE;
    const octets = Buffer.alloc(1 << 14);
    return parseNetstat(octets.toString("latin1", 0, fs.readSync(this.#fd, octets, 0, octets.length, 0)));
  }

  /** Idempotent; from then on nothing counts. */
  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** A line of names and a line of numbers. */
export function parseNetstat(text: string): Md5Drops {
  const [names = [], values = []] = text
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  const of = (name: string): number => Number(values[names.indexOf(name)] ?? 0);
  return { missing: of("TCPMD5NotFound"), unexpected: of("TCPMD5Unexpected"), wrong: of("TCPMD5Failure") };
}

export const dropsBetween = (before: Md5Drops, after: Md5Drops): Md5Drops => ({
  missing: after.missing - before.missing,
  unexpected: after.unexpected - before.unexpected,
  wrong: after.wrong - before.wrong,
});
