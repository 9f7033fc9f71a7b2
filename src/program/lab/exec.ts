/** `ocicat lab exec`: enters a host or pod by util-linux' nsenter, with the terminal that the caller has. */
import { spawn } from "node:child_process";
import os from "node:os";
import path from "node:path";
import { askLab } from "../../adapter/lab/control-client.ts";
import { CodedError } from "../../base/errors.ts";
import type { ExecAnswer } from "../../lab/control.ts";
import type { ProcessHost } from "../process-host.ts";
import { missingTool } from "./missing-tool.ts";
import { userId } from "./user.ts";
import { whichLab } from "./which-lab.ts";
import type { WordOptions } from "./words.ts";

export class ExecError extends CodedError<"cannotEnter", object> {}

export async function exec(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const [place, words] = args as [string, readonly string[]];
  const { lab: late, command } = afterPlace(words);
  const lab = await whichLab(host, late ?? options.lab);
  const { paths, env } = await askLab<ExecAnswer>(lab.controlSocket, "exec", { place });
  const user = userId() === 0 ? [] : [`--user=${paths.user}`, "--preserve-credentials"];
  const namespaces = [`--net=${paths.net}`, `--mount=${paths.mount}`, `--uts=${paths.uts}`];
  const wanted = command.length > 0 ? command : [host.env["SHELL"] ?? "/bin/sh"];
  const searchPath = searchPathInside(host.env["PATH"]);
  const child = spawn("nsenter", [...user, ...namespaces, "--", ...wanted], {
    stdio: "inherit",
    env: { ...withoutLab(host.env), ...env, PATH: searchPath },
  });
  // Ctrl-C is for the command; this process waits for what the command makes of it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) host.onSignal(signal, () => child.kill(signal));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", (cause) => {
      reject(new ExecError("cannotEnter", "'nsenter' of util-linux cannot be started", {}, { cause }));
    });
    child.once("exit", (code, signal) => resolve(code ?? 128 + signalNumber(signal)));
  });
  const missing = exitCode === EXIT_NOT_FOUND ? missingTool(wanted[0] ?? "", searchPath) : undefined;
  if (missing !== undefined) host.stderr.write(`ocicat: ${missing}\n`);
  return exitCode;
}

/** Of nsenter, as of any shell. */
const EXIT_NOT_FOUND = 127;

/** What stands behind the place: options of ours, as far as dashes set the command apart, and the command. */
function afterPlace(words: readonly string[]): { readonly lab?: string; readonly command: readonly string[] } {
  const dashes = words.indexOf("--");
  const [first = "", second] = words;
  if (dashes === 0) return { command: words.slice(1) };
  if (dashes === 1 && first.startsWith("--lab=")) return { lab: first.slice("--lab=".length), command: words.slice(2) };
  if (dashes === 2 && first === "--lab" && second !== undefined) return { lab: second, command: words.slice(3) };
  return { command: words };
}

/** In there the host's own store and agent count, not the lab as a whole. */
function withoutLab(env: ProcessHost["env"]): Record<string, string | undefined> {
  const { OCICAT_LAB: _lab, OCICAT_SOCKET: _socket, ...rest } = env;
  return rest;
}

/** Where root finds tools: not every user's shell looks there, and in a lab everybody is root. */
const ROOTS_FOLDERS = ["/usr/sbin", "/sbin"];

/** `ocicat` itself, as the caller runs it, is found in there too. */
function searchPathInside(own = "/usr/bin:/bin"): string {
  const checkout = path.resolve(import.meta.dirname, "../../../bin");
  return [own, ...ROOTS_FOLDERS, checkout].join(":");
}

const signalNumber = (signal: NodeJS.Signals | null): number => (signal === null ? 0 : os.constants.signals[signal]);
