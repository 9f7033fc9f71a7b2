/** label: set, change or remove one label. Texts: `calicoctl/commands/label.go`. */
import type { JsonObject } from "../../base/json.ts";
import { checkObject } from "../../resources/check.ts";
import { objectAt } from "../../resources/kinds/kind.ts";
import { ResourceError } from "../../resources/problems.ts";
import { remedies } from "./outcome.ts";
import { CommandError, inNamespace, keyOfTarget, type NamespaceOptions, type Target } from "./targets.ts";
import type { VerbDeps } from "./write-verbs.ts";

export type LabelChange =
  | { readonly op: "set"; readonly key: string; readonly value: string; readonly overwrite: boolean }
  | { readonly op: "remove"; readonly key: string };

/** `key=value`, or a bare key with `--remove`. Throws CommandError. */
export function parseLabel(text: string, options: { remove: boolean; overwrite: boolean }): LabelChange {
  if (options.remove && options.overwrite)
    throw new CommandError("options", "--remove and --overwrite exclude each other", { given: text });
  if (options.remove) {
    if (!text.includes("=")) return { op: "remove", key: text };
    throw new CommandError("options", `--remove takes the key alone: write '${text.split("=")[0]}'`, { given: text });
  }
  const [key, value, ...rest] = text.split("=");
  if (!key || value === undefined || rest.length > 0)
    throw new CommandError("options", `invalid label ${text}; write KEY=VALUE`, { given: text });
  return { op: "set", key, value, overwrite: options.overwrite };
}

/** `kind` and `name` as the user wrote them, for the messages. Gives the exit code. */
export async function label(
  given: Target,
  subject: { readonly kind: string; readonly name: string },
  change: LabelChange,
  options: NamespaceOptions,
  { client, io }: VerbDeps,
): Promise<number> {
  const what = `${subject.kind} ${subject.name}`;
  const target = inNamespace(given, options);
  const fail = (text: string): number => {
    io.err(`${text}\n`);
    return 1;
  };
  let was: JsonObject;
  try {
    was = await client.get(target.row, keyOfTarget(target));
  } catch (error) {
    if (error instanceof ResourceError && error.code === "notFound") return fail(`${what} not found`);
    throw error;
  }
  const labels = objectAt(was, "metadata", "labels");
  const has = Object.hasOwn(labels, change.key);
  if (change.op === "remove" && !has) return fail(`cannot remove label of ${what}, key ${change.key} does not exist`);
  if (change.op === "set" && has && !change.overwrite && labels[change.key] !== change.value) {
    return fail(
      `failed to update label of ${what}, key ${change.key} is already present. please use '--overwrite' to set a new value`,
    );
  }
  const { [change.key]: _, ...others } = labels;
  const next = change.op === "set" ? { ...others, [change.key]: change.value } : others;
  const object = { ...was, metadata: { ...objectAt(was, "metadata"), labels: next } };
  try {
    await client.update({ ...target, ...checkObject(target.row, object) });
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error;
    return fail(
      `failed to update ${what}, label not changed\n  ${error.message}\n${remedies([{ target, error }])}`.trimEnd(),
    );
  }
  if (change.op === "remove") io.out(`Successfully removed label ${change.key} from ${what}\n`);
  else io.out(`Successfully ${has ? "updated" : "set"} label ${change.key} on ${what}\n`);
  return 0;
}
