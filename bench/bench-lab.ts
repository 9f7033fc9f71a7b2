/** A lab of its own for a bench, spoken to by its control socket, so that no command's start is in the figures. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { askLab } from "../src/adapter/lab/control-client.ts";
import { LinuxNamespaces } from "../src/adapter/linux/namespaces.ts";
import type { ExecAnswer } from "../src/lab/control.ts";
import type { LabPodRecord, LabRecord } from "../src/port/lab-record.ts";
import type { NetNamespace } from "../src/port/namespaces.ts";

const ocicat = path.join(import.meta.dirname, "../bin/ocicat");
const NAME = "bench";

export class BenchLab {
  readonly #folder: string;
  readonly #controlSocket: string;
  readonly #namespaces = new LinuxNamespaces();

  private constructor(folder: string, controlSocket: string) {
    this.#folder = folder;
    this.#controlSocket = controlSocket;
  }

  /** Needs root. The caller closes it. */
  static up(topology: string): BenchLab {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bench-"));
    const env = { ...process.env, OCICAT_LAB_DIR: folder };
    try {
      execFileSync(ocicat, ["lab", "up", topology, "--name", NAME, "--detach"], { env, stdio: ["ignore", 2, 2] });
      const record = fs.readFileSync(path.join(folder, NAME, "lab.json"), "utf8");
      return new BenchLab(folder, (JSON.parse(record) as LabRecord).controlSocket);
    } catch (failure) {
      fs.rmSync(folder, { recursive: true, force: true });
      throw failure;
    }
  }

  addPod(name: string, host: string): Promise<LabPodRecord> {
    return askLab<LabPodRecord>(this.#controlSocket, "pod-add", { name, host });
  }

  /** The network namespace of a host or pod. */
  async net(place: string): Promise<NetNamespace> {
    const { paths } = await askLab<ExecAnswer>(this.#controlSocket, "exec", { place });
    const found = this.#namespaces.open(paths.net);
    if (!found) throw new Error(`${place} has no network namespace`);
    return found;
  }

  close(): void {
    const env = { ...process.env, OCICAT_LAB_DIR: this.#folder };
    execFileSync(ocicat, ["lab", "down", NAME], { env, stdio: "ignore" });
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** By the nearest rank. */
export function quantile(figures: readonly number[], part: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
