/**
 * One long-running program of a lab (an agent, the store), kept running as an init system keeps a service: when it ends
 * by itself it is started again, unless it has been put away as a fault.
 */
import { CodedError } from "../base/errors.ts";
import type { Clock, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Place } from "../port/places.ts";
import type { ProgramEnd, ProgramSpec, Programs, RunningProgram } from "../port/programs.ts";

export class DaemonError extends CodedError<"ended", { name: string; logFile: string }> {}

export interface DaemonDeps {
  readonly programs: Pick<Programs, "start" | "tail">;
  readonly clock: Clock;
  readonly log: Log;
}

/** An init system's pause before it starts a service again. */
const RESTART_MS = 500;
/** A program that was asked to end has so long before it is killed. */
const PATIENCE_MS = 5_000;
/** A program that fails so often before it was ever ready has a fault that no restart mends. */
const MOST_FAILED_STARTS = 3;
/** Lines of its output that tell why. */
const SHOWN_LINES = 12;

export class Daemon {
  readonly name: string;
  readonly #place: Place;
  #spec: ProgramSpec;
  readonly #deps: DaemonDeps;
  #program: RunningProgram | undefined;
  #restart: Timer | undefined;
  #wanted = false;
  #failedStarts = 0;
  #lastEnd: ProgramEnd | undefined;

  constructor(name: string, place: Place, spec: ProgramSpec, deps: DaemonDeps) {
    this.name = name;
    this.#place = place;
    this.#spec = spec;
    this.#deps = deps;
  }

  get pid(): number | undefined {
    return this.#program?.pid;
  }

  get isWanted(): boolean {
    return this.#wanted;
  }

  /** Idempotent. What it did while it was wanted before counts for nothing. */
  start(): void {
    if (!this.#wanted) this.#failedStarts = 0;
    this.#wanted = true;
    if (this.#program || this.#restart) return;
    this.#launch();
  }

  #launch(): void {
    this.#restart = undefined;
    const program = this.#deps.programs.start(this.#place, this.#spec);
    this.#program = program;
    void program.ended
      .catch((failure: unknown): ProgramEnd => {
        this.#deps.log.error("a program cannot be started", { name: this.name }, failure);
        return { code: 127, signal: undefined };
      })
      .then((end) => this.#ended(program, end));
  }

  #ended(program: RunningProgram, end: ProgramEnd): void {
    if (this.#program !== program) return;
    this.#program = undefined;
    this.#lastEnd = end;
    if (!this.#wanted) return;
    this.#failedStarts += 1;
    this.#deps.log.warn("a program ended and is started again", { name: this.name, ...end });
    this.#restart = this.#deps.clock.after(RESTART_MS, () => this.#launch());
  }

  /** What it did until now was no failed start. */
  markReady(): void {
    this.#failedStarts = 0;
  }

  /** Throws DaemonError when it keeps ending before it is ready. */
  mustBeStarting(): void {
    if (this.#failedStarts < MOST_FAILED_STARTS) return;
    const { code, signal } = this.#lastEnd ?? {};
    const how = signal === undefined ? `with exit code ${code}` : `by ${signal}`;
    const { logFile } = this.#spec;
    const tail = this.#deps.programs.tail(logFile, SHOWN_LINES).replaceAll(/^/gm, "  ");
    const message = `${this.name} ends ${how} each time it is started; its output ends with\n${tail}`;
    throw new DaemonError("ended", message, { name: this.name, logFile });
  }

  /**
   * Ends it as an init system does, SIGTERM first, and starts it with another environment; one that has been put away gets
   * that when it is wanted again. Resolves when it has been started.
   */
  async restart(env: ProgramSpec["env"]): Promise<void> {
    this.#spec = { ...this.#spec, env };
    if (!this.#wanted) return;
    const program = this.#program;
    if (program) {
      // Its end is no failure.
      this.#program = undefined;
      this.#wanted = false;
      const killing = this.#deps.clock.after(PATIENCE_MS, () => program.kill("SIGKILL"));
      program.kill("SIGTERM");
      await program.ended.catch(() => undefined);
      killing.cancel();
    }
    this.start();
  }

  /** Ends it at once (SIGKILL) and keeps it away until `start`. Resolves when it is gone. */
  async putAway(): Promise<void> {
    this.#wanted = false;
    this.#restart?.cancel();
    this.#restart = undefined;
    const program = this.#program;
    this.#program = undefined;
    if (!program) return;
    program.kill("SIGKILL");
    await program.ended.catch(() => undefined);
  }
}
