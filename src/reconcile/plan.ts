/** Desired against actual: the operations that make one the other. Pure. */

export type Op<V> =
  | { readonly op: "add"; readonly key: string; readonly value: V }
  | { readonly op: "replace"; readonly key: string; readonly value: V; readonly was: V }
  | { readonly op: "remove"; readonly key: string; readonly was: V };

/** The operation for one key, undefined when nothing is to do. */
export function planKey<V>(
  key: string,
  desired: V | undefined,
  actual: V | undefined,
  equal: (desired: V, actual: V) => boolean,
): Op<V> | undefined {
  if (desired === undefined) return actual === undefined ? undefined : { op: "remove", key, was: actual };
  if (actual === undefined) return { op: "add", key, value: desired };
  return equal(desired, actual) ? undefined : { op: "replace", key, value: desired, was: actual };
}

/** Adds and replacements come before removals, so that nothing passes through an empty state. */
export function plan<V>(
  desired: ReadonlyMap<string, V>,
  actual: ReadonlyMap<string, V>,
  equal: (desired: V, actual: V) => boolean,
): readonly Op<V>[] {
  const ops: Op<V>[] = [];
  for (const [key, value] of desired) {
    const op = planKey(key, value, actual.get(key), equal);
    if (op) ops.push(op);
  }
  for (const [key, was] of actual) {
    if (!desired.has(key)) ops.push({ op: "remove", key, was });
  }
  return ops;
}
