/** Reading and changing stored objects without knowing all of their fields: what is not named stays as it was. */

import type { Json, JsonObject } from "../base/json.ts";
import { specOf } from "../base/json-fields.ts";
import type { WallClock } from "../port/clock.ts";
import type { ObjectKey, Store, Stored } from "../port/store.ts";
import { NodeStartError } from "./errors.ts";

/** The object with these fields of its spec; undefined takes a field out. */
export function withSpec(value: JsonObject, changes: Readonly<Record<string, Json | undefined>>): JsonObject {
  return { ...value, spec: withFields(specOf(value), changes) };
}

export function withFields(value: JsonObject, changes: Readonly<Record<string, Json | undefined>>): JsonObject {
  const kept = Object.entries(value).filter(([field]) => !Object.hasOwn(changes, field));
  const set = Object.entries(changes).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return Object.fromEntries([...kept, ...set]);
}

/** Where the identity of new objects comes from. */
export interface Stamp {
  readonly wallClock: WallClock;
  /** A random UUID, `8d5f…-…`. */
  readonly newUid: () => string;
}

/** A new object of Calico's v3 API without namespace. */
export const newObject = (kind: string, name: string, spec: JsonObject, { wallClock, newUid }: Stamp): JsonObject => ({
  kind,
  apiVersion: "projectcalico.org/v3",
  metadata: { name, uid: newUid(), creationTimestamp: `${wallClock.now().toISOString().slice(0, 19)}Z` },
  spec,
});

/** A write that loses every race this often means that something else is wrong. */
const ATTEMPTS = 30;

/** Gets the object as it is and gives it as it shall be; undefined or the very same value: nothing to do. */
export type Change = (current: JsonObject | undefined) => JsonObject | undefined;

/**
 * Makes an object what `change` says, however many others write it at the same time. Throws StoreError and
 * NodeStartError `contended`.
 */
export async function ensure(store: Store, key: ObjectKey, change: Change): Promise<Stored | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const current = await store.get(key);
    const value = change(current?.value);
    if (value === undefined || value === current?.value) return current;
    const result = await store.write([
      current ? { op: "update", key, value, revision: current.revision } : { op: "create", key, value },
    ]);
    if (result.ok) return result.stored[0];
  }
  const subject = `${key.kind}(${key.name})`;
  throw new NodeStartError("contended", `${subject} changed under each of ${ATTEMPTS} attempts to write it`, {
    subject,
  });
}
