/** `ocicat node status`: the BGP sessions of a host, in calicoctl's words. */
import { Command } from "commander";
import { askAgent } from "../adapter/agent-client.ts";
import { formatJson, type Json } from "../base/json.ts";
import { nodeStatusText } from "../ctl/node-status.ts";
import { formatYaml } from "../ctl/output/yaml-text.ts";
import { agentsOf } from "./agents.ts";
import { parseCommandLine } from "./command-line.ts";
import { EXIT_USAGE } from "./exit-codes.ts";
import { type BgpReport, peerRows } from "./node/bgp-report.ts";
import type { ProcessHost } from "./process-host.ts";

interface Options {
  readonly lab?: string;
  readonly output?: string;
}

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  const command = new Command("ocicat node status")
    .description(
      "Shows the BGP sessions of this host: with whom, in which state, since when, and what keeps them down.",
    )
    .argument("[HOST...]", "hosts of the lab (default: this host, or every host of the lab)")
    .option("--lab <name>", "the lab to act on, when several run")
    .option("-o, --output <format>", "json or yaml: everything that is known of each session")
    .addHelpText("after", "\nExamples:\n  ocicat node status\n  ocicat node status worker-1 -o yaml");
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const { lab, output } = command.opts<Options>();
  if (output !== undefined && output !== "json" && output !== "yaml") {
    host.stderr.write(`Error: '${String(output)}' is no output format: json or yaml\n`);
    return EXIT_USAGE;
  }
  const agents = await agentsOf(host, command.args, lab);
  const reports: { readonly host: string; readonly bgp?: BgpReport }[] = [];
  for (const agent of agents) {
    const { bgp } = (await askAgent(agent.socket, "/v1/bgp")) as unknown as { readonly bgp?: BgpReport };
    reports.push({ host: agent.host, ...(bgp === undefined ? {} : { bgp }) });
  }
  if (output === "json") host.stdout.write(`${formatJson(reports as unknown as Json, 2)}\n`);
  else if (output === "yaml") host.stdout.write(formatYaml(reports as unknown as Json));
  else host.stdout.write(reports.map((report) => print(report, agents.length > 1)).join(""));
  return 0;
}

function print({ host, bgp }: { readonly host: string; readonly bgp?: BgpReport }, isNamed: boolean): string {
  const now = new Date();
  const notes = [
    ...(bgp?.reports ?? []),
    ...(bgp?.listeners ?? []).flatMap(({ address, port, failure }) =>
      failure === undefined ? [] : [`does not listen on ${address} port ${port}: ${failure}`],
    ),
  ].map((note) => `note: ${note}\n`);
  return `${isNamed ? `${host}:\n` : ""}${nodeStatusText(bgp && peerRows(bgp, now))}${notes.join("")}`;
}
