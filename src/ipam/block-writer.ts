/**
 * Writes a changed block together with the handles that count its addresses. What must always hold, at whatever line
 * we die: a handle records at least what it holds. A store that takes several objects at once gets one write, all or
 * nothing; otherwise handles grow before the block and shrink after it.
 */
import type { JsonObject } from "../base/json.ts";
import { formatPrefix, type PrefixKey } from "../ip/prefix.ts";
import { keyText, type ObjectKey, type Store, type Stored, StoreError, type WriteOp } from "../port/store.ts";
import type { Block } from "./block.ts";
import { readBlock, writeBlock } from "./block-codec.ts";
import { IpamError } from "./errors.ts";
import { adjusted, blockKey, handleKey, handleValue, readHandle } from "./records.ts";

/** A block as it was read, with what is needed to replace exactly that. */
export interface StoredBlock {
  readonly block: Block;
  readonly stored: Stored;
}

export interface BlockChange {
  readonly before: StoredBlock;
  /** undefined deletes the block. */
  readonly after: Block | undefined;
  /** Addresses more (all positive) or fewer (all negative), by handle. */
  readonly countByHandle: ReadonlyMap<string, number>;
  /** Written with it where the store takes several objects at once and all of these can be; otherwise left to the caller. */
  readonly records?: readonly WriteOp[];
}

/** A block as it was written. */
export interface WrittenBlock extends StoredBlock {
  /** What `records` stored, in their order; empty when they were left to the caller. */
  readonly records: readonly Stored[];
}

/** Attempts at a record that others keep changing. */
export const RETRIES = 100;
/** Objects in one write; etcd takes 128 by default. */
export const MAX_OBJECTS_PER_WRITE = 100;

/** Throws IpamError `badRecord`. */
export const readStoredBlock = (stored: Stored): StoredBlock => ({ block: readBlock(stored.value), stored });

export class BlockWriter {
  readonly #store: Store;
  /** Whether the store takes several objects at once; true until it says otherwise. */
  #together = true;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * The block as now stored, `deleted`, or `conflict` when somebody changed the block since `before` (nothing is
   * changed then). Throws StoreError, and IpamError `contention` when a handle never holds still.
   */
  async write(change: BlockChange): Promise<WrittenBlock | "deleted" | "conflict"> {
    if (change.countByHandle.size > 0 && this.#together) {
      try {
        return await this.#writeTogether(change);
      } catch (failure) {
        if (!(failure instanceof StoreError) || failure.code !== "unsupported") throw failure;
        this.#together = false;
      }
    }
    return this.#writeInOrder(change);
  }

  async #writeTogether(change: BlockChange): Promise<WrittenBlock | "deleted" | "conflict"> {
    const handles = new Map<string, Stored | undefined>();
    const touched = [...change.countByHandle.keys()];
    const isAssignment = [...change.countByHandle.values()].every((count) => count > 0);
    // A handle is as a rule new when it gets addresses, and known when it gives them back.
    if (!isAssignment) {
      await Promise.all(touched.map(async (id) => handles.set(id, await this.#store.get(handleKey(id)))));
    }
    let records = change.records ?? [];
    for (let attempt = 0; attempt < RETRIES; attempt++) {
      const handleOps = touched.flatMap((id) => this.#handleOps(change, id, handles.get(id)));
      const result = await this.#store.write([blockOp(change), ...records, ...handleOps]);
      if (result.ok) return written(change, result.stored, records.length);
      if (keyText(result.key) === keyText(change.before.stored.key)) return "conflict";
      if (result.key.kind === "IPAMHandle") handles.set(result.key.name, await this.#store.get(result.key));
      else records = [];
    }
    throw contention(touched.join(", "));
  }

  #handleOps(change: BlockChange, id: string, stored: Stored | undefined): WriteOp[] {
    const key = handleKey(id);
    const cidr = formatPrefix(change.before.block.cidr);
    return handleOps(key, stored, cidr, change.countByHandle.get(id) ?? 0);
  }

  async #writeInOrder(change: BlockChange): Promise<WrittenBlock | "deleted" | "conflict"> {
    const cidr = formatPrefix(change.before.block.cidr);
    const grows = [...change.countByHandle].filter(([, count]) => count > 0);
    for (const [id, count] of grows) await this.#adjustHandle(id, cidr, count);
    const result = await this.#store.write([blockOp(change)]);
    if (!result.ok) {
      for (const [id, count] of grows) await this.#adjustHandle(id, cidr, -count);
      return "conflict";
    }
    // Only what was freed is subtracted, even from a record that counts too many: another's subtraction may be on its way.
    for (const [id, count] of change.countByHandle) if (count < 0) await this.#adjustHandle(id, cidr, count);
    return written(change, result.stored, 0);
  }

  /** Adds to a handle's count for one block by compare-and-swap. Throws IpamError `contention`. */
  async #adjustHandle(id: string, cidr: PrefixKey, change: number): Promise<void> {
    const key = handleKey(id);
    for (let attempt = 0; attempt < RETRIES; attempt++) {
      const ops = handleOps(key, await this.#store.get(key), cidr, change);
      if (ops.length === 0 || (await this.#store.write(ops)).ok) return;
    }
    throw contention(id);
  }
}

function blockOp({ before, after }: BlockChange): WriteOp {
  const { key, revision } = before.stored;
  if (after === undefined) return { op: "delete", key, revision };
  return { op: "update", key: blockKey(after.cidr), value: writeBlock(after), revision };
}

function handleOps(key: ObjectKey, stored: Stored | undefined, cidr: PrefixKey, change: number): WriteOp[] {
  const was: JsonObject = stored?.value ?? {};
  const counts = adjusted(readHandle(was), cidr, change);
  if (!stored) return counts.size === 0 ? [] : [{ op: "create", key, value: handleValue(counts) }];
  const { revision } = stored;
  if (counts.size === 0) return [{ op: "delete", key, revision }];
  return [{ op: "update", key, value: handleValue(counts, was), revision }];
}

/** The block comes first in every write, its records behind it. */
const written = (change: BlockChange, stored: readonly Stored[], records: number): WrittenBlock | "deleted" => {
  const first = stored[0];
  if (!change.after || !first) return "deleted";
  return { block: change.after, stored: first, records: stored.slice(1, 1 + records) };
};

const contention = (subject: string): IpamError =>
  new IpamError("contention", `gave up after ${RETRIES} attempts: others keep changing IPAM handle ${subject}`, {
    subject,
  });
