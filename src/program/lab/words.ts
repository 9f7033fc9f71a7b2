/** The words of `ocicat lab`, each with what it takes and what it does. */
import type { Command } from "commander";
import type { ProcessHost } from "../process-host.ts";

export interface LabWord {
  /** As commander reads it: `exec <place> [command...]`. */
  readonly usage: string;
  readonly summary: string;
  /** Adds options and help. */
  readonly define?: (command: Command) => void;
  /** Gives the exit code. */
  readonly run?: (host: ProcessHost, args: readonly unknown[], options: WordOptions) => Promise<number>;
  /** Words below this one. */
  readonly words?: readonly LabWord[];
  /** False where the word takes no `--lab`. */
  readonly needsLab?: boolean;
}

export type WordOptions = Readonly<Record<string, unknown>> & { readonly lab?: string };

const lab = async <K extends string>(
  module: Promise<Record<K, LabWord["run"]>>,
  name: K,
  ...args: Parameters<NonNullable<LabWord["run"]>>
): Promise<number> => (await module)[name]?.(...args) ?? 0;

export const labWords: readonly LabWord[] = [
  {
    usage: "up <topology>",
    summary: "build a lab (aws-two-subnets, packet-life, many-N, or a YAML file) and hold it until Ctrl-C",
    needsLab: false,
    define: (command) =>
      command
        .option("--name <name>", "its name (default: the topology's, with a number when taken)")
        .option("--detach", "return when it is ready; 'lab down' ends it"),
    run: (...args) => lab(import("./up.ts"), "up", ...args),
  },
  {
    usage: "down [name]",
    summary: "take a lab down",
    needsLab: false,
    define: (command) => command.option("--all", "every lab of this user"),
    run: (...args) => lab(import("./running.ts"), "down", ...args),
  },
  {
    usage: "list",
    summary: "the labs that run",
    needsLab: false,
    define: (command) => command.option("-o, --output <format>", "json: everything, as one document"),
    run: (...args) => lab(import("./running.ts"), "list", ...args),
  },
  {
    usage: "status",
    summary: "hosts, agents, pods and NICs of a lab",
    define: (command) => command.option("-o, --output <format>", "json: everything, as one document"),
    run: (...args) => lab(import("./running.ts"), "status", ...args),
  },
  {
    usage: "env",
    summary: 'exports for a shell, so that ocicat, etcdctl and calicoctl work on the lab: eval "$(ocicat lab env)"',
    run: (...args) => lab(import("./running.ts"), "env", ...args),
  },
  {
    usage: "exec <place> [command...]",
    summary: "a command on a host or in a pod (default: a shell); its exit code is the answer",
    define: (command) => command.passThroughOptions(),
    run: (...args) => lab(import("./exec.ts"), "exec", ...args),
  },
];
