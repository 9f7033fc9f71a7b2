/** Programs that a lab starts in its places. */
import type { Place } from "./places.ts";

export interface ProgramSpec {
  /** Another program than `ocicat`: its absolute path. It must not fork. */
  readonly file?: string;
  readonly args: readonly string[];
  /** The whole environment, save what keeps the program bound to the lab. */
  readonly env: Readonly<Record<string, string>>;
  /** Where its output is appended. */
  readonly logFile: string;
}

export interface ProgramEnd {
  /** Exit code, or undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

export interface RunningProgram {
  readonly pid: number;
  readonly ended: Promise<ProgramEnd>;
  kill(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
}

export interface Execution {
  /** Absolute, as the place sees it. */
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly timeoutMs: number;
}

export interface ExecutionResult extends ProgramEnd {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Programs {
  /** Starts `ocicat` or another program; it ends with this process, however this process ends. */
  start(place: Place, program: ProgramSpec): RunningProgram;
  /** The last lines of a program's output, empty when there is none. */
  tail(logFile: string, lines: number): string;
  /** Executes a file and waits for its end. Rejects with ProgramError when it cannot be executed or takes too long. */
  execute(place: Place, execution: Execution): Promise<ExecutionResult>;
}

/** Names, in the environment of what was started, the process that it ends with. */
export const PARENT_VARIABLE = "OCICAT_PARENT";
