/** `ocicat get`. */
import { Command, Option } from "commander";
import { parseFormat } from "../../ctl/output/format.ts";
import { get } from "../../ctl/verbs/get.ts";
import { kindRows } from "../../resources/registry.ts";
import { parseCommandLine } from "../command-line.ts";
import type { ProcessHost } from "../process-host.ts";
import { type SelectionOptions, selectedTargets, withSelection } from "./selection.ts";
import { guarded, realWorld, withClient } from "./session.ts";

type Options = SelectionOptions & {
  readonly output: string;
  readonly allNamespaces?: boolean;
  readonly a?: boolean;
  readonly export?: boolean;
};

export async function main(args: readonly string[], host: ProcessHost, world = realWorld()): Promise<number> {
  const command = new Command("ocicat get")
    .description("Shows objects: all of a kind, some by name, or those that a file names.")
    .option("-o, --output <format>", "ps, wide, yaml, json, name, custom-columns=A,B", "ps")
    .option("-A, --all-namespaces", "from all namespaces")
    .addOption(new Option("-a").hideHelp())
    .option("--export", "without what belongs to this cluster alone");
  withSelection(command);
  command.addHelpText(
    "after",
    `
Kinds: ${Object.keys(kindRows).join(", ")}

Examples:
  ocicat get ippool
  ocicat get nodes -o wide
  ocicat get workloadendpoints -A
  ocicat get ippool default-ipv4-ippool -o yaml > pool.yaml`,
  );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const [kind] = command.args;
  const given = command.opts<Options>();
  const options = { ...given, allNamespaces: given.allNamespaces === true || given.a === true };
  if ((kind === undefined) === (options.filename === undefined)) {
    host.stderr.write("ocicat get: name a kind, or a file with -f\n");
    return 2;
  }
  return await guarded(
    host,
    async () => {
      const format = parseFormat(options.output);
      const targets = await selectedTargets(host, options, command.args);
      const session = { host, world, options, writes: false };
      return await withClient(session, (deps) => get(targets, { ...options, format }, deps));
    },
    "failed to get resources: ",
  );
}
