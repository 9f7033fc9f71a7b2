/** get: one answer for each name, or a list. */
import type { JsonObject } from "../../base/json.ts";
import { textAt } from "../../resources/kinds/kind.ts";
import { ResourceError } from "../../resources/problems.ts";
import { type Answer, exported, type Format, printAnswers } from "../output/format.ts";
import type { ResourceClient } from "../resource-client.ts";
import { eachTarget } from "./outcome.ts";
import { inNamespace, keyOfTarget, type NamespaceOptions, type Target } from "./targets.ts";
import type { VerbDeps } from "./write-verbs.ts";

export interface GetOptions extends NamespaceOptions {
  readonly format: Format;
  readonly export?: boolean | undefined;
}

const DEFAULT_AS_NUMBER = "64512";

/** Gives the exit code. Throws FormatError for headings that the kind does not have. */
export async function get(targets: readonly Target[], options: GetOptions, { client, io }: VerbDeps): Promise<number> {
  const answers: Answer[] = [];
  const outcome = await eachTarget(targets, async (given) => {
    answers.push(await lookUp(client, inNamespace(given, options), options));
  });
  const isTable = options.format.name === "table";
  const asNumber = isTable && answers.some(({ row }) => row.kind === "Node") ? await clusterAsNumber(client) : "";
  const showNamespace = options.allNamespaces === true || options.namespace !== undefined;
  if (answers.length > 0)
    io.out(printAnswers(answers, { format: options.format, showNamespace, context: { asNumber } }));
  for (const { error } of outcome.failures) io.err(`${error.message}\n`);
  return outcome.failures.length === 0 ? 0 : 1;
}

async function lookUp(client: ResourceClient, target: Target, options: GetOptions): Promise<Answer> {
  const { row } = target;
  const key = keyOfTarget(target);
  if (key.name === "") {
    const namespace = key.namespace === "" ? undefined : key.namespace;
    return { row, objects: await client.list(row, namespace), isList: true };
  }
  if (key.namespace === "") {
    throw new ResourceError("namespace", "cannot use --all-namespace flag for getting a single resource", {
      object: row.kind,
      problems: [],
    });
  }
  const object = await client.get(row, key);
  return { row, objects: [options.export ? exported(object) : object], isList: false };
}

async function clusterAsNumber(client: ResourceClient): Promise<string> {
  const stored = await client.store.get({ kind: "BGPConfiguration", name: "default" });
  const spec = (stored?.value["spec"] ?? {}) as JsonObject;
  const own = spec["asNumber"];
  return own === undefined ? DEFAULT_AS_NUMBER : textAt(spec, "asNumber") || String(own);
}
