/** Which agents a command speaks to: those of a lab's hosts, or the one of this host. */
import os from "node:os";
import type { AgentPlace } from "../adapter/agent-away.ts";
import { DiskHostFiles } from "../adapter/host-facts.ts";
import { CodedError } from "../base/errors.ts";
import { chooseLab } from "./choose-lab.ts";
import { OWN_SOCKET } from "./own-socket.ts";
import type { ProcessHost } from "./process-host.ts";

export interface AgentAddress extends AgentPlace {
  readonly host: string;
}

class AgentsError extends CodedError<"noSuchHost", object> {}

const THIS_HOST = "this host";

/**
 * With `OCICAT_SOCKET` that one; else the agents of the lab that runs (`lab` names one of several); else the agent of
 * this host. Throws LabChoiceError.
 */
async function agents(host: ProcessHost, lab?: string): Promise<readonly AgentAddress[]> {
  const given = host.env["OCICAT_SOCKET"];
  if (given) return [{ host: THIS_HOST, socket: given }];
  const chosen = await chooseLab(host, lab);
  if (!chosen) return [{ host: THIS_HOST, socket: OWN_SOCKET }];
  return chosen.hosts.map(({ name, agentSocket }) => ({ host: name, socket: agentSocket, lab: chosen.name }));
}

/** The agents of these hosts, of all where none is named. Throws AgentsError for a host that is not there. */
export async function agentsOf(
  host: ProcessHost,
  names: readonly string[],
  lab?: string,
): Promise<readonly AgentAddress[]> {
  const all = await agents(host, lab);
  return names.length === 0 ? all : names.map((name) => named(host, all, name));
}

function named(host: ProcessHost, all: readonly AgentAddress[], name: string): AgentAddress {
  const own = ownNames(host);
  const found = all.find((agent) => agent.host === name || (agent.host === THIS_HOST && own.includes(name)));
  if (found) return found;
  const there = all.map((agent) => (agent.host === THIS_HOST ? `${THIS_HOST}, ${own[0]}` : agent.host)).join(", ");
  throw new AgentsError("noSuchHost", `no host '${name}' here (there is: ${there})`, {});
}

/** What this host may be called: by its environment, by the file that its agent wrote, by itself (the agent's order). */
function ownNames({ env }: ProcessHost): readonly string[] {
  const file = new DiskHostFiles("/").readNodeName();
  return [env["NODENAME"], file, env["HOSTNAME"], os.hostname()].flatMap((name) => (name ? [name.toLowerCase()] : []));
}
