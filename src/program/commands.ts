/**
 * Every subcommand of `ocicat`. Programs are loaded when they are called, since start-up time is what a user of the
 * command line feels first.
 */
import type { ProcessHost } from "./process-host.ts";

/** A subcommand: takes the arguments after its name, gives the exit code. */
export interface Program {
  main(args: readonly string[], host: ProcessHost): Promise<number>;
}

export interface Command {
  readonly name: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  /** Calls worth showing in `ocicat --help`, without the leading `ocicat`. */
  readonly examples?: readonly string[];
  load(): Promise<Program>;
}

export const commands: readonly Command[] = [];
