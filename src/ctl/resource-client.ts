/**
 * Resources as Calico's client library handles them: revisions, metadata that is kept or replaced, conflicts retried.
 * Everything that a kind demands beyond its row (other objects that must or must not be there) is in `rules/`.
 * Semantics: `libcalico-go/lib/clientv3`, `calicoctl/resourcemgr`.
 */
import { messageOf } from "../base/errors.ts";
import type { Json, JsonObject } from "../base/json.ts";
import type { Clock, WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Random } from "../port/random.ts";
import {
  isUnreadable,
  keyText,
  type ObjectKey,
  type Store,
  type Stored,
  StoreError,
  type Unreadable,
  type WriteOp,
  type WriteResult,
} from "../port/store.ts";
import { changeProblems, completed, isPlainObject } from "../resources/check.ts";
import { calicoKinds } from "../resources/kind-names.ts";
import { type KindRow, objectAt, textAt } from "../resources/kinds/kind.ts";
import {
  alreadyExists,
  describeKey,
  type FieldProblem,
  notFound,
  notSupported,
  ResourceError,
  updateConflict,
  validationError,
} from "../resources/problems.ts";
import type { RuleContext } from "./rules/rule.ts";
import { ruleOf } from "./rules/table.ts";

export interface ClientDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
}

/** One object to be written: its row, the object, and what its own fields already say against it. */
export interface Candidate {
  readonly row: KindRow;
  readonly object: JsonObject;
  readonly brokenRules: readonly FieldProblem[];
}

export interface ResourceList {
  readonly objects: readonly JsonObject[];
  readonly unreadable: readonly Unreadable[];
}

const UPDATE_ATTEMPTS = 5;
const RETRY_MS = 1_000;
const SPLIT = "write several smaller objects";

export class ResourceClient {
  readonly #deps: ClientDeps;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
  }

  get store(): Store {
    return this.#deps.store;
  }

  /** The object with its revision. Throws ResourceError `notFound`. */
  async get(row: KindRow, key: ObjectKey): Promise<JsonObject> {
    const builtIn = builtInAt(row, key);
    if (builtIn) return completed(row, builtIn);
    return asRead(row, await this.#stored(key));
  }

  /** In the order of their keys; tiers in their own, what is built in last. With the objects that are there and cannot be read. */
  async list(row: KindRow, namespace: string | undefined): Promise<ResourceList> {
    const query = namespace === undefined ? { kind: row.kind } : { kind: row.kind, namespace };
    const { objects, unreadable } = await this.#deps.store.list(query);
    const { builtIn } = ruleOf(row.kind);
    const stored = objects.map((object) => asRead(row, object));
    const read = builtIn ? [...stored, completed(row, builtIn)] : stored;
    return { objects: ruleOf(row.kind).sorted?.(read) ?? read, unreadable };
  }

  /** Throws ResourceError `exists`, `validation`, `unsupported`. */
  async create(candidate: Candidate): Promise<JsonObject> {
    const { row } = candidate;
    if (row.isReadOnly) throw notSupported("create or apply", row.kind, "resource is readonly");
    const given = objectAt(candidate.object, "metadata");
    const problems = [...candidate.brokenRules];
    if (textAt(given, "resourceVersion") !== "") {
      problems.push({
        path: ["metadata", "resourceVersion"],
        name: "Metadata.ResourceVersion",
        value: given["resourceVersion"],
        reason: "field must not be set for a Create request",
        remedy: "leave it out, or use apply",
      });
    }
    if (problems.length > 0) throw validationError(keyOf(row, candidate.object), problems);
    const metadata: JsonObject = {
      ...picked(given, ["name", "namespace", "labels", "annotations"]),
      uid: this.#deps.random.uuid(),
      creationTimestamp: timestamp(this.#deps.wallClock.now()),
    };
    const object = this.#storable(row, { ...candidate.object, metadata });
    const key = keyOf(row, object);
    if (builtInAt(row, key)) throw alreadyExists(key);
    await ruleOf(row.kind).beforeCreate?.(this.#context(), object);
    const result = await this.#write(row, { op: "create", key, value: object });
    if (!result.ok) throw alreadyExists(key);
    await ruleOf(row.kind).afterWrite?.(this.#context(), object);
    return asRead(row, result.stored[0] ?? { key, value: object, revision: "" });
  }

  /** Replaces what is stored. A revision in the object must be the stored one; without, conflicts are retried. */
  async update(candidate: Candidate): Promise<JsonObject> {
    const { row, object } = candidate;
    if (row.isReadOnly) throw notSupported("apply or replace", row.kind, "resource is readonly");
    const key = keyOf(row, object);
    if (builtInAt(row, key)) throw builtInStays("Update", key);
    const demanded = textAt(object, "metadata", "resourceVersion");
    for (let attempt = 1; ; attempt++) {
      const was = await this.#stored(key);
      if (demanded !== "" && demanded !== was.revision) throw outOfDate(key, demanded, was.revision);
      const written = await this.#replace(candidate, was);
      if (written) return written;
      if (demanded !== "") throw outOfDate(key, demanded, "a newer one");
      if (attempt === UPDATE_ATTEMPTS) throw updateConflict(key, "others keep changing the object; try again");
      await this.#pause(RETRY_MS);
    }
  }

  /** One attempt; undefined on a conflict. */
  async #replace({ row, object, brokenRules }: Candidate, was: Stored): Promise<JsonObject | undefined> {
    const before = asRead(row, was);
    const metadata = mergedMetadata(objectAt(before, "metadata"), objectAt(object, "metadata"));
    const next = this.#storable(row, { ...object, metadata });
    const problems = [...brokenRules, ...changeProblems(row, next, before)];
    if (problems.length > 0) throw validationError(was.key, problems);
    await ruleOf(row.kind).beforeUpdate?.(this.#context(), next, before);
    const op: WriteOp = { op: "update", key: was.key, value: next, revision: was.revision };
    const result = await this.#write(row, op);
    if (!result.ok && result.reason === "notFound") throw notFound(was.key);
    if (!result.ok) return undefined;
    await ruleOf(row.kind).afterWrite?.(this.#context(), next);
    return result.stored[0] && asRead(row, result.stored[0]);
  }

  /** Creates, and updates what is there already. */
  async apply(candidate: Candidate): Promise<JsonObject> {
    const { row, object } = candidate;
    if (row.isReadOnly) throw notSupported("apply", row.kind, "resource is readonly");
    try {
      return await this.create({ ...candidate, object: withoutRevision(object) });
    } catch (error) {
      if (!(error instanceof ResourceError) || error.code !== "exists") throw error;
      return await this.update(candidate);
    }
  }

  /**
   * An object that cannot be read goes too, as far as its name says what hangs on it, and only while nobody mends it: why it could
   * not be read is given. Throws ResourceError `notFound`, `conflict`, `inUse`, `unsupported`. `force` overrides `inUse` alone.
   */
  async delete(
    row: KindRow,
    key: ObjectKey,
    revision: string | undefined,
    force: boolean,
  ): Promise<Unreadable | undefined> {
    if (row.isReadOnly) throw notSupported("delete", row.kind, "resource is readonly");
    if (builtInAt(row, key)) throw builtInStays("Delete", key);
    const found = await this.#whatever(key);
    const spoiled = isUnreadable(found) ? found : undefined;
    const was = isUnreadable(found) ? { ...found, value: {} } : found;
    if (revision !== undefined && revision !== was.revision) throw outOfDate(key, revision, was.revision);
    const last = await ruleOf(row.kind).beforeDelete?.(this.#context(), was, force);
    const demanded = spoiled?.revision ?? revision;
    const op: WriteOp =
      demanded === undefined ? { op: "delete", key } : { op: "delete", key, revision: last ?? demanded };
    const result = await this.#deps.store.write([op]);
    if (result.ok) return spoiled;
    if (result.reason === "notFound") throw notFound(key);
    throw updateConflict(key, "the object was changed meanwhile; read it again");
  }

  /** Throws ResourceError `validation` for an object that is more than the store takes. */
  async #write(row: KindRow, op: WriteOp): Promise<WriteResult> {
    try {
      return await this.#deps.store.write([op]);
    } catch (failure) {
      if (!(failure instanceof StoreError && failure.code === "tooLarge")) throw failure;
      const path = ["spec"];
      const name = `${row.kind}.Spec`;
      throw validationError(op.key, [{ path, name, value: undefined, reason: messageOf(failure), remedy: SPLIT }]);
    }
  }

  async #stored(key: ObjectKey): Promise<Stored> {
    const stored = await this.#deps.store.get(key);
    if (!stored) throw notFound(key);
    return stored;
  }

  /** Also what cannot be read. */
  async #whatever(key: ObjectKey): Promise<Stored | Unreadable> {
    try {
      return await this.#stored(key);
    } catch (failure) {
      if (!(failure instanceof StoreError && failure.code === "malformed")) throw failure;
      const { kind, namespace, name } = key;
      const query = { kind, namePrefix: name, ...(namespace === undefined ? {} : { namespace }) };
      const { unreadable } = await this.#deps.store.list(query);
      const found = unreadable.find((each) => keyText(each.key) === keyText(key));
      if (!found) throw failure;
      return found;
    }
  }

  #storable(row: KindRow, object: JsonObject): JsonObject {
    return completed(row, row.stored?.(object) ?? object);
  }

  #context(): RuleContext {
    return { ...this.#deps, pause: (ms) => this.#pause(ms) };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#deps.clock.after(ms, resolve);
    });
  }
}

/** The key that an object's kind and metadata name. */
export function keyOf(row: KindRow, object: JsonObject): ObjectKey {
  const name = textAt(object, "metadata", "name");
  const { namespaced } = calicoKinds[row.kind];
  return namespaced
    ? { kind: row.kind, namespace: textAt(object, "metadata", "namespace"), name }
    : { kind: row.kind, name };
}

function builtInAt(row: KindRow, key: ObjectKey): JsonObject | undefined {
  const { builtIn } = ruleOf(row.kind);
  return builtIn && textAt(builtIn, "metadata", "name") === key.name ? builtIn : undefined;
}

const builtInStays = (operation: "Update" | "Delete", { kind, name }: ObjectKey): ResourceError =>
  notSupported(
    operation,
    name,
    `The ${kind.toLowerCase()} "${name}" is a default provided by Calico and cannot be ${operation.toLowerCase()}d`,
  );

/** A stored object as people see it: defaults filled in, its revision among the metadata. */
function asRead(row: KindRow, { key, value, revision }: Stored): JsonObject {
  const { selfLink: _, ...metadata } = isPlainObject(value["metadata"]) ? value["metadata"] : {};
  const named = key.namespace === undefined ? { name: key.name } : { name: key.name, namespace: key.namespace };
  return completed(row, { ...value, metadata: { ...metadata, ...named, resourceVersion: revision } });
}

/** What is stored stays, save labels and annotations, which are replaced whole. The revision is never stored. */
function mergedMetadata(stored: JsonObject, given: JsonObject): JsonObject {
  const { labels: _, annotations: __, resourceVersion: ___, ...kept } = stored;
  return { ...kept, ...picked(given, ["labels", "annotations"]) };
}

function picked(object: JsonObject, fields: readonly string[]): JsonObject {
  const entries = fields.flatMap((field): [string, Json][] => {
    const value = object[field];
    return value === undefined ? [] : [[field, value]];
  });
  return Object.fromEntries(entries);
}

function withoutRevision(object: JsonObject): JsonObject {
  const { resourceVersion: _, ...metadata } = objectAt(object, "metadata");
  return { ...object, metadata };
}

/** RFC 3339 to the second, as Go writes a metav1.Time. */
const timestamp = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`;

/** What was given is of another revision than what is stored. */
export const outOfDate = (key: ObjectKey, given: string, latest: string): ResourceError =>
  updateConflict(
    key,
    `resource version '${given}' is out of date (latest: ${latest}). Update the resource YAML/JSON in order to make changes: read ${describeKey(key)} again, or leave resourceVersion out`,
  );
