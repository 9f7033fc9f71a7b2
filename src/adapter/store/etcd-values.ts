/** Objects in etcd: keys by the layout that is given, values as JSON, revisions of modification as text. */
import { messageOf } from "../../base/errors.ts";
import { formatJson, type JsonObject, parseJson } from "../../base/json.ts";
import type { ListQuery, ObjectKey, Stored, Unreadable } from "../../port/store.ts";
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

/** The object, or why it cannot be read. Old affinities have empty values: an object without fields. */
export function decodeObject(key: ObjectKey, kv: KeyValue): Stored | Unreadable {
  const revision = String(kv.modRevision);
  const value = decodeValue(kv);
  return typeof value === "string" ? { key, revision, why: sentenceOf(kv, value) } : { key, value, revision };
}

/** A text says what is wrong. */
function decodeValue(kv: KeyValue): JsonObject | string {
  if (kv.value.length === 0) return {};
  let value: unknown;
  try {
    value = parseJson(textOf(kv.value));
  } catch (failure) {
    return messageOf(failure);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "it is no JSON object";
  return value as JsonObject;
}

const textOf = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("utf8");

function sentenceOf(kv: KeyValue, what: string): string {
  const key = textOfOctets(kv.key);
  const oneLine = what.replaceAll(/\s+/g, " ");
  return `the value of ${key} at revision ${kv.modRevision} cannot be read (${oneLine}); mend or delete that key, with 'ocicat delete' where it is a resource, else with etcdctl`;
}
