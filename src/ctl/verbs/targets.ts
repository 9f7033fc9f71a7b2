/**
 * What a command is about: objects from files, or a kind and names from the command line; and the namespace that each
 * is in. Texts: `calicoctl/commands/common/resources.go`.
 */
import { CodedError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { formatJson } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import type { ObjectKey, Store } from "../../port/store.ts";
import { decodeResources, type Origin, unknownFieldsError } from "../../resources/input/decode.ts";
import { calicoKinds } from "../../resources/kind-names.ts";
import { at, type KindRow, objectAt, textAt } from "../../resources/kinds/kind.ts";
import { type FieldProblem, ResourceError } from "../../resources/problems.ts";
import { kindRows, rowOfAlias } from "../../resources/registry.ts";
import { keyOf } from "../resource-client.ts";
import { kubernetesHint } from "./kubernetes-kinds.ts";

/** A text that was read: a file's, or the standard input's. */
export interface InputText {
  /** For messages: the path as given, `standard input` for `-`. */
  readonly name: string;
  readonly text: string;
}

export interface InputTexts {
  readonly texts: readonly InputText[];
  /** The folder, where `-f` named one. */
  readonly folder?: string | undefined;
}

export interface NamespaceOptions {
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
}

export interface Target {
  readonly row: KindRow;
  readonly object: JsonObject;
  readonly brokenRules: readonly FieldProblem[];
  readonly unknownFields: readonly FieldProblem[];
  /** Where it was read; undefined for targets from the command line. */
  readonly origin: Origin | undefined;
}

/** The command as a whole is refused. */
export class CommandError extends CodedError<"kind" | "name" | "empty" | "options", { given: string }> {}

/** Objects of all texts, in order. Throws InputError; CommandError `empty` unless `skipEmpty`. */
export function targetsOfTexts({ texts, folder }: InputTexts, skipEmpty: boolean): Target[] {
  const targets = texts.flatMap(({ name, text }): Target[] => {
    const resources = decodeResources(text, name);
    if (resources.length === 0 && !skipEmpty) throw empty(`no resources specified in file ${name}`, name);
    return resources;
  });
  if (targets.length === 0 && !skipEmpty)
    throw empty(`no resources specified in directory ${folder ?? ""}`, folder ?? "");
  return targets;
}

const empty = (message: string, given: string): CommandError => new CommandError("empty", message, { given });

/** The kind and names of the command line; no names means all objects of the kind. Throws CommandError. */
export function targetsOfNames(kind: string, names: readonly string[]): Target[] {
  const row = rowOfAlias(kind);
  if (!row) {
    const hint = kubernetesHint(kind) ?? meantKind(kind);
    const line = hint === undefined ? "" : `\n  ${hint}`;
    throw new CommandError("kind", `resource type '${kind}' is not supported${line}`, { given: kind });
  }
  if (names.includes("")) throw new CommandError("name", "resource name may not be empty", { given: kind });
  return (names.length === 0 ? [""] : names).map((name) => ({
    row,
    object: { kind: row.kind, metadata: { name } },
    brokenRules: [],
    unknownFields: [],
    origin: undefined,
  }));
}

/** An abbreviation is no suggestion: any short word is near to one of them. */
const LONGEST_ABBREVIATION = 5;

function meantKind(typed: string): string | undefined {
  const aliases = Object.values(kindRows).flatMap((row) => row.aliases);
  const meant = nearest(typed, [
    ...Object.keys(kindRows),
    ...aliases.filter(({ length }) => length > LONGEST_ABBREVIATION),
  ]);
  return meant === undefined ? undefined : `did you mean '${meant.toLowerCase()}'?`;
}

/** The target in the namespace that it belongs to; none with `allNamespaces`. Throws ResourceError `namespace`. */
export function inNamespace(target: Target, { namespace, allNamespaces = false }: NamespaceOptions): Target {
  const { row, object } = target;
  const own = textAt(object, "metadata", "namespace");
  const refuse = (message: string) => new ResourceError("namespace", message, { object: row.kind, problems: [] });
  if (!calicoKinds[row.kind].namespaced) {
    if (own !== "") {
      throw refuse(
        `namespace should not be specified for a non-namespaced resource. ${row.kind} is not a namespaced resource`,
      );
    }
    if (allNamespaces || namespace !== undefined) throw refuse(`${row.kind} is not namespaced`);
    return target;
  }
  if (allNamespaces && namespace !== undefined)
    throw refuse("cannot use both --namespace and --all-namespaces flags at the same time");
  if (own !== "" && namespace !== undefined && own !== namespace)
    throw refuse(`resource namespace does not match client namespace. ${own} != ${namespace}`);
  const chosen = allNamespaces ? "" : own || (namespace ?? "default");
  return { ...target, object: { ...object, metadata: { ...objectAt(object, "metadata"), namespace: chosen } } };
}

export const keyOfTarget = ({ row, object }: Target): ObjectKey => keyOf(row, object);

/**
 * Fields that the kind does not have are refused, unless the stored object has the same: then a newer version wrote
 * them, and what was read is written back. Throws InputError.
 */
export async function refuseUnknownFields(targets: readonly Target[], store: Store | undefined): Promise<void> {
  for (const target of targets) {
    const { unknownFields, origin, object } = target;
    if (unknownFields.length === 0) continue;
    const key = keyOfTarget(inNamespace(target, {}));
    const stored = key.name === "" ? undefined : await store?.get(key);
    const foreign = unknownFields.filter(({ path }) => {
      const was = stored && at(stored.value, ...path);
      return was === undefined || formatJson(was) !== formatJson(at(object, ...path));
    });
    if (foreign.length === 0) continue;
    const place = origin ?? { file: "patch", document: 1, lineOf: () => 1 };
    throw unknownFieldsError(place, foreign);
  }
}
