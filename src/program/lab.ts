/** `ocicat lab`: hosts as namespaces, cloud underlays, faults. */
import { Command } from "commander";
import { parseCommandLine } from "./command-line.ts";
import { type LabWord, labWords } from "./lab/words.ts";
import type { ProcessHost } from "./process-host.ts";

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  // The supervisor is no word for people.
  if (args[0] === "supervise") return (await import("./lab/supervise.ts")).supervise(args.slice(1), host);
  let exitCode = 0;
  const command = new Command("ocicat lab")
    .description("Hosts, pods and a cloud underlay on this machine, as namespaces: real agents, real packets.")
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `
Examples:
  ocicat lab up aws-two-subnets          build a lab; Ctrl-C takes it down
  ocicat lab check                       who reaches whom, by which encapsulation, and why not
  ocicat lab exec pod-1 -- curl -s 192.168.133.194
  ocicat lab underlay set worker-1 srcdst=off
  ocicat lab capture worker-1/ens5 udp port 4789`,
    );
  // Words inside of words take the settings of the word around them when they are made.
  command.exitOverride().configureOutput({
    writeOut: (text) => host.stdout.write(text),
    writeErr: (text) => host.stderr.write(text),
  });
  const finish = (code: number) => {
    exitCode = code;
  };
  for (const word of labWords) addWord(command, word, host, finish);
  return (await parseCommandLine(command, args, host)) ?? exitCode;
}

function addWord(parent: Command, word: LabWord, host: ProcessHost, finish: (code: number) => void): void {
  const command = parent.command(word.usage).description(word.summary);
  command.showHelpAfterError(`'${pathOf(command)} --help' tells more.`);
  word.define?.(command);
  if (word.examples) {
    command.addHelpText("after", `\nExamples:\n${word.examples.map((line) => `  ocicat lab ${line}`).join("\n")}`);
  }
  if (word.words) {
    for (const inner of word.words) addWord(command, inner, host, finish);
    return;
  }
  if (word.needsLab !== false) command.option("--lab <name>", "the lab to act on, when several run");
  command.action(async (...given: unknown[]) => {
    const { run } = word;
    if (run) finish(await run(host, command.processedArgs, command.opts()));
    else if (given.length === 0) command.help();
  });
}

/** As it is typed: `ocicat lab pod add`. */
const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
