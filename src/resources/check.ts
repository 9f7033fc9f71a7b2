/**
 * An object against its kind's row: what is wrong with it, and the object as Calico would store it. Three sorts of
 * problems are kept apart, since Calico meets them at different times: fields that nobody knows and values of the wrong
 * type (while reading the file), and values that break a rule (while writing the object).
 */
import * as v from "valibot";
import type { Json, JsonObject } from "../base/json.ts";
import { type KindRow, objectAt, type Report, textAt } from "./kinds/kind.ts";
import { metadataProblems } from "./names.ts";
import { type FieldPath, type FieldProblem, goName } from "./problems.ts";
import { API_VERSION, withDefaults } from "./registry.ts";
import { type FieldSchema, object, optional, text } from "./schema/fields.ts";
import { meantField } from "./schema/meant-field.ts";
import { metadataSchema } from "./schema/metadata.ts";
import { asGoWrites, misplacedLists, withoutNulls } from "./schema/walk.ts";

export interface Checked {
  /** In Go's order, defaults filled in; what it holds is only sure where there are no problems. */
  readonly object: JsonObject;
  readonly unknownFields: readonly FieldProblem[];
  readonly wrongTypes: readonly FieldProblem[];
  readonly brokenRules: readonly FieldProblem[];
}

/** The schema of whole objects of a kind. */
function envelope(row: KindRow): FieldSchema {
  const entries: Record<string, FieldSchema> = {
    kind: text,
    apiVersion: text,
    metadata: optional(metadataSchema),
    spec: optional(row.spec),
  };
  if (row.status) entries["status"] = optional(row.status);
  return object(entries);
}

/** Checks an object as somebody wrote it. */
export function checkObject(row: KindRow, raw: JsonObject): Checked {
  const schema = envelope(row);
  const given = withoutNulls(schema, raw) as JsonObject;
  const misplaced = misplacedLists(schema, given).map((path) =>
    problem(path, undefined, "expected fields, found a list"),
  );
  if (misplaced.length > 0) return { object: given, unknownFields: [], wrongTypes: misplaced, brokenRules: [] };
  const outcome = v.safeParse(schema, given);
  const sorted = sortIssues(row, outcome.issues ?? []);
  if (sorted.unknownFields.length > 0 || sorted.wrongTypes.length > 0) return { object: given, ...sorted };
  const complete = completed(row, outcome.output as JsonObject);
  return { ...sorted, object: complete, brokenRules: [...sorted.brokenRules, ...ruleProblems(row, complete)] };
}

/** The object with defaults and in Go's order, unknown fields kept at the end. */
export function completed(row: KindRow, given: JsonObject): JsonObject {
  const spec = withDefaults(row, objectAt(given, "spec"));
  const metadata = objectAt(given, "metadata");
  const name = textAt(metadata, "name") || row.madeName?.(spec);
  const filled: JsonObject = {
    ...given,
    kind: row.kind,
    apiVersion: API_VERSION,
    metadata: name === undefined ? metadata : { ...metadata, name },
    spec,
    ...(row.hasStatusAlways ? { status: objectAt(given, "status") } : {}),
  };
  return asGoWrites(envelope(row), filled) as JsonObject;
}

function ruleProblems(row: KindRow, complete: JsonObject): FieldProblem[] {
  const problems = metadataProblems(objectAt(complete, "metadata"), row.name);
  const report: Report = (found) => problems.push({ ...found, name: found.name ?? goName(found.path) });
  row.validate?.(complete, report);
  return problems;
}

/** What an update would change that must stay. */
export function changeProblems(row: KindRow, next: JsonObject, was: JsonObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  row.validateChange?.(next, was, (found) => problems.push({ ...found, name: found.name ?? goName(found.path) }));
  return problems;
}

function problem(path: FieldPath, value: unknown, reason: string, remedy?: string): FieldProblem {
  return { path, name: goName(path), value, reason, ...(remedy === undefined ? {} : { remedy }) };
}

function sortIssues(row: KindRow, issues: readonly v.BaseIssue<unknown>[]): Omit<Checked, "object"> {
  const unknownFields: FieldProblem[] = [];
  const wrongTypes: FieldProblem[] = [];
  const brokenRules: FieldProblem[] = [];
  for (const issue of issues) {
    const path = (issue.path ?? []).map(({ key }) => key as string | number);
    const isKey = issue.type === "strict_object" && issue.path?.at(-1)?.origin === "key";
    if (isKey && issue.expected === "never") {
      unknownFields.push(problem(path, undefined, "not recognized", meantField(envelope(row), path)));
    } else if (isKey) {
      brokenRules.push(problem(path, undefined, "must be set"));
    } else if (issue.kind === "schema") {
      const reason = issue.type === "strict_object" ? "expected fields" : issue.message;
      wrongTypes.push(problem(path, issue.input, reason, typeRemedy(issue)));
    } else {
      const isOurs = issue.type === "raw_check" || issue.type === "raw_transform";
      const remedy = isOurs && issue.expected !== null ? issue.expected : undefined;
      brokenRules.push(problem(path, issue.input, issue.message, remedy));
    }
  }
  return { unknownFields, wrongTypes, brokenRules };
}

/** YAML 1.1 words that YAML 1.2 reads as text, and numbers in quotes. */
const flagWords: Readonly<Record<string, string>> = {
  yes: "true",
  on: "true",
  y: "true",
  true: "true",
  no: "false",
  off: "false",
  n: "false",
  false: "false",
};

function typeRemedy({ type, input }: v.BaseIssue<unknown>): string | undefined {
  if (type === "boolean" && typeof input === "string") {
    const word = flagWords[input.toLowerCase()];
    return word === undefined ? "write true or false" : `write ${word}, without quotes`;
  }
  if (type === "number" && typeof input === "string" && /^-?\d+$/.test(input)) return `write ${input} without quotes`;
  if (type === "string" && (typeof input === "number" || typeof input === "boolean"))
    return `write "${input}" in quotes`;
  return undefined;
}

/** Whether a value of the wrong shape altogether stands where an object should. */
export const isPlainObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
