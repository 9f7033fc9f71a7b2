/**
 * All blocks of a family as they were listed. A large cluster has thousands and a search looks at few of them, so each
 * is read when it is asked for; what sorts most of them out is taken from the stored JSON as it is.
 */

import { objectOf } from "../base/json-fields.ts";
import type { Family } from "../ip/address.ts";
import { prefixFamily, tryParsePrefix } from "../ip/prefix.ts";
import type { Log } from "../port/log.ts";
import type { Listing, ObjectKey, Store, Stored } from "../port/store.ts";
import { readStoredBlock, type StoredBlock } from "./block-writer.ts";
import { IpamError } from "./errors.ts";

export class Blocks {
  /** Without an object where the value cannot be read. */
  readonly #storedByCidr: ReadonlyMap<string, Stored | undefined>;
  readonly #log: Log;

  constructor({ objects, unreadable }: Pick<Listing, "objects" | "unreadable">, log: Log) {
    this.#storedByCidr = new Map<string, Stored | undefined>([
      ...objects.map((stored) => [stored.key.name, stored] as const),
      ...unreadable.map(({ key }) => [key.name, undefined] as const),
    ]);
    this.#log = log;
    for (const { key, why } of unreadable) log.warn("a damaged block is left alone", { block: key.name, why });
  }

  /** CIDRs, damaged blocks included: a damaged block is there, nobody's, and full. */
  get cidrs(): IterableIterator<string> {
    return this.#storedByCidr.keys();
  }

  has(cidr: string): boolean {
    return this.#storedByCidr.has(cidr);
  }

  /** Undefined when there is none, or a damaged one (which is logged). */
  get(cidr: string): StoredBlock | undefined {
    const stored = this.#storedByCidr.get(cidr);
    try {
      return stored && readStoredBlock(stored);
    } catch (failure) {
      if (!(failure instanceof IpamError)) throw failure;
      this.#log.warn("a damaged block is left alone", { block: cidr }, failure);
      return undefined;
    }
  }

  /** Owner as recorded, undefined for nobody or an old spelling of somebody. */
  ownerOf(cidr: string): string | undefined {
    const owner = this.#storedByCidr.get(cidr)?.value["affinity"];
    return typeof owner === "string" ? owner : undefined;
  }

  /** Addresses that are free, reserved ones included. */
  freeIn(cidr: string): number {
    const free = this.#storedByCidr.get(cidr)?.value["unallocated"];
    return Array.isArray(free) ? free.length : 0;
  }

  /** Handles that hold addresses in the name of a node. */
  *handlesOn(node: string): Generator<string> {
    for (const stored of this.#storedByCidr.values()) {
      const attributes = stored?.value["attributes"];
      for (const attribute of Array.isArray(attributes) ? attributes : []) {
        const { handle_id, secondary } = objectOf(attribute);
        if (typeof handle_id === "string" && objectOf(secondary)["node"] === node) yield handle_id;
      }
    }
  }
}

/** Lists the blocks of a family. Throws StoreError. */
export async function readBlocks(store: Store, family: Family, log: Log): Promise<Blocks> {
  const { objects, unreadable } = await store.list({ kind: "IPAMBlock" });
  const isOfFamily = ({ key }: { readonly key: ObjectKey }): boolean => {
    const cidr = tryParsePrefix(key.name);
    return cidr !== undefined && prefixFamily(cidr) === family;
  };
  return new Blocks({ objects: objects.filter(isOfFamily), unreadable: unreadable.filter(isOfFamily) }, log);
}
