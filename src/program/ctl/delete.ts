/** `ocicat delete`. */
import { Command } from "commander";
import { deleteTargets } from "../../ctl/verbs/delete.ts";
import { parseCommandLine } from "../command-line.ts";
import type { ProcessHost } from "../process-host.ts";
import { type SelectionOptions, selectedTargets, withSelection } from "./selection.ts";
import { guarded, realWorld, withClient } from "./session.ts";

type Options = SelectionOptions & { readonly skipNotExists?: boolean; readonly force?: boolean };

export async function main(args: readonly string[], host: ProcessHost, world = realWorld()): Promise<number> {
  const command = new Command("ocicat delete")
    .description("Deletes objects by kind and name, or those that a file names.")
    .option("-s, --skip-not-exists", "objects that are gone already are no error")
    .option("--force", "also a pool from which addresses are assigned; their pods keep them without a pool");
  withSelection(command);
  command.addHelpText(
    "after",
    `
A pool is first disabled, then its blocks are given up, then it is deleted. With a node go its pods' addresses and
endpoints, its blocks and its own configurations.

Examples:
  ocicat delete ippool old-pool
  ocicat delete -f pool.yaml`,
  );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const [kind, ...names] = command.args;
  const options = command.opts<Options>();
  const isByName = kind !== undefined && names.length > 0;
  if (isByName === (options.filename !== undefined) || (kind !== undefined && names.length === 0)) {
    host.stderr.write("ocicat delete: name a kind and what to delete of it, or a file with -f\n");
    return 2;
  }
  return await guarded(host, async () => {
    const targets = await selectedTargets(host, options, command.args);
    const session = { host, world, options, writes: false };
    return await withClient(session, (deps) => deleteTargets(targets, options, deps));
  });
}
