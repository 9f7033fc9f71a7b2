/** Processes in places: the thread enters, forks, and comes back. */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import { CodedError } from "../../base/errors.ts";
import type { Place } from "../../port/places.ts";
import {
  type Execution,
  type ExecutionResult,
  PARENT_VARIABLE,
  type ProgramEnd,
  type ProgramSpec,
  type Programs,
  type RunningProgram,
} from "../../port/programs.ts";

export class ProgramError extends CodedError<"cannotExecute" | "tooSlow", { file: string }> {}

/** How `ocicat` is started: the interpreter, what comes before the arguments, and the environment it needs. */
export interface OcicatCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * By util-linux. The signal of a parent's death is forgotten by a program that becomes another user (FRR's daemons do),
 * so a shell that stays what it is gets it: the first process of a PID namespace, with which all others end.
 */
const BOUND = [
  ...["--pdeathsig", "KILL", "--", "unshare", "--pid", "--fork", "--kill-child=KILL", "--"],
  ...["/bin/sh", "-c", '"$0" "$@"; exit $?'],
];

export class LabPrograms implements Programs {
  readonly #ocicat: OcicatCommand;

  constructor(ocicat: OcicatCommand) {
    this.#ocicat = ocicat;
  }

  start(place: Place, program: ProgramSpec): RunningProgram {
    const log = fs.openSync(program.logFile, "a", 0o600);
    const { file, args, env } = this.#commandOf(program);
    try {
      const child = place.run(() => spawn(file, args, { cwd: "/", env, stdio: ["ignore", log, log] }));
      return running(child, file);
    } finally {
      fs.closeSync(log);
    }
  }

  /** `ocicat` binds itself to its parent; others are bound. */
  #commandOf({ file, args, env }: ProgramSpec): OcicatCommand {
    if (file !== undefined) return { file: "setpriv", args: [...BOUND, file, ...args], env };
    const { env: own, args: first } = this.#ocicat;
    const parent = { [PARENT_VARIABLE]: String(process.pid) };
    return { file: this.#ocicat.file, args: [...first, ...args], env: { ...own, ...env, ...parent } };
  }

  tail(logFile: string, lines: number): string {
    if (!fs.existsSync(logFile)) return "";
    return fs.readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  execute(place: Place, execution: Execution): Promise<ExecutionResult> {
    const child = place.run(() =>
      spawn(execution.file, [], { cwd: "/", env: execution.env, stdio: ["pipe", "pipe", "pipe"] }),
    );
    return collect(child, execution);
  }
}

function running(child: ChildProcess, file: string): RunningProgram {
  const ended = endOf(child, file);
  // Whoever waits sees the failure; nobody need wait.
  ended.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

function endOf(child: ChildProcess, file: string): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(new ProgramError("cannotExecute", `${file} cannot be executed`, { file }, { cause }));
    });
    child.once("close", (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
  });
}

async function collect(child: ChildProcess, { file, stdin, timeoutMs }: Execution): Promise<ExecutionResult> {
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  // A program that ends without reading its input is judged by its exit.
  child.stdin?.on("error", () => {}).end(stdin);
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  try {
    const end = await endOf(child, file);
    if (late) throw new ProgramError("tooSlow", `${file} took more than ${timeoutMs / 1000} s`, { file });
    return { ...end, ...output };
  } finally {
    clearTimeout(deadline);
  }
}
