/** A lab for scenario tests, driven only by the commands that people type, and looked at only with the system's own tools. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Running } from "./running.ts";

const ocicatCommand = path.resolve(import.meta.dirname, "../../bin/ocicat");

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where it stands; where the test does unless given. */
  readonly cwd?: string;
}

/** Runs a command to its end. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { cwd = process.cwd(), env } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "pipe", cwd, env: { ...process.env, ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}

/** Lines of what is printed, blanks made one, empty ones left out. */
export function rows(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim().replaceAll(/\s+/g, " ")]));
}

/** Why a lab cannot run here, undefined when it can. */
export function cannotRunLabs(): string | undefined {
  if (os.platform() !== "linux") return "needs Linux";
  return os.userInfo().uid === 0 ? undefined : "needs root";
}

/** Why `tor-per-rack-mixed` cannot run here, undefined when it can. */
export function missingSpeaker(): string | undefined {
  const missing = ["/usr/sbin/bird", "/usr/lib/frr/bgpd"].find((file) => !fs.existsSync(file));
  return missing && `needs ${missing} (packages bird2, frr)`;
}

export class Testbed {
  readonly name: string;
  /** A folder of this lab's alone: its hosts share the machine's file system, and with it `/tmp`. */
  readonly folder: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(name: string, folder: string) {
    this.name = name;
    this.folder = folder;
    // vtysh of a router of FRR would write into the user's home.
    this.#env = { OCICAT_LAB_DIR: path.join(folder, "labs"), OCICAT_LAB: name, VTYSH_HISTFILE: "/dev/null" };
  }

  /** Brings a lab up, with more words for `lab up`. It must be closed, also when a test fails. */
  static async up(topology: string, ...more: readonly string[]): Promise<Testbed> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-lab-"));
    const bed = new Testbed(`t${process.pid}`, folder);
    const outcome = await bed.ocicat("lab", "up", topology, "--name", bed.name, "--detach", ...more);
    if (outcome.code === 0) return bed;
    await bed.close();
    throw new Error(`lab up failed:\n${outcome.stdout}${outcome.stderr}`);
  }

  async close(): Promise<void> {
    await this.ocicat("lab", "down", this.name);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** Process id of what holds the lab. */
  get supervisor(): number {
    const file = path.join(this.#env["OCICAT_LAB_DIR"] ?? "", this.name, "lab.json");
    return (JSON.parse(fs.readFileSync(file, "utf8")) as { readonly pid: number }).pid;
  }

  /** `ocicat ARGS`, acting on this lab. */
  ocicat(...args: readonly string[]): Promise<Outcome> {
    return run(ocicatCommand, args, { env: this.#env });
  }

  /** As `ocicat`, with text on standard input. */
  ocicatWith(input: string, ...args: readonly string[]): Promise<Outcome> {
    return run(ocicatCommand, args, { env: this.#env, input });
  }

  /** A command on a host or in a pod; its standard output. Fails when the command does. */
  async on(place: string, ...command: readonly string[]): Promise<string> {
    const outcome = await this.tryOn(place, ...command);
    assert.equal(outcome.code, 0, `${place}: ${command.join(" ")}:\n${outcome.stdout}${outcome.stderr}`);
    return outcome.stdout;
  }

  tryOn(place: string, ...command: readonly string[]): Promise<Outcome> {
    return this.ocicat("lab", "exec", place, "--", ...command);
  }

  /** What is typed at a terminal of this machine, with `ocicat` on the path. */
  shell(text: string): Promise<Outcome> {
    return run("bash", ["-c", text], { env: this.#terminal });
  }

  /** What is typed at a terminal on a host or in a pod. */
  terminal(place: string, text: string): Promise<Outcome> {
    return this.tryOn(place, "bash", "-c", text);
  }

  /** As `terminal`; what it printed. Fails when what is typed does. */
  async types(place: string, text: string): Promise<string> {
    const outcome = await this.terminal(place, text);
    assert.equal(outcome.code, 0, `${place}$ ${text}\n${outcome.stdout}${outcome.stderr}`);
    return outcome.stdout;
  }

  /** A command on a host or in a pod that goes on; whoever starts it ends it. */
  start(place: string, ...command: readonly string[]): Running {
    return this.running("lab", "exec", place, "--", ...command);
  }

  /** `ocicat ARGS` that goes on, acting on this lab; whoever starts it ends it. */
  running(...args: readonly string[]): Running {
    return Running.start(ocicatCommand, args, { ...process.env, ...this.#env });
  }

  /** Packets at a device of a place that a filter of tcpdump lets pass, captured while `during` runs; a line each. */
  async capture(place: string, device: string, filter: string, during: () => Promise<unknown>): Promise<string> {
    const tcpdump = this.start(place, "tcpdump", "-n", "-e", "-l", "--immediate-mode", "-i", device, filter);
    try {
      await tcpdump.says(/listening on/);
      await during();
    } finally {
      await tcpdump.end("SIGINT");
    }
    return tcpdump.stdout;
  }

  get #terminal(): Readonly<Record<string, string>> {
    return { ...this.#env, PATH: `${path.dirname(ocicatCommand)}:${process.env["PATH"] ?? ""}` };
  }

  /** What a tool prints as JSON on a host or in a pod, objects without content left out. */
  async json<T>(place: string, ...command: readonly string[]): Promise<T[]> {
    const text = await this.on(place, ...command);
    const found = text.trim() === "" ? [] : (JSON.parse(text) as T[]);
    return found.filter((item) => Object.keys(item as object).length > 0);
  }

  /** The lines of `ip route` on a host, trimmed: what the founding documents list. */
  async routes(host: string): Promise<readonly string[]> {
    return rows(await this.on(host, "ip", "route"));
  }
}
