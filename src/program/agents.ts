/** Which agents a command speaks to: those of a lab's hosts, or the one of this host. */
import { CodedError } from "../base/errors.ts";
import { chooseLab } from "./choose-lab.ts";
import type { ProcessHost } from "./process-host.ts";

export interface AgentAddress {
  readonly host: string;
  readonly socket: string;
}

class AgentsError extends CodedError<"noSuchHost", object> {}

/** Where the agent of a host without a lab listens. */
const OWN_SOCKET = "/var/run/calico/ocicat.sock";

/**
 * With `OCICAT_SOCKET` that one; else the agents of the lab that runs (`lab` names one of several); else the agent of
 * this host. Throws LabChoiceError.
 */
async function agents(host: ProcessHost, lab?: string): Promise<readonly AgentAddress[]> {
  const given = host.env["OCICAT_SOCKET"];
  if (given) return [{ host: "this host", socket: given }];
  const chosen = await chooseLab(host, lab);
  if (!chosen) return [{ host: "this host", socket: OWN_SOCKET }];
  return chosen.hosts.map(({ name, agentSocket }) => ({ host: name, socket: agentSocket }));
}

/** The agents of these hosts, of all where none is named. Throws AgentsError for a host that is not there. */
export async function agentsOf(
  host: ProcessHost,
  names: readonly string[],
  lab?: string,
): Promise<readonly AgentAddress[]> {
  const all = await agents(host, lab);
  return names.length === 0 ? all : names.map((name) => among(all, name));
}

function among(all: readonly AgentAddress[], name: string): AgentAddress {
  const found = all.find((agent) => agent.host === name);
  if (found) return found;
  const names = all.map((agent) => agent.host).join(", ");
  throw new AgentsError("noSuchHost", `no host '${name}' here (there is: ${names})`, {});
}
