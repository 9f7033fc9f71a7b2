/** `ocicat bgp`: what agents know of BGP, and a BGP router without a cluster. */
import { Command, Option } from "commander";
import { hostOption, type ShowOptions, showCommand } from "./bgp/ask.ts";
import type { LogOptions } from "./bgp/log.ts";
import type { RenderOptions } from "./bgp/render.ts";
import { runCommand } from "./bgp/run-command.ts";
import type { RoutesOptions } from "./bgp/show.ts";
import { parseCommandLine } from "./command-line.ts";
import type { ProcessHost } from "./process-host.ts";

const HOSTS = "hosts of the lab (default: this host, or every host of the lab)";
const PEER = "a session by its name, by the peer's address, or by the peer's node";

export async function main(args: readonly string[], host: ProcessHost): Promise<number> {
  let chosen: (() => Promise<number>) | undefined;
  const choose = (work: () => Promise<number>): void => {
    chosen = work;
  };
  const command = new Command("ocicat bgp").description(
    "BGP: sessions, routes and what decided over them, messages as they pass; and a router without a cluster.",
  );
  for (const each of [
    peers(host, choose),
    routes(host, choose),
    why(host, choose),
    explain(host, choose),
    log(host, choose),
    render(host, choose),
    runCommand(host, choose),
  ])
    command.addCommand(each);
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  return chosen ? chosen() : 0;
}

type Choose = (work: () => Promise<number>) => void;

const peers = (host: ProcessHost, choose: Choose): Command =>
  showCommand("peers")
    .description("Shows the sessions: with whom, in which state, how many prefixes, and what keeps them down.")
    .argument("[HOST...]", HOSTS)
    .addHelpText("after", "\nExamples:\n  ocicat bgp peers\n  ocicat bgp peers worker-1 -o wide")
    .action((names: string[], options: ShowOptions) =>
      choose(async () => (await import("./bgp/show.ts")).showPeers(host, names, options)),
    );

const routes = (host: ProcessHost, choose: Choose): Command =>
  showCommand("routes")
    .description(
      "Shows the routes that the speaker knows and what became of each; with --peer those that a peer has told, or is told.",
    )
    .argument("[PREFIX]", "only routes to it and to what lies in it")
    .argument("[DIRECTION]", "with --peer: received (default) or advertised")
    .addOption(hostOption)
    .option("--peer <peer>", PEER)
    .addHelpText(
      "after",
      "\nExamples:\n  ocicat bgp routes\n  ocicat bgp routes 192.168.0.0/16 --host worker-1\n  ocicat bgp routes --peer 10.30.0.56 advertised",
    )
    .action((first: string | undefined, second: string | undefined, options: RoutesOptions) => {
      const words = [first, second].filter((word) => word !== undefined);
      choose(async () => (await import("./bgp/show.ts")).showRoutes(host, words, options));
    });

const why = (host: ProcessHost, choose: Choose): Command =>
  showCommand("why")
    .description(
      "Tells the whole story of a prefix or address: who told of it, which rule chose, what the kernel was told.",
    )
    .argument("<PREFIX>", "a CIDR, or an address: the longest prefix that covers it")
    .addOption(hostOption)
    .option("--peer <peer>", `also whether it is told to this peer, and why not; ${PEER}`)
    .addHelpText(
      "after",
      "\nExamples:\n  ocicat bgp why 192.168.97.192/26\n  ocicat bgp why 192.168.97.193 --host worker-1 --peer worker-2",
    )
    .action((prefix: string, options: RoutesOptions) =>
      choose(async () => (await import("./bgp/show.ts")).showWhy(host, prefix, options)),
    );

const explain = (host: ProcessHost, choose: Choose): Command =>
  showCommand("explain")
    .description("Explains a session: its state, what either side said last, what keeps it down, and what mends that.")
    .argument("<PEER>", PEER)
    .addOption(hostOption)
    .addHelpText("after", "\nExamples:\n  ocicat bgp explain 10.30.0.56\n  ocicat bgp explain worker-2 --host worker-1")
    .action((peer: string, options: ShowOptions) =>
      choose(async () => (await import("./bgp/show.ts")).showExplanation(host, peer, options)),
    );

const render = (host: ProcessHost, choose: Choose): Command =>
  new Command("render")
    .description(
      "Writes what this node's speaker is configured with as a bird.conf: BIRD 2 in its place does the same.",
    )
    .argument("[HOST]", "a host of the lab (default: this host)")
    .option("--lab <name>", "the lab to act on, when several run")
    .option("--with-passwords", "TCP MD5 passwords as they are; without, a word stands in their place")
    .addHelpText("after", "\nExamples:\n  ocicat bgp render > bird.conf\n  ocicat bgp render worker-1 --with-passwords")
    .action((name: string | undefined, options: RenderOptions) =>
      choose(async () => (await import("./bgp/render.ts")).renderBird(host, name, options)),
    );

const log = (host: ProcessHost, choose: Choose): Command =>
  new Command("log")
    .description("Shows BGP messages as they pass, decoded, until it is ended with Ctrl-C.")
    .argument("[HOST...]", HOSTS)
    .option("--lab <name>", "the lab to act on, when several run")
    .option("--peer <peer>", PEER)
    .addOption(new Option("-o, --output <format>", "json: one object a line").choices(["json"]))
    .addHelpText("after", "\nExamples:\n  ocicat bgp log worker-1\n  ocicat bgp log --peer 10.30.0.56 -o json")
    .action((names: string[], options: LogOptions) =>
      choose(async () => (await import("./bgp/log.ts")).watchLog(host, names, options)),
    );
