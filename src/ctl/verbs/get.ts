/** get: one answer for each name, or a list. What cannot be read is told in a line of its own and keeps nothing else back. */
import type { JsonObject } from "../../base/json.ts";
import type { Unreadable } from "../../port/store.ts";
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
  const unreadable: Unreadable[] = [];
  const outcome = await eachTarget(targets, async (given) => {
    const found = await lookUp(client, inNamespace(given, options), options);
    answers.push(found.answer);
    unreadable.push(...found.unreadable);
  });
  const isTable = options.format.name === "table";
  const asNumber = isTable && answers.some(({ row }) => row.kind === "Node") ? await clusterAsNumber(client) : "";
  const showNamespace = options.allNamespaces === true || options.namespace !== undefined;
  if (answers.length > 0)
    io.out(printAnswers(answers, { format: options.format, showNamespace, context: { asNumber } }));
  const errors = [...unreadable.map(({ why }) => why), ...outcome.failures.map(({ error }) => error.message)];
  for (const error of errors) io.err(`${error}\n`);
  return errors.length === 0 ? 0 : 1;
}

interface Found {
  readonly answer: Answer;
  readonly unreadable: readonly Unreadable[];
}

async function lookUp(client: ResourceClient, target: Target, options: GetOptions): Promise<Found> {
  const { row } = target;
  const key = keyOfTarget(target);
  if (key.name === "") {
    const namespace = key.namespace === "" ? undefined : key.namespace;
    const { objects, unreadable } = await client.list(row, namespace);
    return { answer: { row, objects, isList: true }, unreadable };
  }
  if (key.namespace === "") {
    throw new ResourceError("namespace", "cannot use --all-namespace flag for getting a single resource", {
      object: row.kind,
      problems: [],
    });
  }
  const object = await client.get(row, key);
  return { answer: { row, objects: [options.export ? exported(object) : object], isList: false }, unreadable: [] };
}

async function clusterAsNumber(client: ResourceClient): Promise<string> {
  const stored = await client.store.get({ kind: "BGPConfiguration", name: "default" });
  const spec = (stored?.value["spec"] ?? {}) as JsonObject;
  const own = spec["asNumber"];
  return own === undefined ? DEFAULT_AS_NUMBER : textAt(spec, "asNumber") || String(own);
}
