/**
 * The process of a tunnel as an agent sees it: started apart, so that it stays when the agent ends, and found by its lock, which
 * holds its number and ends with it, and its socket. The network namespace is the one that the agent's thread is in.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import readline from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { formatJson, type JsonObject } from "../../base/json.ts";
import { KernelError } from "../../port/netlink.ts";
import type { TunnelChange, TunnelServer, TunnelState } from "../../port/tunnel-server.ts";
import type { OcicatCommand } from "../lab/programs.ts";
import { isLocked } from "../linux/file-lock.ts";
import { whyNoTap } from "../linux/tap-device.ts";
import { decodeRefusal, decodeState, encodeChange, TUNNEL_PATH, tunnelFiles } from "./control-words.ts";

const ANSWER_MS = 2_000;
/** From its start until its device is there: a cold start of the interpreter on a busy machine. */
const START_MS = 20_000;
const POLL_MS = 5;
const ETIMEDOUT = 110;
/** What `start` waits for on the process's standard output; anything else is a refusal. */
export const TUNNEL_READY = "ready";

export interface TunnelProcessOptions {
  /** Where the lock and the socket are; made if need be. */
  readonly folder: string;
  readonly command: OcicatCommand;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs what must happen in the tunnel's network namespace. */
  readonly within: <T>(work: () => T) => T;
}

const unanswered = (call: string): KernelError =>
  new KernelError({ call, errno: "ETIMEDOUT", number: ETIMEDOUT, subject: "the process of the IP-in-IP device" });

export class TunnelProcess implements TunnelServer {
  readonly #options: TunnelProcessOptions;
  readonly #files: ReturnType<typeof tunnelFiles>;

  constructor(options: TunnelProcessOptions) {
    this.#options = options;
    this.#files = tunnelFiles(options.folder);
  }

  whyNot(): string | undefined {
    return whyNoTap();
  }

  async state(): Promise<TunnelState | undefined> {
    const answer = await this.#ask("GET");
    return answer === undefined ? undefined : decodeState(answer);
  }

  async change(change: TunnelChange): Promise<boolean> {
    return (await this.#ask("POST", encodeChange(change))) !== undefined;
  }

  #ask(method: string, body?: JsonObject): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.#files.socket, path: TUNNEL_PATH, method, agent: false, timeout: ANSWER_MS };
      const request = http.request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", () => resolve(undefined));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          if (response.statusCode === 200) resolve(text);
          else reject(decodeRefusal(text));
        });
      });
      request.on("timeout", () => {
        reject(unanswered("ask"));
        request.destroy();
      });
      // Nobody listens, or whoever did has ended.
      request.on("error", () => resolve(undefined));
      request.end(body && formatJson(body));
    });
  }

  async start(device: string): Promise<void> {
    const { folder, command, env, within } = this.#options;
    fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
    // Not the agent's own: a reader of that waits for all who hold it.
    const log = fs.openSync(this.#files.log, "w", 0o600);
    const child = within(() =>
      spawn(command.file, [...command.args, "ipip-tun", "--device", device, "--folder", folder], {
        cwd: "/",
        detached: true,
        env: { ...env, ...command.env },
        stdio: ["ignore", "pipe", log],
      }),
    );
    fs.closeSync(log);
    const output = child.stdout as Readable;
    const ended = new AbortController();
    const ending = new Promise<string>((resolve) => {
      child.once("error", (failure) => resolve(formatJson({ call: "spawn", errno: failure.message, number: 0 })));
      child.once("close", () => resolve(formatJson({ call: "start", errno: "ECHILD", number: 10 })));
    });
    try {
      const late = setTimeout(START_MS, undefined, { signal: ended.signal }).catch(() => undefined);
      const lines = readline.createInterface({ input: output });
      const first = new Promise<string>((resolve) => lines.once("line", resolve));
      const said = await Promise.race([first, ending, late]);
      if (said === undefined) child.kill("SIGKILL");
      if (said === undefined) throw unanswered("start");
      if (said !== TUNNEL_READY) throw decodeRefusal(said);
    } finally {
      ended.abort();
      output.destroy();
      child.unref();
    }
  }

  async stop(): Promise<void> {
    await this.#ask("DELETE").catch(() => undefined);
    const deadline = performance.now() + ANSWER_MS;
    while (isLocked(this.#files.lock)) {
      // Whoever holds the lock has written its number into it.
      if (performance.now() > deadline) process.kill(Number(fs.readFileSync(this.#files.lock, "utf8")), "SIGKILL");
      await setTimeout(POLL_MS);
    }
  }
}
