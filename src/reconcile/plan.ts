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

/** What is desired: a function of the key, and the keys for which there is something. */
export interface Desired<V> {
  get(key: string): V | undefined;
  keys(): Iterable<string>;
}

/**
 * The fold of `planKey` over all keys, used at start and on resync. Gives a step for every key, undefined where nothing is
 * to do, so that who walks many keys can let others have their turn between any two. Adds and replacements come before
 * removals, so that nothing passes through an empty state.
 */
export function* plan<V>(
  desired: Desired<V>,
  actual: ReadonlyMap<string, V>,
  equal: (desired: V, actual: V) => boolean,
): Generator<Op<V> | undefined> {
  for (const key of [...desired.keys()]) yield planKey(key, desired.get(key), actual.get(key), equal);
  for (const key of [...actual.keys()]) {
    if (desired.get(key) === undefined) yield planKey(key, undefined, actual.get(key), equal);
  }
}
