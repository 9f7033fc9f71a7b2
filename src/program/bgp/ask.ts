/** What the commands that look at BGP have in common: which agents, how they are asked, in which format they answer. */
import { Command, Option } from "commander";
import { agentLines, askAgent } from "../../adapter/agent-client.ts";
import { CodedError } from "../../base/errors.ts";
import { formatJson, type Json } from "../../base/json.ts";
import { formatYaml } from "../../ctl/output/yaml-text.ts";
import { agentsOf } from "../agents.ts";
import type { BgpReport } from "../node/bgp-report.ts";
import type { ProcessHost } from "../process-host.ts";

export interface ShowOptions {
  /** Of the lab; left out: all. */
  readonly host?: string;
  readonly lab?: string;
  readonly output?: "json" | "yaml" | "wide";
}

export class BgpCommandError extends CodedError<"noSuchPeer" | "noBgp", object> {}

export interface OnHost {
  readonly host: string;
}

export const showCommand = (name: string): Command =>
  new Command(name)
    .option("--lab <name>", "the lab to act on, when several run")
    .addOption(
      new Option("-o, --output <format>", "everything, as one document; wide: more columns").choices([
        "json",
        "yaml",
        "wide",
      ]),
    );

export const hostOption = new Option(
  "--host <name>",
  "a host of the lab (default: this host, or every host of the lab)",
);

export interface Question {
  /** Hosts; none: all. */
  readonly names: readonly string[];
  readonly lab: string | undefined;
  readonly path: string;
}

/** The answers of the agents, in the order of the hosts. */
export async function askAll<T extends object>(
  host: ProcessHost,
  { names, lab, path }: Question,
): Promise<readonly (OnHost & T)[]> {
  const answers: (OnHost & T)[] = [];
  for (const agent of await agentsOf(host, names, lab)) {
    answers.push({ host: agent.host, ...((await askAgent(agent.socket, path)) as unknown as T) });
  }
  return answers;
}

/** The lines of each agent's answer. */
export async function linesOfAll<T extends object>(
  host: ProcessHost,
  { names, lab, path }: Question,
): Promise<readonly (OnHost & T)[]> {
  const lines: (OnHost & T)[] = [];
  for (const agent of await agentsOf(host, names, lab)) {
    for await (const line of agentLines(agent.socket, path))
      lines.push({ host: agent.host, ...(line as unknown as T) });
  }
  return lines;
}

/** The reports of the agents that speak BGP. Throws BgpCommandError where none does. */
export async function bgpReports(
  host: ProcessHost,
  names: readonly string[],
  lab: string | undefined,
): Promise<readonly (OnHost & BgpReport)[]> {
  const all = await askAll<{ readonly bgp?: BgpReport }>(host, { names, lab, path: "/v1/bgp?unanswered=1" });
  const speaking = all.flatMap(({ host: name, bgp }) => (bgp ? [{ host: name, ...bgp }] : []));
  if (speaking.length > 0 || all.length === 0) return speaking;
  throw new BgpCommandError(
    "noBgp",
    "no BGP here: the agents run with another CALICO_NETWORKING_BACKEND than bird",
    {},
  );
}

/** Writes the value in the format that was asked for, else as text. */
export function write(
  { stdout }: Pick<ProcessHost, "stdout">,
  { output }: Pick<ShowOptions, "output">,
  value: unknown,
  text: (isWide: boolean) => string,
): void {
  if (output === "json") stdout.write(`${formatJson(value, 2)}\n`);
  else if (output === "yaml") stdout.write(formatYaml(value as Json));
  else stdout.write(text(output === "wide"));
}
