/** Which agents a command speaks to: those of a lab's hosts, or the one of this host. */

import { labsRoot, listLabs } from "../adapter/lab-directory.ts";
import { CodedError } from "../base/errors.ts";
import type { ProcessHost } from "./process-host.ts";

export interface AgentAddress {
  readonly host: string;
  readonly socket: string;
}

export class AgentsError extends CodedError<"noAgents" | "severalLabs" | "noSuchHost", object> {}

/** Where the agent of a host without a lab listens. */
const OWN_SOCKET = "/var/run/calico/ocicat.sock";

/**
 * With `OCICAT_SOCKET` that one; else the agents of the lab that runs (`lab` or `OCICAT_LAB` names one of several);
 * else the agent of this host. Says on stderr which lab it acts on.
 */
export async function agents(host: ProcessHost, lab?: string): Promise<readonly AgentAddress[]> {
  const given = host.env["OCICAT_SOCKET"];
  if (given) return [{ host: "this host", socket: given }];
  const labs = await listLabs(labsRoot(host.env, process.getuid?.() ?? 0));
  const wanted = lab ?? host.env["OCICAT_LAB"];
  const found = wanted === undefined ? labs : labs.filter(({ name }) => name === wanted);
  const [only, ...more] = found;
  if (more.length > 0) {
    const names = found.map(({ name }) => name).join(", ");
    throw new AgentsError("severalLabs", `several labs run (${names}); say which with --lab NAME`, {});
  }
  if (only) {
    host.stderr.write(`ocicat: acting on lab '${only.name}'\n`);
    return only.hosts.map(({ name, agentSocket }) => ({ host: name, socket: agentSocket }));
  }
  if (wanted !== undefined)
    throw new AgentsError("noAgents", `no lab '${wanted}' runs; 'ocicat lab list' shows those that do`, {});
  return [{ host: "this host", socket: OWN_SOCKET }];
}

/** The agent of one host. */
export async function agentOf(host: ProcessHost, name: string, lab?: string): Promise<AgentAddress> {
  const all = await agents(host, lab);
  const found = all.find((agent) => agent.host === name);
  if (found) return found;
  const names = all.map((agent) => agent.host).join(", ");
  throw new AgentsError("noSuchHost", `no host '${name}' here (there is: ${names})`, {});
}
