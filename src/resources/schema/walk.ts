/**
 * What is done to values along a schema, beside checking them: taking nulls for absent, as Go's JSON does, before the
 * check; and writing fields in Go's order and with Go's omissions after it.
 */

import * as v from "valibot";
import type { Json } from "../../base/json.ts";
import { isObject } from "../../base/json-fields.ts";
import type { FieldPath } from "../problems.ts";
import type { FieldSchema, GoNotes } from "./fields.ts";

interface Parts {
  readonly type: string;
  readonly entries?: Readonly<Record<string, FieldSchema>>;
  readonly item?: FieldSchema;
  readonly wrapped?: FieldSchema;
}

/** Inner schema of an optional one. */
function unwrap(schema: FieldSchema): FieldSchema {
  const { type, wrapped } = schema as Parts;
  return type === "optional" && wrapped ? unwrap(wrapped) : schema;
}

const partsOf = (schema: FieldSchema): Parts => unwrap(schema) as Parts;
const notesOf = (schema: FieldSchema): GoNotes => v.getMetadata(unwrap(schema)) as GoNotes;

/** Fields whose value is null are dropped, where the schema knows them and they may be absent. */
export function withoutNulls(schema: FieldSchema, value: Json): Json {
  const { entries, item } = partsOf(schema);
  if (item && Array.isArray(value)) return value.map((element: Json) => withoutNulls(item, element));
  if (!entries || !isObject(value)) return value;
  const kept: [string, Json][] = [];
  for (const [key, field] of Object.entries(value)) {
    const known = Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (field === null && known && (known as Parts).type === "optional") continue;
    kept.push([key, known ? withoutNulls(known, field) : field]);
  }
  return Object.fromEntries(kept);
}

/** Where a list stands though an object is expected: what the object schemas would take for an object. */
export function misplacedLists(schema: FieldSchema, value: Json, path: FieldPath = []): FieldPath[] {
  const { type, entries, item } = partsOf(schema);
  if (Array.isArray(value)) {
    if (entries || type === "record") return [path];
    return item ? value.flatMap((element: Json, index) => misplacedLists(item, element, [...path, index])) : [];
  }
  if (!entries || !isObject(value)) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const known = Object.hasOwn(entries, key) ? entries[key] : undefined;
    return known ? misplacedLists(known, field, [...path, key]) : [];
  });
}

/** The value as Go would write it; fields that the schema does not know come last, untouched. */
export function asGoWrites(schema: FieldSchema, value: Json): Json {
  const { type, entries, item } = partsOf(schema);
  if (Array.isArray(value)) return item ? value.map((element: Json) => asGoWrites(item, element)) : value;
  if (!isObject(value)) return value;
  if (type === "record") return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  if (!entries) return value;
  const written: [string, Json][] = [];
  for (const [key, field] of Object.entries(entries)) {
    const notes = notesOf(field);
    const given = Object.hasOwn(value, key) ? value[key] : undefined;
    const set = given === undefined ? notes.whenAbsent : given;
    if (set === undefined || isOmitted(set, notes, partsOf(field).type)) continue;
    written.push([key, asGoWrites(field, set)]);
  }
  const unknown = Object.entries(value).filter(([key]) => !Object.hasOwn(entries, key));
  return Object.fromEntries([...written, ...unknown]);
}

function isOmitted(value: Json, notes: GoNotes, type: string): boolean {
  if (notes.keepEmpty || notes.whenAbsent !== undefined) return false;
  if (type === "record" && isObject(value)) return Object.keys(value).length === 0;
  if (value === "" || (Array.isArray(value) && value.length === 0)) return true;
  return notes.omitZero === true && (value === 0 || value === false);
}
