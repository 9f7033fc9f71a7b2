/** `ocicat store` as a process of its own, in a folder that the caller gives and takes away. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";

const executable = path.join(import.meta.dirname, "../../bin/ocicat");
const START_DEADLINE_MS = 30_000;

interface ReadyLine {
  readonly listening: readonly string[];
  readonly clusterId: string;
}

export class StoreProcess {
  readonly folder: string;
  #process: ChildProcess | undefined;
  #ready: ReadyLine | undefined;
  /** What it wrote to standard error, over all its lives. */
  stderr = "";

  constructor(folder: string) {
    this.folder = folder;
  }

  get dataFile(): string {
    return path.join(this.folder, "store.db");
  }

  get socket(): string {
    return path.join(this.folder, "s");
  }

  get endpoint(): string {
    return `unix://${this.socket}`;
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return this.#ready?.listening.find((address) => !address.startsWith("unix:")) ?? "";
  }

  get clusterId(): string {
    return this.#ready?.clusterId ?? "";
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Resolves when it says that it listens: on `socket`, and on a TCP port of the kernel's choice. */
  async start(...more: readonly string[]): Promise<void> {
    const args = ["store", "--data", this.dataFile, "--listen", `unix:${this.socket}`, "--listen", "127.0.0.1:0"];
    const child = spawn(executable, [...args, ...more], { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    const failed = once(child, "exit").then(([code]) => {
      throw new Error(`ocicat store ended with ${code}:\n${this.stderr}`);
    });
    const late = AbortSignal.timeout(START_DEADLINE_MS);
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, "line", { signal: late }), failed])) as [string];
    failed.catch(() => {});
    this.#ready = JSON.parse(line) as ReadyLine;
  }

  /** Ends it by a signal and gives its exit code, null where the signal ended it. Idempotent. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const child = this.#process;
    this.#process = undefined;
    if (!child) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, "exit");
    child.kill(signal);
    const [code] = await ended;
    return code as number | null;
  }
}
