/** `ocicat node status`: the BGP sessions of a host, in calicoctl's words. */
import { Command, Option } from "commander";
import { AgentError, askAgent } from "../adapter/agent-client.ts";
import { formatJson, type Json } from "../base/json.ts";
import { NOT_RUNNING, nodeStatusText } from "../ctl/node-status.ts";
import type { Shown } from "../ctl/output/fitted-table.ts";
import { formatYaml } from "../ctl/output/yaml-text.ts";
import { type AgentAddress, agentsOf } from "./agents.ts";
import { parseCommandLine } from "./command-line.ts";
import { EXIT_FAILED } from "./exit-codes.ts";
import { type BgpReport, peerRows } from "./node/bgp-report.ts";
import { type ProcessHost, terminalWidth } from "./process-host.ts";

interface Options {
  readonly lab?: string;
  readonly output?: "json" | "yaml" | "wide";
}

interface HostStatus {
  readonly host: string;
  /** Why nothing is known. */
  readonly away?: string;
  /** Left out: it speaks no BGP. */
  readonly bgp?: BgpReport;
}

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  const command = new Command("ocicat node status")
    .description(
      "Shows the BGP sessions of this host: with whom, in which state, since when, and what keeps them down.",
    )
    .argument("[HOST...]", "hosts of the lab (default: this host, or every host of the lab)")
    .option("--lab <name>", "the lab to act on, when several run")
    .addOption(
      new Option("-o, --output <format>", "everything that is known of each session; wide: more columns").choices([
        "json",
        "yaml",
        "wide",
      ]),
    )
    .addHelpText("after", "\nExamples:\n  ocicat node status\n  ocicat node status worker-1 -o yaml");
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const { lab, output } = command.opts<Options>();
  const agents = await agentsOf(host, command.args, lab);
  const reports: HostStatus[] = [];
  for (const agent of agents) reports.push(await statusOf(agent));
  if (output === "json") host.stdout.write(`${formatJson(reports, 2)}\n`);
  else if (output === "yaml") host.stdout.write(formatYaml(reports as unknown as Json));
  else {
    const how = { isWide: output === "wide", room: terminalWidth(host.stdout) };
    host.stdout.write(reports.map((report) => print(report, agents.length > 1, how)).join(""));
  }
  for (const { host: name, away } of reports) if (away !== undefined) host.stderr.write(`Error: ${name}: ${away}\n`);
  return reports.some(({ away }) => away !== undefined) ? EXIT_FAILED : 0;
}

/** An agent that is away is a status, too: the others are shown. */
async function statusOf(agent: AgentAddress): Promise<HostStatus> {
  const { host } = agent;
  try {
    const { bgp } = (await askAgent(agent, "/v1/bgp")) as unknown as { readonly bgp?: BgpReport };
    return { host, ...(bgp === undefined ? {} : { bgp }) };
  } catch (failure) {
    if (!(failure instanceof AgentError)) throw failure;
    return { host, away: failure.message };
  }
}

function print({ host, away, bgp }: HostStatus, isNamed: boolean, how: Shown): string {
  const heading = isNamed ? `${host}:\n` : "";
  if (away !== undefined) return isNamed ? `${heading}${NOT_RUNNING}\n` : NOT_RUNNING;
  const notes = [
    ...(bgp?.reports ?? []),
    ...(bgp?.listeners ?? []).flatMap(({ address, port, failure }) =>
      failure === undefined ? [] : [`does not listen on ${address} port ${port}: ${failure}`],
    ),
  ].map((note) => `note: ${note}\n`);
  return `${heading}${nodeStatusText(bgp && peerRows(bgp, new Date()), how)}${notes.join("")}`;
}
