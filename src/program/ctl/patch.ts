/** `ocicat patch`. */
import { Command, Option } from "commander";
import { patch } from "../../ctl/verbs/patch.ts";
import type { ProcessHost } from "../process-host.ts";
import { runOnSubject, type SubjectOptions, withSubject } from "./selection.ts";
import { realWorld } from "./session.ts";

type Options = SubjectOptions & { readonly patch: string };

export async function main(args: readonly string[], host: ProcessHost, world = realWorld()): Promise<number> {
  const command = withSubject(new Command("ocicat patch").description("Changes some fields of one object in place."))
    .requiredOption("-p, --patch <json>", "the fields to change, as JSON or YAML; null removes one")
    .addOption(
      new Option("-t, --type <type>", "as calicoctl takes it; the patch is always merged strategically")
        .choices(["strategic", "merge", "json"])
        .default("strategic"),
    )
    .addHelpText(
      "after",
      `
Examples:
  ocicat patch ippool default-ipv4-ippool -p '{"spec":{"ipipMode":"Never","vxlanMode":"CrossSubnet"}}'
  ocicat patch node worker-1 -p '{"spec":{"bgp":{"asNumber":64513}}}'`,
    );
  return await runOnSubject<Options>(
    command,
    { args, host, world },
    (options) => (target, _subject, deps) => patch(target, options.patch, options, deps),
  );
}
