/**
 * `ocicat cni [PROGRAM]`: the CNI plugin in its portable form. Environment and standard input as a container runtime
 * gives them; PROGRAM is `calico` unless said otherwise. The executable that `ocicat cni-install` writes does the same
 * in a fiftieth of the time.
 */
import { buffer } from "node:stream/consumers";
import { callAgent } from "../adapter/cni/plugin-client.ts";
import { noAnswer } from "../cni/no-answer.ts";
import type { ProcessHost } from "./process-host.ts";

export const DEFAULT_AGENT_SOCKET = "/var/run/calico/ocicat.sock";

const HELP = `Usage: ocicat cni [calico|calico-ipam|install]

The CNI plugin in its portable form, for a container runtime to execute: CNI_* variables in the environment, the
network configuration on standard input, the result on standard output. The agent of this host does the work.

Environment:
  OCICAT_SOCKET   the agent's socket (default: ${DEFAULT_AGENT_SOCKET})
`;

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  const [program = "calico"] = args;
  if (program.startsWith("-")) {
    const isHelp = program === "--help" || program === "-h";
    (isHelp ? host.stdout : host.stderr).write(HELP);
    return isHelp ? 0 : 2;
  }
  const socketPath = host.env["OCICAT_SOCKET"] ?? DEFAULT_AGENT_SOCKET;
  const stdin = await buffer(host.stdin);
  const answer = await callAgent(socketPath, { args: [program], env: host.env, stdin });
  const { exitCode, stdout } = answer ?? noAnswer(host.env["CNI_COMMAND"], socketPath);
  host.stdout.write(stdout);
  return exitCode;
}
