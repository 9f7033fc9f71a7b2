/** From arguments to a program and from its outcome to an exit code. */
import { CodedError, messageOf } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { type Command, commands } from "./commands.ts";
import { EXIT_FAULT, EXIT_USAGE, exitCodeOf } from "./exit-codes.ts";
import type { ProcessHost } from "./process-host.ts";

/** Runs `ocicat ARGS…`; never rejects. */
export async function run(args: readonly string[], host: ProcessHost, table = commands): Promise<number> {
  const { lab, rest } = leadingLab(args);
  const [name, ...own] = rest;
  if (name === undefined || name === "--help" || name === "-h" || (name === "help" && own.length === 0)) {
    (name === undefined ? host.stderr : host.stdout).write(help(table));
    return name === undefined ? EXIT_USAGE : 0;
  }
  const wanted = name === "help" ? (own[0] ?? "") : name === "--version" ? "version" : name;
  const command = table.find((row) => row.name === wanted);
  if (!command) {
    host.stderr.write(unknownCommand(wanted, table));
    return EXIT_USAGE;
  }
  const scoped = lab === undefined ? host : { ...host, env: { ...host.env, OCICAT_LAB: lab } };
  try {
    const program = await command.load();
    const given = name === "help" ? ["--help"] : name === "--version" ? ["--client", ...own] : own;
    return await program.main(given, scoped);
  } catch (thrown) {
    return report(thrown, host);
  }
}

/** `--lab NAME` may stand before the command too; it counts as the environment's OCICAT_LAB. */
function leadingLab(args: readonly string[]): { lab: string | undefined; rest: readonly string[] } {
  const [first = "", second] = args;
  if (first.startsWith("--lab=")) return { lab: first.slice("--lab=".length), rest: args.slice(1) };
  if (first === "--lab" && second !== undefined) return { lab: second, rest: args.slice(2) };
  return { lab: undefined, rest: args };
}

function report(thrown: unknown, host: ProcessHost): number {
  if (thrown instanceof CodedError) {
    host.stderr.write(`Error: ${messageOf(thrown)}\n`);
    return exitCodeOf(thrown);
  }
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  host.stderr.write(`ocicat: unexpected error, please report it with these lines:\n${stack}\n`);
  return EXIT_FAULT;
}

function unknownCommand(name: string, table: readonly Command[]): string {
  const near = nearest(
    name,
    table.map((row) => row.name),
  );
  const hint = near === undefined ? "" : ` Did you mean '${near}'?`;
  return `ocicat: '${name}' is not a command.${hint}\nRun 'ocicat --help' for the list of commands.\n`;
}

function help(table: readonly Command[]): string {
  const width = Math.max(...table.map((row) => row.name.length), 0);
  const rows = table.map((row) => `  ${row.name.padEnd(width)}   ${row.summary}`);
  const examples = table.flatMap((row) => row.examples ?? []).map((example) => `  ocicat ${example}`);
  return [
    "Pod networking for Kubernetes and plain Linux hosts that speaks Calico's API.",
    "",
    "Usage: ocicat [--lab NAME] COMMAND [ARGUMENTS]",
    "",
    "Commands:",
    ...rows,
    ...(examples.length === 0 ? [] : ["", "Examples:", ...examples]),
    "",
    "'ocicat COMMAND --help' tells more about each.",
    "",
  ].join("\n");
}
