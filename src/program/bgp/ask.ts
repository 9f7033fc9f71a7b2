/** What the commands that look at BGP have in common: which agents, how they are asked, in which format they answer. */
import { Command, Option } from "commander";
import { agentLines, askAgent } from "../../adapter/agent-client.ts";
import { CodedError } from "../../base/errors.ts";
import { formatJson, type Json } from "../../base/json.ts";
import type { Shown } from "../../ctl/output/fitted-table.ts";
import { formatYaml } from "../../ctl/output/yaml-text.ts";
import { type AgentAddress, agentsOf } from "../agents.ts";
import { type BgpReport, type BgpSessionReport, isSessionTo } from "../node/bgp-report.ts";
import { type ProcessHost, terminalWidth } from "../process-host.ts";

export interface ShowOptions {
  /** Of the lab; left out: all. */
  readonly host?: string;
  readonly lab?: string;
  readonly output?: "json" | "yaml" | "wide";
}

export class BgpCommandError extends CodedError<"noSuchPeer" | "noBgp" | "notAsked", object> {}

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

interface Asked {
  /** Hosts; none: all. */
  readonly names: readonly string[];
  readonly lab: string | undefined;
  /** Only hosts that have a session to it. */
  readonly peer?: string | undefined;
}

/** The agents to ask. Throws BgpCommandError where none has a session to the peer. */
export async function agentsAsked(host: ProcessHost, { names, lab, peer }: Asked): Promise<readonly AgentAddress[]> {
  const agents = await agentsOf(host, names, lab);
  if (peer === undefined) return agents;
  const hosts = new Set(sessionsTo(peer, await reportsOf(agents, "/v1/bgp")).map((session) => session.host));
  return agents.filter((agent) => hosts.has(agent.host));
}

/** The answers of the agents, in their order. */
export const answersOf = <T extends object>(
  agents: readonly AgentAddress[],
  path: string,
): Promise<readonly (OnHost & T)[]> =>
  Promise.all(agents.map(async (agent) => ({ host: agent.host, ...((await askAgent(agent, path)) as unknown as T) })));

/** The lines of each agent's answer. */
export async function linesOf<T extends object>(
  agents: readonly AgentAddress[],
  path: string,
): Promise<readonly (OnHost & T)[]> {
  const lines: (OnHost & T)[] = [];
  for (const agent of agents) {
    for await (const line of await agentLines(agent, path)) lines.push({ host: agent.host, ...(line as unknown as T) });
  }
  return lines;
}

/** The reports of the agents that speak BGP. Throws BgpCommandError where none does. */
export const bgpReports = async (
  host: ProcessHost,
  names: readonly string[],
  lab: string | undefined,
): Promise<readonly (OnHost & BgpReport)[]> => reportsOf(await agentsOf(host, names, lab), "/v1/bgp?unanswered=1");

async function reportsOf(
  agents: readonly AgentAddress[],
  path: "/v1/bgp" | "/v1/bgp?unanswered=1",
): Promise<readonly (OnHost & BgpReport)[]> {
  const all = await answersOf<{ readonly bgp?: BgpReport }>(agents, path);
  const speaking = all.flatMap(({ host: name, bgp }) => (bgp ? [{ host: name, ...bgp }] : []));
  if (speaking.length > 0 || all.length === 0) return speaking;
  throw new BgpCommandError(
    "noBgp",
    "no BGP here: the agents run with another CALICO_NETWORKING_BACKEND than bird",
    {},
  );
}

/** The sessions to a peer by their name, its address or its node. Throws BgpCommandError where there is none. */
export function sessionsTo(
  peer: string,
  reports: readonly (OnHost & BgpReport)[],
): readonly (OnHost & BgpSessionReport)[] {
  const found = reports.flatMap(({ host, sessions }) =>
    sessions.filter(isSessionTo(peer)).map((session) => ({ host, ...session })),
  );
  if (found.length > 0) return found;
  // What keeps sessions from being is the likely reason.
  const notes = reports.flatMap(({ host, reports: lines }) => lines.map((line) => `\n${host}: ${line}`));
  const where = reports.map(({ host }) => host).join(", ");
  const message = `no session to '${peer}' on ${where}: 'ocicat bgp peers' lists them${notes.join("")}`;
  throw new BgpCommandError("noSuchPeer", message, {});
}

/** Writes the value in the format that was asked for, else as text, which may ask the agents for more. */
export async function write(
  { stdout }: Pick<ProcessHost, "stdout">,
  { output }: Pick<ShowOptions, "output">,
  value: unknown,
  text: (how: Shown) => string | Promise<string>,
): Promise<void> {
  if (output === "json") stdout.write(`${formatJson(value, 2)}\n`);
  else if (output === "yaml") stdout.write(formatYaml(value as Json));
  else stdout.write(await text({ isWide: output === "wide", room: terminalWidth(stdout) }));
}
