/** `ocicat node`: the agent of this host, its probes, and what it shows. */
import { Command } from "commander";
import { parseCommandLine } from "./command-line.ts";
import { isProbe, probe, probeFlags } from "./node/probes.ts";
import { runNode } from "./node/run-node.ts";
import type { ProcessHost } from "./process-host.ts";

interface Options {
  readonly root: string;
  readonly acceptStore?: true;
}

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  // Calico's probe flags are long with one dash, which an option parser takes for something else.
  if (isProbe(args)) return probe(args, host);
  if (args[0] === "show") return (await import("./node-show.ts")).main(args.slice(1), host);
  if (args[0] === "status") return (await import("./node-status.ts")).main(args.slice(1), host);
  const command = new Command("ocicat node")
    .description(
      "Runs the agent of this host: addresses, routes, tunnels, outgoing NAT, the CNI socket, health, metrics.",
    )
    .option("--root <folder>", "where /etc/calico, /var/lib/calico and /var/run/calico are", "/")
    .option("--accept-store", "take the store as it is, even when it does not continue what this host last applied")
    .addHelpText(
      "after",
      `
Settings come from the environment, as calico-node's: NODENAME, IP, IP_AUTODETECTION_METHOD, CALICO_NETWORKING_BACKEND,
CALICO_IPV4POOL_CIDR, CALICO_IPV4POOL_IPIP, CALICO_IPV4POOL_VXLAN, FELIX_…, ETCD_ENDPOINTS, DATASTORE_TYPE.

Other calls:
  ocicat node show [HOST] [-o json]        what the agent knows
  ocicat node status [HOST] [-o json]      its BGP sessions
  ocicat node PROBE...                     probes, exit code 0 or 1:
    ${probeFlags.join(" ")}

Examples:
  ETCD_ENDPOINTS=http://10.30.0.136:2379 CALICO_IPV4POOL_IPIP=Always ocicat node
  ETCD_ENDPOINTS=http://10.30.0.136:2379 CALICO_NETWORKING_BACKEND=vxlan CALICO_IPV4POOL_VXLAN=Always ocicat node
  ocicat node --root /srv/host-1`,
    );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const { root, acceptStore = false } = command.opts<Options>();
  return runNode(host, { root, acceptStore });
}
