/** `ocicat label`. */
import { Command } from "commander";
import { label, parseLabel } from "../../ctl/verbs/label.ts";
import { targetsOfNames } from "../../ctl/verbs/targets.ts";
import { parseCommandLine } from "../command-line.ts";
import type { ProcessHost } from "../process-host.ts";
import {
  guarded,
  type NamespaceOption,
  realWorld,
  type StoreOptions,
  withClient,
  withNamespaceOption,
  withStoreOptions,
} from "./session.ts";

type Options = NamespaceOption & StoreOptions & { readonly overwrite?: boolean; readonly remove?: boolean };

export async function main(args: readonly string[], host: ProcessHost, world = realWorld()): Promise<number> {
  const command = new Command("ocicat label")
    .description("Sets or removes a label of one object.")
    .argument("<KIND>", "kind, plural or alias, in any case")
    .argument("<NAME>")
    .argument("<KEY=VALUE>", "the label; with --remove the key alone")
    .option("--overwrite", "also where the label has another value")
    .option("--remove", "remove the label");
  withStoreOptions(withNamespaceOption(command));
  command.addHelpText(
    "after",
    `
Examples:
  ocicat label nodes worker-1 rack=a
  ocicat label nodes worker-1 rack=b --overwrite
  ocicat label nodes worker-1 rack --remove`,
  );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const [kind = "", name = "", text = ""] = command.args;
  const options = command.opts<Options>();
  return await guarded(host, async () => {
    const change = parseLabel(text, { remove: options.remove === true, overwrite: options.overwrite === true });
    const [target] = targetsOfNames(kind, [name]);
    const session = { host, world, options, writes: false };
    const subject = { kind, name };
    return await withClient(session, async (deps) =>
      target ? await label(target, subject, change, options, deps) : 1,
    );
  });
}
