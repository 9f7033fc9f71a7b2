/** Which keys hang on which lease. */
import type { Item } from "./item.ts";

const NONE: ReadonlySet<string> = new Set();

export class LeaseKeys {
  readonly #byLease = new Map<bigint, Set<string>>();

  of(lease: bigint): ReadonlySet<string> {
    return this.#byLease.get(lease) ?? NONE;
  }

  /** A key was one item and is another; undefined: not there. */
  move(before: Item | undefined, after: Item | undefined): void {
    if (before?.lease === after?.lease) return;
    if (before) this.#detach(before);
    if (after) this.#attach(after);
  }

  #attach({ key, lease }: Item): void {
    if (lease === 0n) return;
    const keys = this.#byLease.get(lease);
    if (keys) keys.add(key);
    else this.#byLease.set(lease, new Set([key]));
  }

  #detach({ key, lease }: Item): void {
    const keys = this.#byLease.get(lease);
    keys?.delete(key);
    if (keys?.size === 0) this.#byLease.delete(lease);
  }
}
