/** What somebody may have meant by a field that its schema does not know. */
import { nearest } from "../../base/nearest.ts";
import type { FieldPath } from "../problems.ts";
import type { FieldSchema } from "./fields.ts";

/** Where an unknown field may belong: a near name at its place, or its own name elsewhere in the object, as a remedy. */
export function meantField(schema: FieldSchema, path: FieldPath): string | undefined {
  const wrong = String(path.at(-1));
  const here = fieldNames(schema, path.slice(0, -1));
  const near = nearest(wrong, here);
  if (near !== undefined) return `did you mean '${near}'?`;
  const elsewhere = placesOf(schema, wrong, []);
  return elsewhere === undefined ? undefined : `it belongs in '${elsewhere.join(".")}'`;
}

interface Parts {
  readonly entries?: Readonly<Record<string, FieldSchema>>;
  readonly item?: FieldSchema;
  readonly wrapped?: FieldSchema;
}

const inner = (schema: FieldSchema): Parts => {
  const { wrapped } = schema as Parts;
  return wrapped ? inner(wrapped) : (schema as Parts);
};

function fieldNames(schema: FieldSchema, path: FieldPath): readonly string[] {
  let parts = inner(schema);
  for (const step of path) {
    const next = typeof step === "number" ? parts.item : parts.entries?.[step];
    if (!next) return [];
    parts = inner(next);
  }
  return Object.keys(parts.entries ?? {});
}

const MAX_SEARCH_DEPTH = 3;

function placesOf(schema: FieldSchema, field: string, path: readonly string[]): readonly string[] | undefined {
  const { entries } = inner(schema);
  if (!entries || path.length > MAX_SEARCH_DEPTH) return undefined;
  if (path.length > 0 && Object.hasOwn(entries, field)) return path;
  for (const [key, next] of Object.entries(entries)) {
    const found = placesOf(next, field, [...path, key]);
    if (found) return found;
  }
  return undefined;
}
