/** Objects in etcd: keys by the layout that is given, values as JSON, revisions of modification as text. */
import { messageOf } from "../../base/errors.ts";
import { formatJson, type JsonObject, parseJson } from "../../base/json.ts";
import { type ListQuery, type ObjectKey, type Stored, StoreError } from "../../port/store.ts";
import type { KeyValue } from "../../wire/etcd/kv.ts";
import { octetTextOf, textOfOctets } from "../../wire/octet-text.ts";

/** Where objects lie: `etcdKeys` of the resources. */
export interface EtcdKeys {
  etcdKey(key: ObjectKey): string;
  /** undefined for keys that are no object. */
  objectKey(key: string): ObjectKey | undefined;
  /** Every object of the query lies below it; others may too. */
  etcdPrefix(query: ListQuery): string;
  /** For a watch: every object of the kinds lies below one of them. */
  etcdPrefixes(kinds: readonly string[]): readonly string[];
}

export const keyOctets = (keys: EtcdKeys, key: ObjectKey): string => octetTextOf(keys.etcdKey(key));

export const objectKeyOf = (keys: EtcdKeys, kv: KeyValue): ObjectKey | undefined =>
  keys.objectKey(textOfOctets(kv.key));

export const encodeValue = (value: JsonObject): Buffer => Buffer.from(formatJson(value));

/** Throws StoreError `malformed` that names the key. Old affinities have empty values: an object without fields. */
export function decodeObject(key: ObjectKey, kv: KeyValue): Stored {
  return { key, value: decodeValue(kv), revision: String(kv.modRevision) };
}

function decodeValue(kv: KeyValue): JsonObject {
  if (kv.value.length === 0) return {};
  let value: unknown;
  try {
    value = parseJson(textOf(kv.value));
  } catch (failure) {
    throw malformed(kv, messageOf(failure));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(kv, "it is no JSON object");
  return value as JsonObject;
}

const textOf = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("utf8");

function malformed(kv: KeyValue, why: string): StoreError {
  const key = textOfOctets(kv.key);
  const message = `the value of ${key} at revision ${kv.modRevision} cannot be read (${why}); mend or delete it`;
  return new StoreError("malformed", message, { key });
}
