/** `ocicat version`, in calicoctl's lines. */
import fs from "node:fs";
import path from "node:path";
import { Command } from "commander";
import { CALICO_VERSION } from "../../base/version.ts";
import { clientText, clusterText, clusterVersion } from "../../ctl/cluster-version.ts";
import { CommandError } from "../../ctl/verbs/targets.ts";
import { goNanoseconds } from "../../resources/schema/go-duration.ts";
import { parseCommandLine } from "../command-line.ts";
import type { ProcessHost } from "../process-host.ts";
import { guarded, realWorld, type StoreOptions, type World, withClient, withStoreOptions } from "./session.ts";

interface Options extends StoreOptions {
  readonly client?: boolean;
  readonly poll?: string;
}

export async function main(args: readonly string[], host: ProcessHost, world = realWorld()): Promise<number> {
  const command = new Command("ocicat version")
    .description("Shows the version of this program and of the cluster.")
    .option("--client", "of this program alone")
    .option("--poll <interval>", "go on, and show the cluster's version whenever it changes (such as 10s)");
  withStoreOptions(command).addHelpText(
    "after",
    `
The client version is that of the Calico release whose commands, objects and messages this program follows; calicoctl
of the same release takes the cluster for its own. What stands behind the dash is this program's own version.

Examples:
  ocicat version
  ocicat version --client`,
  );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const options = { ...command.opts<Options>(), allowVersionMismatch: true };
  host.stdout.write(clientText(CALICO_VERSION, gitCommit()));
  if (options.client) return 0;
  return await guarded(host, () => runVersion(options, host, world));
}

async function runVersion(options: Options, host: ProcessHost, world: World): Promise<number> {
  const intervalMs = options.poll === undefined ? undefined : pollInterval(options.poll);
  let isOver = intervalMs === undefined;
  host.onSignal("SIGINT", () => {
    isOver = true;
  });
  let shown = "";
  do {
    await withClient({ host, world, options, writes: false }, async ({ client, io }) => {
      const text = clusterText(await clusterVersion(client.store));
      if (text !== shown) io.out(text);
      shown = text;
      return 0;
    });
    if (!isOver) await new Promise<void>((resolve) => void world.clock.after(intervalMs ?? 0, resolve));
  } while (!isOver);
  return 0;
}

function pollInterval(text: string): number {
  const nanoseconds = goNanoseconds(text);
  if (nanoseconds !== undefined && nanoseconds > 0n) return Number(nanoseconds / 1_000_000n);
  throw new CommandError("options", `--poll: '${text}' is no duration; write 10s or 1m`, { given: text });
}

/** The commit of a checkout; `unknown` where there is none. */
function gitCommit(): string {
  const git = path.join(import.meta.dirname, "../../../.git");
  try {
    const head = fs.readFileSync(path.join(git, "HEAD"), "utf8").trim();
    const reference = /^ref: (.+)$/.exec(head)?.[1];
    const commit = reference === undefined ? head : fs.readFileSync(path.join(git, reference), "utf8").trim();
    return commit.slice(0, 12);
  } catch {
    return "unknown";
  }
}
