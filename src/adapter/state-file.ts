/** State files on the real file system: written beside, synced, renamed. */
import fs from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import type { StateFile } from "../port/state-file.ts";

export class DiskStateFile implements StateFile {
  readonly path: string;

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

  async replace(chunks: Iterable<string>): Promise<void> {
    const beside = `${this.path}.new`;
    fs.mkdirSync(path.dirname(this.path), { recursive: true });
    const file = fs.openSync(beside, "w", 0o600);
    try {
      for (const chunk of chunks) {
        fs.writeSync(file, chunk);
        await setImmediate();
      }
      // On a thread of the pool: a sync may take long, and file descriptors know no namespaces.
      await new Promise<void>((resolve, reject) =>
        fs.fsync(file, (failure) => (failure ? reject(failure) : resolve())),
      );
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(beside, this.path);
  }
}
