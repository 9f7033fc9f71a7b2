/**
 * Who owns which block: the claim and release of affinities by compare-and-swap, recoverable wherever a process dies.
 *
 *   claim     affinity pending → block created (or bumped, where it is there and ours) → affinity confirmed
 *   release   block read → affinity pendingDeletion → block deleted or made nobody's → affinity deleted
 *
 * The releaser acts on the block that it read before it marked the affinity, and the claimer changes the block after
 * it marked: of two that cross, one fails. So a confirmed affinity always has a block that names its owner.
 */
import type { Family } from "../ip/address.ts";
import { formatPrefix, type Prefix, type PrefixKey, prefixFamily, tryParsePrefix } from "../ip/prefix.ts";
import type { WallClock } from "../port/clock.ts";
import type { Store, Stored } from "../port/store.ts";
import { type Block, isEmpty, newBlock, touched, withAffinity } from "./block.ts";
import { writeBlock } from "./block-codec.ts";
import { RETRIES, readStoredBlock, type StoredBlock } from "./block-writer.ts";
import { IpamError } from "./errors.ts";
import {
  type AffinityState,
  affinityKey,
  affinityPrefix,
  affinityValue,
  blockKey,
  type Owner,
  ownerText,
  readAffinityState,
} from "./records.ts";

export interface Affinity {
  readonly cidr: Prefix;
  readonly state: AffinityState;
}

export interface ReleaseCondition {
  readonly requireEmpty?: boolean;
  /** The block must still be at this sequence number. */
  readonly sequenceNumber?: bigint;
}

/** RFC 3339 to the second, as Go writes a metav1.Time. */
const claimTime = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`;

const nanosOf = (now: Date): bigint => BigInt(now.getTime()) * 1_000_000n;

export class Affinities {
  readonly #store: Store;
  readonly #wallClock: WallClock;

  constructor(deps: { readonly store: Store; readonly wallClock: WallClock }) {
    this.#store = deps.store;
    this.#wallClock = deps.wallClock;
  }

  /** The owner's affinities of a family, in the store's order. */
  async list(owner: Owner, family: Family): Promise<readonly Affinity[]> {
    const namePrefix = affinityPrefix(owner);
    const { objects } = await this.#store.list({ kind: "BlockAffinity", namePrefix });
    return objects.flatMap(({ key, value }) => {
      const cidr = tryParsePrefix(key.name.slice(namePrefix.length));
      return cidr && prefixFamily(cidr) === family ? [{ cidr, state: readAffinityState(value) }] : [];
    });
  }

  /**
   * Makes the block the owner's, or finds that it is. Undefined when somebody else has it; an affinity of ours that
   * said otherwise is removed then. Throws IpamError `contention`, `badRecord`, and StoreError.
   */
  async claim(owner: Owner, cidr: Prefix): Promise<StoredBlock | undefined> {
    const key = affinityKey(owner, cidr);
    for (let attempt = 0; attempt < RETRIES; attempt++) {
      const known = await this.#store.get(key);
      if (known && readAffinityState(known.value) === "confirmed") {
        const found = await this.#block(cidr);
        if (found?.block.affinity === ownerText(owner)) return found;
      }
      // One that is pending already is not written again: claimers of one host would only undo each other's.
      const isPending = known !== undefined && readAffinityState(known.value) === "pending";
      const pending = isPending ? known : await this.#mark(owner, cidr, known, "pending");
      if (!pending) continue;
      const block = await this.#take(owner, cidr);
      if (block === "changed") continue;
      if (block === "foreign") {
        const gone = await this.#store.write([{ op: "delete", key, revision: pending.revision }]);
        if (gone.ok || gone.reason === "notFound") return undefined;
        continue;
      }
      if (await this.#mark(owner, cidr, pending, "confirmed")) return block;
    }
    throw contention(owner, cidr);
  }

  /**
   * Gives a block up: an empty one is deleted, another becomes nobody's. `refused` when the condition does not hold,
   * `gone` when the block is not the owner's (a left-over affinity is removed).
   */
  async release(
    owner: Owner,
    cidr: Prefix,
    condition: ReleaseCondition = {},
  ): Promise<"released" | "refused" | "gone"> {
    const key = affinityKey(owner, cidr);
    for (let attempt = 0; attempt < RETRIES; attempt++) {
      const [known, found] = await Promise.all([this.#store.get(key), this.#block(cidr)]);
      if (!known) return "gone";
      const isOurs = found !== undefined && found.block.affinity === ownerText(owner);
      if (isOurs && !holds(condition, found.block)) {
        if (attempt === 0) return "refused";
        // The block changed under our mark of the attempt before: it stays the owner's.
        if (await this.#mark(owner, cidr, known, "confirmed")) return "refused";
        continue;
      }
      const marked = await this.#mark(owner, cidr, known, "pendingDeletion");
      if (!marked) continue;
      if (isOurs && !(await this.#letGo(found))) continue;
      const gone = await this.#store.write([{ op: "delete", key, revision: marked.revision }]);
      if (gone.ok || gone.reason === "notFound") return isOurs ? "released" : "gone";
    }
    throw contention(owner, cidr);
  }

  async #block(cidr: Prefix): Promise<StoredBlock | undefined> {
    const stored = await this.#store.get(blockKey(cidr));
    return stored && readStoredBlock(stored);
  }

  /** Writes the state over what was read; undefined when somebody else wrote first. */
  async #mark(owner: Owner, cidr: Prefix, was: Stored | undefined, state: AffinityState): Promise<Stored | undefined> {
    const key = affinityKey(owner, cidr);
    const value = affinityValue(state, was?.value);
    const result = await this.#store.write([
      was ? { op: "update", key, value, revision: was.revision } : { op: "create", key, value },
    ]);
    return result.ok ? result.stored[0] : undefined;
  }

  /** Step 2 of a claim. */
  async #take(owner: Owner, cidr: Prefix): Promise<StoredBlock | "foreign" | "changed"> {
    const key = blockKey(cidr);
    const found = await this.#block(cidr);
    if (!found) {
      const now = this.#wallClock.now();
      const block = newBlock(cidr, ownerText(owner), claimTime(now), nanosOf(now));
      const result = await this.#store.write([{ op: "create", key, value: writeBlock(block) }]);
      const stored = result.ok ? result.stored[0] : undefined;
      return stored ? { block, stored } : "changed";
    }
    if (found.block.affinity !== ownerText(owner)) return "foreign";
    const block = touched(found.block);
    const { revision } = found.stored;
    const result = await this.#store.write([{ op: "update", key, value: writeBlock(block), revision }]);
    const stored = result.ok ? result.stored[0] : undefined;
    return stored ? { block, stored } : "changed";
  }

  async #letGo({ block, stored }: StoredBlock): Promise<boolean> {
    const { key, revision } = stored;
    const orphan = withAffinity(block, null, undefined);
    const result = await this.#store.write([
      isEmpty(block) ? { op: "delete", key, revision } : { op: "update", key, value: writeBlock(orphan), revision },
    ]);
    return result.ok;
  }
}

const holds = (condition: ReleaseCondition, block: Block): boolean =>
  (!condition.requireEmpty || isEmpty(block)) &&
  (condition.sequenceNumber === undefined || condition.sequenceNumber === block.sequenceNumber);

function contention(owner: Owner, cidr: Prefix): IpamError {
  const subject: PrefixKey = formatPrefix(cidr);
  return new IpamError(
    "contention",
    `gave up after ${RETRIES} attempts: others keep changing block ${subject} or its affinity to ${ownerText(owner)}`,
    { subject },
  );
}
