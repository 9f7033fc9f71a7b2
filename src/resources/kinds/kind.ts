/** One row of the table of kinds: everything that commands need to know of a kind, and nothing that they would ask by name. */

import type { Json, JsonObject } from "../../base/json.ts";
import { isObject } from "../../base/json-fields.ts";
import type { CalicoKind } from "../kind-names.ts";
import type { NameRule } from "../names.ts";
import type { FieldPath, FieldProblem } from "../problems.ts";
import type { FieldSchema } from "../schema/fields.ts";

/** What columns need beside the object. */
export interface ColumnContext {
  /** The cluster's AS number, for nodes that have none of their own. */
  readonly asNumber: string;
}

export type Column = (object: JsonObject, context: ColumnContext) => string;

/** Collects problems of one object; the name is the field's as Calico's messages have it, made from the path if absent. */
export type Report = (problem: Omit<FieldProblem, "name"> & { readonly name?: string }) => void;

export interface KindRow {
  readonly kind: CalicoKind;
  /** What `get` and its like take beside the kind itself, in lower case. */
  readonly aliases: readonly string[];
  readonly name: NameRule;
  /** Of `spec`. */
  readonly spec: FieldSchema;
  /** Of `status`, for kinds that have one. */
  readonly status?: FieldSchema;
  /** Go writes `status` even where it is empty. */
  readonly hasStatusAlways?: true;
  /** The name that a spec makes, where the kind's names are made and nobody gave one. */
  madeName?(spec: JsonObject): string | undefined;
  /** Fills in what Calico fills in, before storing and after reading. */
  defaults?(spec: JsonObject): JsonObject;
  /** Checks that span several fields; the types are right already, the defaults filled in. */
  validate?(object: JsonObject, report: Report): void;
  /** What the object is stored with beside what was given. */
  stored?(object: JsonObject): JsonObject;
  /** What an update must not change. */
  validateChange?(object: JsonObject, was: JsonObject, report: Report): void;
  /** Every column by its heading. */
  readonly columns: Readonly<Record<string, Column>>;
  readonly narrow: readonly string[];
  readonly wide: readonly string[];
  /** Columns of `wide` that are shown only when a cell differs from this value. */
  readonly wideUnless?: Readonly<Record<string, string>>;
  /** Maintained by the agents; commands only read it. */
  readonly isReadOnly?: true;
  /** Said on apply while this version stores the kind and does not act on it yet. */
  readonly notEnforced?: string;
  /** The same of objects by their name, of a kind that is acted on otherwise: why, undefined for a name that is used. */
  notEnforcedName?(name: string): string | undefined;
  /** The same of fields of the spec, of a kind that is acted on otherwise. */
  readonly notEnforcedFields?: Readonly<Record<string, NotEnforcedField>>;
}

export interface NotEnforcedField {
  readonly why: string;
  /** The value that asks for nothing. */
  readonly unless?: Json;
  /** Only in a spec that has one of these fields too. */
  readonly beside?: readonly string[];
}

/** The value at a path, undefined where nothing is. */
export function at(object: JsonObject, ...path: FieldPath): Json | undefined {
  let value: Json | undefined = object;
  for (const step of path) {
    if (typeof step === "number") value = Array.isArray(value) ? (value[step] as Json | undefined) : undefined;
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}

export const objectAt = (object: JsonObject, ...path: FieldPath): JsonObject => {
  const value = at(object, ...path);
  return isObject(value) ? value : {};
};

export const listAt = (object: JsonObject, ...path: FieldPath): readonly Json[] => {
  const value = at(object, ...path);
  return Array.isArray(value) ? value : [];
};

export const textAt = (object: JsonObject, ...path: FieldPath): string => {
  const value = at(object, ...path);
  return typeof value === "string" ? value : "";
};

/** A cell as Go's templates print it: nothing for what is absent. */
export const cell =
  (...path: FieldPath): Column =>
  (object) => {
    const value = at(object, ...path);
    return value === undefined || value === null ? "" : String(value);
  };

/** Go prints the zero value of a field that is no pointer. */
export const flagCell =
  (...path: FieldPath): Column =>
  (object) =>
    String(at(object, ...path) === true);

export const nameCell = cell("metadata", "name");
export const namespaceCell = cell("metadata", "namespace");

const MAX_JOINED = 80;

/** A list joined by commas, whole. */
export const joinedCell =
  (...path: FieldPath): Column =>
  (object) =>
    listAt(object, ...path)
      .map(String)
      .join(",");

/** A list joined by commas, cut to 80 characters with dots at the end. */
export const cutCell =
  (...path: FieldPath): Column =>
  (object) => {
    const whole = listAt(object, ...path)
      .map(String)
      .join(",");
    return whole.length > MAX_JOINED ? `${whole.slice(0, MAX_JOINED - 3)}...` : whole;
  };
