/** `ocicat patch`. */
import { Command, Option } from "commander";
import { patch } from "../../ctl/verbs/patch.ts";
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

type Options = NamespaceOption & StoreOptions & { readonly patch: string };

export async function main(args: readonly string[], host: ProcessHost, world = realWorld()): Promise<number> {
  const command = new Command("ocicat patch")
    .description("Changes some fields of one object in place.")
    .argument("<KIND>", "kind, plural or alias, in any case")
    .argument("<NAME>")
    .requiredOption("-p, --patch <json>", "the fields to change, as JSON or YAML; null removes one")
    .addOption(
      new Option("-t, --type <type>", "as calicoctl takes it; the patch is always merged strategically")
        .choices(["strategic", "merge", "json"])
        .default("strategic"),
    );
  withStoreOptions(withNamespaceOption(command));
  command.addHelpText(
    "after",
    `
Examples:
  ocicat patch ippool default-ipv4-ippool -p '{"spec":{"vxlanMode":"CrossSubnet"}}'
  ocicat patch node worker-1 -p '{"spec":{"bgp":{"asNumber":64513}}}'`,
  );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const [kind = "", name = ""] = command.args;
  const options = command.opts<Options>();
  return await guarded(host, async () => {
    const [target] = targetsOfNames(kind, [name]);
    const session = { host, world, options, writes: false };
    return await withClient(session, async (deps) => (target ? await patch(target, options.patch, options, deps) : 1));
  });
}
