/** `ocicat verify`: compiled against actual, on every host. Exit code 0: all as it shall be; 1: differences or dangers; 2: a host did not answer. */
import { Command } from "commander";
import { AgentError, askAgent } from "../adapter/agent-client.ts";
import { formatJson } from "../base/json.ts";
import type { Difference, Verification } from "../insight/verify.ts";
import { type AgentAddress, agentsOf } from "./agents.ts";
import { jsonOutput, parseCommandLine } from "./command-line.ts";
import type { ProcessHost } from "./process-host.ts";

interface Options {
  readonly lab?: string;
  readonly output?: string;
}

type Answer = { readonly host: string } & ({ readonly verification: Verification } | { readonly error: string });

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  const command = new Command("ocicat verify")
    .description(
      "Compares what is compiled for each host with what its kernel holds, and names where packets may be lost.",
    )
    .argument("[HOST...]", "hosts to verify (default: all of the lab, or this host)")
    .option("--lab <name>", "the lab to act on, when several run")
    .addOption(jsonOutput())
    .addHelpText(
      "after",
      "\nExit code: 0 all as it shall be, 1 differences or dangers, 2 a host does not answer.\n\nExamples:\n  ocicat verify\n  ocicat verify worker-1 -o json",
    );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const { lab, output } = command.opts<Options>();
  const answers = await Promise.all((await agentsOf(host, command.args, lab)).map(ask));
  if (output === "json") host.stdout.write(`${formatJson(answers, 2)}\n`);
  else for (const answer of answers) host.stdout.write(print(answer));
  if (answers.some((answer) => "error" in answer)) return 2;
  return answers.some((answer) => "verification" in answer && isAmiss(answer.verification)) ? 1 : 0;
}

const isAmiss = ({ differences, dangers }: Verification): boolean => differences.length > 0 || dangers.length > 0;

async function ask(agent: AgentAddress): Promise<Answer> {
  const { host } = agent;
  try {
    return { host, verification: (await askAgent(agent, "/v1/verify")) as unknown as Verification };
  } catch (failure) {
    if (failure instanceof AgentError) return { host, error: failure.message };
    throw failure;
  }
}

function print(answer: Answer): string {
  if ("error" in answer) return `${answer.host}: ${answer.error}\n`;
  const { compared, differences, dangers, reports } = answer.verification;
  const lines = [
    `${answer.host}: ${differences.length === 0 ? "as compiled" : `${differences.length} differences`} (${compared} items compared)`,
    ...differences.flatMap(printDifference),
    ...dangers.map((danger) => `  danger: ${danger}`),
    ...reports.map((report) => `  note: ${report}`),
  ];
  return `${lines.join("\n")}\n`;
}

function printDifference({ found, kind, desired, actual, failure, provenance }: Difference): string[] {
  const lines = [`  ${found} in ${kind}: ${desired ?? actual}`];
  if (desired !== undefined && actual !== undefined) lines.push(`    found: ${actual}`);
  if (failure !== undefined) lines.push(`    the kernel refuses it: ${failure}`);
  if (provenance)
    lines.push(
      `    because ${provenance.rule}: ${provenance.objects.join(", ")}`,
      ...provenance.facts.map((fact) => `    since ${fact}`),
    );
  return lines;
}
