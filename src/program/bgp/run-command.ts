/** `ocicat bgp run`: its command line. */
import { Command } from "commander";
import { dieWithParent } from "../die-with-parent.ts";
import type { ProcessHost } from "../process-host.ts";
import type { RunOptions } from "./run-bgp.ts";

export const runCommand = (host: ProcessHost, choose: (work: () => Promise<number>) => void): Command =>
  new Command("run")
    .description(
      "Runs a BGP router until it is told to stop. SIGHUP: reads the file again; sessions that are the same stay.",
    )
    .requiredOption("--config <file>", "what the router is, YAML or JSON")
    .option("-v, --verbose", "log every change of a session's state")
    .addHelpText(
      "after",
      `
When it runs, it prints one line of JSON on standard output: the ports that it listens on.

Example of a file; only as and routerId must be there, and address and as of each neighbour:
  as: 64512
  routerId: 10.0.0.1
  listen: { port: 179, addresses: [10.0.0.1] }   # left out: every address; false: it only dials
  kernel: true                  # learned routes go into the main table, with protocol bgp (186)
  maxPaths: 4                   # next hops used beside each other
  holdTime: 90
  announce: [192.168.0.0/24, "fd00:1::/64"]
  nextHops: { ipv6: "fd00::1" } # our address for IPv6 routes over sessions that run over IPv4
  neighbours:
    - address: 10.0.0.2
      as: 64512
      role: client              # this router reflects to it (RFC 4456); else peer
      gracefulRestart: 120      # seconds that it shall keep our routes while we are away
    - address: 10.1.0.1
      as: 65001
      passive: true             # it dials us
      password: secret          # TCP MD5
      ttlSecurity: 1            # at most one hop away (RFC 5082)
      holdTime: 30
      maxPrefixes: 10000

More fields of a neighbour: name, port, families, localAs, localAddress, keepalive, connectRetry, nextHop, allowOwnAs.

Examples:
  ocicat bgp run --config router.yaml
  kill -HUP PID                 (reads the file again)
  ip route show proto bgp       (what was learned)`,
    )
    .action((options: RunOptions) =>
      choose(async () => {
        dieWithParent(host);
        return (await import("./run-bgp.ts")).runBgp(options, host);
      }),
    );
