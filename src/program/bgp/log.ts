/** `ocicat bgp log`: what sessions say, message by message, until the user has seen enough. */
import { agentLines } from "../../adapter/agent-client.ts";
import { formatJson } from "../../base/json.ts";
import type { AgentAddress } from "../agents.ts";
import type { LogLine } from "../node/bgp-api.ts";
import type { ProcessHost } from "../process-host.ts";
import { agentsAsked } from "./ask.ts";

export interface LogOptions {
  readonly lab?: string;
  readonly peer?: string;
  readonly output?: "json";
}

type Told = LogLine | { readonly left: number };

/** Resolves when an agent ends, or with a signal. */
export async function watchLog(host: ProcessHost, names: readonly string[], options: LogOptions): Promise<number> {
  const { lab, peer } = options;
  const agents = await agentsAsked(host, { names, lab, peer });
  const query = new URLSearchParams(peer === undefined ? {} : { peer });
  const stopped = new Promise<void>((resolve) => {
    host.onSignal("SIGINT", resolve);
    host.onSignal("SIGTERM", resolve);
  });
  const begin = async (agent: AgentAddress) => ({
    name: agent.host,
    lines: await agentLines(agent, `/v1/bgp/log?${query}`),
  });
  const follow = async ({ name, lines }: Awaited<ReturnType<typeof begin>>): Promise<void> => {
    for await (const line of lines) {
      const told = line as unknown as Told;
      const text = options.output === "json" ? formatJson({ host: name, ...told }) : textOf(told);
      host.stdout.write(agents.length > 1 && options.output === undefined ? `${name} ${text}\n` : `${text}\n`);
    }
  };
  const listen = async (): Promise<void> => {
    const begun = await Promise.all(agents.map(begin));
    host.stderr.write("ocicat: listening; end with Ctrl-C\n");
    await Promise.all(begun.map(follow));
  };
  await Promise.race([stopped, listen()]);
  return 0;
}

function textOf(told: Told): string {
  if ("left" in told) return `… ${told.left} messages were left out: this terminal is slower than the sessions`;
  const { at, session, direction, text } = told;
  return `${at.slice(11, 23)} ${session} ${direction === "received" ? "<" : ">"} ${text}`;
}
