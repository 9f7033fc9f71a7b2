/**
 * Documents to resources: lists unfolded, kinds found, each object checked. Refusals name file, document, line and
 * field, in Calico's words first.
 */
import type { Json, JsonObject } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import { checkObject, isPlainObject } from "../check.ts";
import type { KindRow } from "../kinds/kind.ts";
import { type FieldPath, type FieldProblem, pathText, valueText } from "../problems.ts";
import { API_VERSION, kindRows, rowOfKind } from "../registry.ts";
import { InputError, parseYaml } from "./yaml.ts";

/** Where an object was read: for messages about its fields. */
export interface Origin {
  readonly file: string;
  readonly document: number;
  /** `path` from the top of the object. */
  lineOf(path: FieldPath): number;
}

/** One object as read, and what there is to say against it. */
export interface InputResource {
  readonly row: KindRow;
  readonly object: JsonObject;
  /** As it was written, before defaults. */
  readonly raw: JsonObject;
  readonly origin: Origin;
  /** May be forgiven when the stored object has the same: some other version's fields. */
  readonly unknownFields: readonly FieldProblem[];
  readonly brokenRules: readonly FieldProblem[];
}

/** `pool.yaml, document 1, line 7: spec.cidr: remedy`: our line below Calico's text. */
export function placeLine(origin: Origin, problem: FieldProblem): string {
  const place = `${origin.file}, document ${origin.document}, line ${origin.lineOf(problem.path)}`;
  return `${place}: ${pathText(problem.path)}${problem.remedy === undefined ? "" : `: ${problem.remedy}`}`;
}

/** All resources of a text, in order. Throws InputError for the first object that cannot be one. */
export function decodeResources(text: string, file: string): InputResource[] {
  return parseYaml(text, file).flatMap((document) => {
    const origin: Origin = { file, document: document.number, lineOf: (path) => document.lineOf(path) };
    return Array.isArray(document.value)
      ? document.value.flatMap((item: Json, index) => decodeResource(item, below(origin, [index])))
      : decodeResource(document.value, origin);
  });
}

/** The same place, told from below a path. */
export const below = (origin: Origin, prefix: FieldPath): Origin => ({
  ...origin,
  lineOf: (path) => origin.lineOf([...prefix, ...path]),
});

/** The resource that a value is, or those of a list. Throws InputError. */
export function decodeResource(value: Json, origin: Origin): InputResource[] {
  if (!isPlainObject(value)) {
    throw structureError(origin, [], `expected a resource with kind and apiVersion, found ${describeValue(value)}`);
  }
  const kind = value["kind"];
  const version = value["apiVersion"];
  if (typeof kind !== "string" || kind === "")
    throw structureError(origin, ["kind"], "the object has no kind; write kind and apiVersion: projectcalico.org/v3");
  const listed = kind.endsWith("List") ? rowOfKind(kind.slice(0, -"List".length)) : undefined;
  const row = listed ?? rowOfKind(kind);
  if (!row || version !== API_VERSION) throw unknownType(origin, kind, version);
  if (!listed) return [decodeObject(row, value, origin)];
  const items = value["items"] ?? [];
  if (!Array.isArray(items))
    throw structureError(origin, ["items"], `items: expected a list, found ${describeValue(items)}`);
  return items.flatMap((item: Json, index) => decodeResource(item, below(origin, ["items", index])));
}

function unknownType(origin: Origin, kind: string, version: Json | undefined): InputError {
  const named = rowOfKind(kind) ?? rowOfKind(kind.replace(/List$/, ""));
  const meant = nearest(kind, Object.keys(kindRows));
  const hint = named
    ? `write apiVersion: ${API_VERSION}`
    : kind === "List"
      ? `write the objects as documents separated by ---, or as kind: <Kind>List of one kind`
      : meant === undefined
        ? `known kinds: ${Object.keys(kindRows).join(", ")}`
        : `did you mean '${meant}'?`;
  const text = `unknown resource type (${kind}) and/or version (${version === undefined ? "" : String(version)})`;
  return structureError(origin, [named ? "apiVersion" : "kind"], `${text}; ${hint}`);
}

function decodeObject(row: KindRow, value: JsonObject, origin: Origin): InputResource {
  const { object, unknownFields, wrongTypes, brokenRules } = checkObject(row, value);
  const [first] = wrongTypes;
  if (first) throw typeError(origin, wrongTypes);
  return { row, object, raw: value, origin, unknownFields, brokenRules };
}

function typeError(origin: Origin, problems: readonly FieldProblem[]): InputError {
  const lines = problems.map((problem) => {
    const found = problem.value === undefined ? "" : `, found '${valueText(problem.value)}'`;
    const remedy = problem.remedy === undefined ? "" : `; ${problem.remedy}`;
    return `${placeLine(origin, { ...problem, remedy: undefined })}: ${problem.reason}${found}${remedy}`;
  });
  const { file, document } = origin;
  return new InputError("structure", lines.join("\n"), {
    file,
    document,
    line: origin.lineOf(problems[0]?.path ?? []),
  });
}

/** Calico's words for fields that are not of the kind, with our lines below. */
export function unknownFieldsError(origin: Origin, unknown: readonly FieldProblem[]): InputError {
  const names = unknown.map(({ path }) => String(path.at(-1)));
  const text =
    names.length === 1
      ? `field in document is not recognized or is in the wrong location: ${names[0]}`
      : `fields in document are not recognized or are in the wrong location: ${names.join(", ")}`;
  const lines = unknown.map((problem) => `  ${placeLine(origin, problem)}`);
  const { file, document } = origin;
  return new InputError("structure", [text, ...lines].join("\n"), {
    file,
    document,
    line: origin.lineOf(unknown[0]?.path ?? []),
  });
}

function structureError(origin: Origin, path: FieldPath, what: string): InputError {
  const { file, document } = origin;
  const line = origin.lineOf(path);
  return new InputError("structure", `${file}, document ${document}, line ${line}: ${what}`, { file, document, line });
}

function describeValue(value: Json): string {
  if (Array.isArray(value)) return "a list";
  return value === null ? "nothing" : `'${valueText(value).slice(0, 60)}'`;
}
