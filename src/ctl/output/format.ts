/** `get -o FORMAT`: what a user asked for, and objects printed so. */
import { CodedError } from "../../base/errors.ts";
import { formatJson, type JsonObject } from "../../base/json.ts";
import { calicoKinds } from "../../resources/kind-names.ts";
import type { ColumnContext, KindRow } from "../../resources/kinds/kind.ts";
import { at, textAt } from "../../resources/kinds/kind.ts";
import { API_VERSION } from "../../resources/registry.ts";
import { paddedTable } from "./table.ts";
import { formatYaml } from "./yaml-text.ts";

export class FormatError extends CodedError<"badFormat", { format: string }> {}

export type Format =
  | { readonly name: "yaml" | "json" | "name" }
  | { readonly name: "table"; readonly isWide: boolean; readonly headings?: readonly string[] };

/** One answer of a look-up: one object, or a list of a kind. */
export interface Answer {
  readonly row: KindRow;
  readonly objects: readonly JsonObject[];
  readonly isList: boolean;
}

/** Throws FormatError for a format that is none. */
export function parseFormat(text: string): Format {
  switch (text) {
    case "yaml":
    case "yml":
      return { name: "yaml" };
    case "json":
    case "name":
      return { name: text };
    case "ps":
      return { name: "table", isWide: false };
    case "wide":
      return { name: "table", isWide: true };
  }
  const [key, value] = text.split(/=(.*)/s);
  if (key !== "custom-columns") {
    throw new FormatError("badFormat", `unrecognized output format '${text}'`, { format: text });
  }
  if (!value) throw new FormatError("badFormat", "need to specify at least one column", { format: text });
  return { name: "table", isWide: false, headings: value.split(",") };
}

export interface PrintOptions {
  readonly format: Format;
  readonly showNamespace: boolean;
  readonly context: ColumnContext;
}

/** The text of all answers. Throws FormatError for headings that a kind does not have. */
export function printAnswers(answers: readonly Answer[], options: PrintOptions): string {
  const { format } = options;
  switch (format.name) {
    case "yaml":
      return formatYaml(wholeValue(answers));
    case "json":
      return formatJson(wholeValue(answers), 2);
    case "name":
      return answers.flatMap(({ row, objects }) => objects.map((object) => `${nameLine(row, object)}\n`)).join("");
    case "table":
      return answers.map((answer) => `${table(answer, format, options)}\n`).join("");
  }
}

/** `ippool/default-ipv4-ippool`: what the commands take again as KIND/NAME words, one object a line. */
const nameLine = (row: KindRow, object: JsonObject): string =>
  `${row.kind.toLowerCase()}/${textAt(object, "metadata", "name")}`;

function wholeValue(answers: readonly Answer[]): JsonObject | readonly JsonObject[] {
  const values = answers.map(listOrObject);
  const [only] = values;
  return values.length === 1 && only ? only : values;
}

/** Keys in the order of Go's structs, as the JSON form shows them. */
function listOrObject({ row, objects, isList }: Answer): JsonObject {
  const [only] = objects;
  if (!isList && only) return only;
  return { kind: `${row.kind}List`, apiVersion: API_VERSION, metadata: {}, items: objects };
}

function table(answer: Answer, format: Format & { readonly name: "table" }, options: PrintOptions): string {
  const { row, objects } = answer;
  const named = format.headings ?? (format.isWide ? wideHeadings(answer) : row.narrow);
  const headings = options.showNamespace && calicoKinds[row.kind].namespaced ? ["NAMESPACE", ...named] : named;
  const columns = headings.map((heading) => {
    const column = Object.hasOwn(row.columns, heading) ? row.columns[heading] : undefined;
    if (column) return column;
    const valid = Object.keys(row.columns).join(", ");
    throw new FormatError("badFormat", `unknown heading ${heading}, valid values are: ${valid}`, { format: heading });
  });
  return paddedTable([headings, ...objects.map((object) => columns.map((column) => column(object, options.context)))]);
}

/** Columns that tell nothing, since every object has their usual value, are left out of the wide form. */
function wideHeadings({ row, objects }: Answer): readonly string[] {
  return row.wide.filter((heading) => {
    const usual = row.wideUnless?.[heading];
    return usual === undefined || objects.some((object) => row.columns[heading]?.(object, { asNumber: "" }) !== usual);
  });
}

/** `--export`: without what belongs to one cluster. */
export function exported(object: JsonObject): JsonObject {
  const metadata = (at(object, "metadata") ?? {}) as JsonObject;
  const { namespace: _, uid: __, resourceVersion: ___, deletionTimestamp: ____, ...kept } = metadata;
  return { ...object, metadata: { ...kept, creationTimestamp: null } };
}
