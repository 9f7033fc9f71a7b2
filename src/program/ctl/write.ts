/** `ocicat create`, `apply`, `replace` and `validate`. */
import { Command } from "commander";
import { apply, create, replace, validate } from "../../ctl/verbs/write-verbs.ts";
import { parseCommandLine } from "../command-line.ts";
import type { Program } from "../commands.ts";
import type { ProcessHost } from "../process-host.ts";
import {
  type FileOptions,
  fileTargets,
  guarded,
  ioOf,
  type NamespaceOption,
  realWorld,
  type StoreOptions,
  type World,
  withClient,
  withFileOptions,
  withNamespaceOption,
  withStoreOptions,
} from "./session.ts";

type Options = FileOptions & NamespaceOption & StoreOptions & { readonly skipExists?: boolean };

const descriptions = {
  create: "Creates the objects of a file, a folder or standard input.",
  apply: "Creates the objects of a file, a folder or standard input, and replaces those that are there.",
  replace: "Replaces objects that are there by those of a file, a folder or standard input.",
  validate: "Checks the objects of a file, a folder or standard input; the store is not asked.",
} as const;

const storeVerbs = { create, apply, replace } as const;

export type WriteVerb = keyof typeof descriptions;

const afterwards = `
A change takes the whole object: fields that the file leaves out are gone, but metadata other than labels and
annotations is kept. A resourceVersion in the file must be that of the stored object; without one, the file wins.`;

/** The program of one verb. */
export function writeProgram(verb: WriteVerb, world: World = realWorld()): Program {
  return { main: (args, host) => main(verb, args, host, world) };
}

async function main(verb: WriteVerb, args: readonly string[], host: ProcessHost, world: World): Promise<number> {
  const command = withNamespaceOption(withFileOptions(new Command(`ocicat ${verb}`).description(descriptions[verb])));
  if (verb === "create") command.option("--skip-exists", "objects that are there already are no error");
  if (verb !== "validate") withStoreOptions(command);
  command.addHelpText(
    "after",
    `${verb === "apply" || verb === "replace" ? afterwards : ""}
Examples:
  ocicat ${verb} -f pool.yaml
  ocicat ${verb} -R -f manifests/
  ocicat get ippool default-ipv4-ippool -o yaml | sed s/Always/CrossSubnet/ | ocicat ${verb} -f -`,
  );
  const ended = await parseCommandLine(command, args, host);
  if (ended !== undefined) return ended;
  const options = command.opts<Options>();
  if (options.filename === undefined) {
    host.stderr.write(`ocicat ${verb}: name a file with -f; - stands for standard input\n`);
    return 2;
  }
  return await guarded(host, async () => {
    const targets = await fileTargets(host, options);
    if (verb === "validate") return await validate(targets, options, ioOf(host));
    const session = { host, world, options, writes: true };
    return await withClient(session, (deps) => storeVerbs[verb](targets, options, deps));
  });
}
