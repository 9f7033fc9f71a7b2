/** `ocicat label`. */
import { Command } from "commander";
import { label, parseLabel } from "../../ctl/verbs/label.ts";
import type { ProcessHost } from "../process-host.ts";
import { runOnSubject, type SubjectOptions, withSubject } from "./selection.ts";
import { realWorld } from "./session.ts";

type Options = SubjectOptions & { readonly overwrite?: boolean; readonly remove?: boolean };

export async function main(args: readonly string[], host: ProcessHost, world = realWorld()): Promise<number> {
  const command = withSubject(new Command("ocicat label").description("Sets or removes a label of one object."))
    .argument("<KEY=VALUE>", "the label; with --remove the key alone")
    .option("--overwrite", "also where the label has another value")
    .option("--remove", "remove the label")
    .addHelpText(
      "after",
      `
Examples:
  ocicat label nodes worker-1 rack=a
  ocicat label nodes worker-1 rack=b --overwrite
  ocicat label nodes worker-1 rack --remove`,
    );
  return await runOnSubject<Options>(command, { args, host, world }, (options, [text = ""]) => {
    const change = parseLabel(text, { remove: options.remove === true, overwrite: options.overwrite === true });
    return (target, subject, deps) => label(target, subject, change, options, deps);
  });
}
