/** Maps of projections by name: a new revision that says the same is no change. */
import { isDeepStrictEqual } from "node:util";
import type { Origin } from "./view.ts";

interface Projection {
  readonly origin: Origin;
}

/** Whether it is another projection than before, origins apart. The new origin is kept either way, for provenance. */
export function put<V extends Projection>(map: Map<string, V>, key: string, value: V | undefined): boolean {
  const before = map.get(key);
  if (value === undefined) return map.delete(key);
  map.set(key, value);
  return !before || !isDeepStrictEqual({ ...value, origin: undefined }, { ...before, origin: undefined });
}
