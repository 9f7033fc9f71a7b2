/** Debian's etcd on Unix sockets in a folder of its own: no ports, so that any number run side by side. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { SystemClock } from "../adapter/clock.ts";
import { EtcdConnection } from "../adapter/store/etcd-connection.ts";
import { kvMethods } from "../wire/etcd/services.ts";

const START_DEADLINE_MS = 30_000;
/** etcd wants `host:port` and makes it the name of the socket. */
const CLIENT_SOCKET = "client:1";
const PEER_SOCKET = "peer:1";

export class DebianEtcd {
  readonly folder: string;
  #process: ChildProcess | undefined;

  /** `folder` is there, is short (sockets' paths are at most 107 octets) and stays with the caller. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Why there is no etcd here; undefined where there is. */
  static missing(): string | undefined {
    try {
      execFileSync("etcd", ["--version"], { stdio: "ignore" });
      return undefined;
    } catch {
      return "needs etcd (Debian's etcd-server)";
    }
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get socket(): string {
    return path.join(this.folder, CLIENT_SOCKET);
  }

  get endpoint(): string {
    return `unix://${this.socket}`;
  }

  get dataFolder(): string {
    return path.join(this.folder, "data");
  }

  /** Resolves when it answers. A new data folder becomes a cluster of that token. Of flags given twice the last counts. */
  async start(token = "test", ...more: readonly string[]): Promise<void> {
    for (const socket of [CLIENT_SOCKET, PEER_SOCKET]) fs.rmSync(path.join(this.folder, socket), { force: true });
    const log = fs.openSync(path.join(this.folder, "log"), "a");
    const args = [
      ["--data-dir", "data"],
      ["--listen-client-urls", `unix://${CLIENT_SOCKET}`],
      ["--advertise-client-urls", `unix://${CLIENT_SOCKET}`],
      ["--listen-peer-urls", `unix://${PEER_SOCKET}`],
      ["--initial-advertise-peer-urls", `unix://${PEER_SOCKET}`],
      ["--initial-cluster", `default=unix://${PEER_SOCKET}`],
      ["--initial-cluster-token", token],
      ["--heartbeat-interval", "10"],
      ["--election-timeout", "50"],
    ];
    const child = spawn("etcd", [...args.flat(), ...more], { cwd: this.folder, stdio: ["ignore", log, log] });
    fs.closeSync(log);
    this.#process = child;
    const deadline = performance.now() + START_DEADLINE_MS;
    while (!(await this.#answers())) {
      if (child.exitCode !== null || performance.now() > deadline) {
        const text = fs.readFileSync(path.join(this.folder, "log"), "utf8");
        throw new Error(`etcd does not start:\n${text.slice(-2_000)}`);
      }
      await setTimeout(10);
    }
  }

  /** It listens before it can answer, and what dies between the two never answers again. */
  async #answers(): Promise<boolean> {
    const { endpoint } = this;
    const connection = new EtcdConnection({ endpoints: [endpoint], clock: new SystemClock(), callTimeoutMs: 1_000 });
    try {
      await connection.read(kvMethods.range, { key: "\0", countOnly: true });
      return true;
    } catch {
      return false;
    } finally {
      await connection.close();
    }
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}
