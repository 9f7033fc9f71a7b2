/** `ocicat node show [HOST]`: what an agent knows of itself. */
import { Command } from "commander";
import { askAgent } from "../adapter/agent-client.ts";
import { formatJson } from "../base/json.ts";
import { describeRepair } from "../dataplane/repair.ts";
import type { NodeReport } from "../insight/node-report.ts";
import { agentsOf } from "./agents.ts";
import { jsonOutput, parseCommandLine } from "./command-line.ts";
import type { ProcessHost } from "./process-host.ts";

interface Options {
  readonly lab?: string;
  readonly output?: string;
}

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  const command = new Command("ocicat node show")
    .description("Shows what the agent of a host knows: addresses, store, pools, routes, endpoints, failures, repairs.")
    .argument("[HOST]", "a host of the lab (default: this host, or every host of the lab)")
    .option("--lab <name>", "the lab to act on, when several run")
    .addOption(jsonOutput())
    .addHelpText("after", "\nExamples:\n  ocicat node show worker-1\n  ocicat node show worker-1 -o json");
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const { lab, output } = command.opts<Options>();
  const [name] = command.args;
  const reports: NodeReport[] = [];
  for (const agent of await agentsOf(host, command.args, lab))
    reports.push((await askAgent(agent, "/v1/node")) as unknown as NodeReport);
  if (output === "json") host.stdout.write(`${formatJson(name === undefined ? reports : reports[0], 2)}\n`);
  else host.stdout.write(reports.map(print).join("\n"));
  return 0;
}

function print(report: NodeReport): string {
  const { localAddress, advertisedAddress, store, ipip } = report;
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
  const lines = [
    `Node ${report.node} (ocicat ${report.version}, backend ${report.backend})`,
    `Address: ${localAddress ? `${localAddress.address} on ${localAddress.device}` : "none found"}${advertisedAddress === undefined || advertisedAddress === localAddress?.address ? "" : `, advertised as ${advertisedAddress}`}`,
    `Store: ${describeStore(store)}`,
    `IP-in-IP: ${describeIpip(ipip)}`,
    ...section(
      "Pools",
      report.pools.map(
        ({ name, cidr, vxlanMode, ipipMode }) => `${name} ${cidr} vxlanMode ${vxlanMode}, ipipMode ${ipipMode}`,
      ),
    ),
    ...section(
      "Settings that are not at their default",
      Object.entries(report.configuration ?? {}).map(
        ([name, { value, from }]) => `${name} = ${formatJson(value)} (${from})`,
      ),
    ),
    ...section("Own blocks", report.blocks),
    ...section("Routes", report.routes),
    ...section(
      "Endpoints",
      report.endpoints.map(
        ({ name, device, addresses, state, reason }) =>
          `${name} ${addresses.join(",")} ${device} ${state}${reason === undefined ? "" : `: ${reason}`}`,
      ),
    ),
    ...section(
      "Kernel objects",
      report.items.map(
        ({ kind, desired, actual, failed }) => `${kind}: ${desired} wanted, ${actual} there, ${failed.length} failed`,
      ),
    ),
    ...section(
      "Failed",
      report.items.flatMap(({ kind, failed }) => failed.map(({ key, why }) => `${kind} ${key}: ${why}`)),
    ),
    ...section("Notes", report.reports),
    ...section("Repaired", report.repairs.map(describeRepair)),
  ];
  return `${lines.join("\n")}\n`;
}

const carriers = {
  module: "by the kernel's ipip",
  bpf: "by BPF programs",
  process: "by a process",
  none: "carried by nothing",
} as const;

const describeIpip = ({ carrier, why }: NodeReport["ipip"]): string => `${carriers[carrier]} (${why})`;

function describeStore(store: NodeReport["store"]): string {
  switch (store.state) {
    case "inSync":
      return "in sync";
    case "away":
      return `away (${store.error}); forwarding goes on as last applied`;
    case "refused":
      return `refused: it ${store.continuity === "rolledBack" ? "went back in time" : "is not the one this node knew"}`;
    default:
      return "being listed";
  }
}
