/**
 * Starting a lab's supervisor in namespaces of its own, by util-linux' unshare: with root plainly, without root in a
 * user namespace, which a process with several threads (any Node.js) cannot make for itself.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import readline from "node:readline";
import { setTimeout } from "node:timers/promises";
import { CodedError } from "../../base/errors.ts";
import { lockFile } from "../lab-directory.ts";
import { isLocked } from "../linux/file-lock.ts";
import { closeOnExec } from "../linux/process.ts";
import type { OcicatCommand } from "./programs.ts";

export class SupervisorError extends CodedError<"failed" | "interrupted" | "noNamespaces", { logFile?: string }> {}

export const namespaceArguments = (isRoot: boolean): string[] => [
  ...(isRoot ? [] : ["--user", "--map-root-user"]),
  "--net",
  "--mount",
  "--uts",
];

/** A TCP socket that listens on loopback, in the namespace of this process, to be handed to a supervisor. */
export interface LoopbackListener {
  readonly port: number;
  readonly fd: number;
  close(): void;
}

export async function listenOnLoopback(): Promise<LoopbackListener> {
  const server = net.createServer();
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const address = server.address();
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  if (address === null || typeof address === "string") throw new Error("a TCP server without a port");
  return { port: address.port, fd, close: () => server.close() };
}

export interface SupervisorStart {
  readonly command: OcicatCommand;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
  readonly listenerFd: number;
  readonly lockFd: number;
}

export interface Supervisor {
  readonly pid: number;
  /** Lines that it writes until it is ready or fails; ends when it does. */
  readonly lines: AsyncIterable<string>;
  readonly ended: Promise<number | undefined>;
  readonly logFile: string;
  /** Lets this process end before the supervisor does. */
  unref(): void;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

export function startSupervisor(start: SupervisorStart): Supervisor {
  const logFile = path.join(start.folder, "supervisor.log");
  const log = fs.openSync(logFile, "a", 0o600);
  try {
    const { file, args, env } = start.command;
    closeOnExec();
    const child = spawn(
      "unshare",
      [...namespaceArguments(start.isRoot), "--", file, ...args, "lab", "supervise", start.folder],
      {
        cwd: "/",
        // A session of its own: Ctrl-C is for the one who looks, and for nobody else.
        detached: true,
        env: { ...start.env, ...env },
        stdio: ["ignore", log, log, "pipe", start.listenerFd, start.lockFd],
      },
    );
    return supervisorOf(child, logFile);
  } finally {
    fs.closeSync(log);
  }
}

function supervisorOf(child: ChildProcess, logFile: string): Supervisor {
  const progress = child.stdio[3] as net.Socket;
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once("exit", (code) => resolve(code ?? undefined));
    child.once("error", (cause) => {
      const message = "'unshare' of util-linux cannot be started (Debian: apt-get install util-linux)";
      reject(new SupervisorError("noNamespaces", message, {}, { cause }));
    });
  });
  ended.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    lines: readline.createInterface({ input: progress }),
    ended,
    logFile,
    unref: () => {
      child.unref();
      progress.destroy();
    },
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

/** Whether namespaces can be made as a supervisor needs them; what unshare says when they cannot. */
export function tryNamespaces(isRoot: boolean): { readonly ok: true } | { readonly ok: false; readonly said: string } {
  const tried = spawnSync("unshare", [...namespaceArguments(isRoot), "--", "true"], { encoding: "utf8" });
  if (tried.error) return { ok: false, said: tried.error.message };
  return tried.status === 0 ? { ok: true } : { ok: false, said: tried.stderr.trim() };
}

const POLL_MS = 20;

/** Waits for a supervisor that is no child of this process; kills it when it takes too long. */
export async function waitForEnd(folder: string, pid: number, patienceMs = 5_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (isLocked(lockFile(folder))) {
    if (performance.now() > deadline) process.kill(pid, "SIGKILL");
    await setTimeout(POLL_MS);
  }
}
