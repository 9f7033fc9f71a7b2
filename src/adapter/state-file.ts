/**
 * State files on the real file system: written beside under a name of its own, synced, renamed, the folder synced. What
 * a killed process left beside is removed by a later one, once nobody can be at it any more.
 */
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import type { StateFile } from "../port/state-file.ts";

/** A file beside that is this much older than one just written is nobody's. */
const LEFT_OVER_MS = 600_000;

export class DiskStateFile implements StateFile {
  readonly path: string;
  #last: Promise<void> = Promise.resolve();
  #hasCleaned = false;

  constructor(file: string) {
    this.path = file;
  }

  read(): string | undefined {
    try {
      return fs.readFileSync(this.path, "utf8");
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw failure;
    }
  }

  replace(chunks: Iterable<string>): Promise<void> {
    const replaced = this.#last.then(() => this.#replace(chunks));
    this.#last = replaced.catch(() => undefined);
    return replaced;
  }

  async #replace(chunks: Iterable<string>): Promise<void> {
    const folder = path.dirname(this.path);
    fs.mkdirSync(folder, { recursive: true });
    const beside = `${this.path}.${randomUUID()}.new`;
    try {
      await write(beside, chunks);
      if (!this.#hasCleaned) this.#removeLeftOvers(folder, fs.statSync(beside).mtimeMs - LEFT_OVER_MS);
      fs.renameSync(beside, this.path);
    } catch (failure) {
      fs.rmSync(beside, { force: true });
      throw failure;
    }
    await syncFolder(folder);
  }

  /** By the file system's own times: no clock is asked. */
  #removeLeftOvers(folder: string, beforeMs: number): void {
    this.#hasCleaned = true;
    const name = path.basename(this.path);
    for (const entry of fs.readdirSync(folder)) {
      if (!entry.startsWith(`${name}.`) || !entry.endsWith(".new")) continue;
      const file = path.join(folder, entry);
      const found = fs.statSync(file, { throwIfNoEntry: false });
      if (found && found.mtimeMs < beforeMs) fs.rmSync(file, { force: true });
    }
  }
}

async function write(file: string, chunks: Iterable<string>): Promise<void> {
  const descriptor = fs.openSync(file, "wx", 0o600);
  try {
    for (const chunk of chunks) {
      fs.writeFileSync(descriptor, chunk);
      await setImmediate();
    }
    await sync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** A name that was given lasts only when its folder does. */
async function syncFolder(folder: string): Promise<void> {
  const descriptor = fs.openSync(folder, "r");
  try {
    await sync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** On a thread of the pool: a sync may take long, and file descriptors know no namespaces. */
const sync = (descriptor: number): Promise<void> =>
  new Promise((resolve, reject) => fs.fsync(descriptor, (failure) => (failure ? reject(failure) : resolve())));
