/**
 * Kubernetes' strategic merge patch on JSON, as far as Calico's types use it: objects merge, null removes, lists are
 * replaced whole (no list of Calico's has a merge key), `$patch: replace|delete` and `$retainKeys` steer an object.
 */
import { CodedError } from "../base/errors.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { isPlainObject } from "../resources/check.ts";

class PatchError extends CodedError<"badPatch", { directive: string }> {}

/** The original with the patch applied; neither is changed. Throws PatchError for a directive that is none. */
export function strategicMerge(original: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch["$patch"];
  const retained = patch["$retainKeys"];
  const changes = Object.entries(patch).filter(([key]) => key !== "$patch" && key !== "$retainKeys");
  if (directive === "replace") return Object.fromEntries(changes.filter(([, value]) => value !== null));
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") {
    throw new PatchError("badPatch", `$patch: '${String(directive)}' is none of merge, replace and delete`, {
      directive: "$patch",
    });
  }
  const merged = new Map<string, Json>(Object.entries(original));
  if (Array.isArray(retained)) {
    for (const key of [...merged.keys()]) if (!retained.includes(key)) merged.delete(key);
  }
  for (const [key, value] of changes) {
    const was = merged.get(key);
    if (value === null) merged.delete(key);
    else if (isPlainObject(value)) merged.set(key, strategicMerge(isPlainObject(was) ? was : {}, value));
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}
