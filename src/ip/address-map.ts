/** A Map by address that is as fast where lower halves of IPv6 addresses are alike (`mixed-halves.ts`). */
import type { IpAddress } from "./address.ts";
import { mixedHalves } from "./mixed-halves.ts";

const keyOf = (address: IpAddress): number | bigint => (typeof address === "number" ? address : mixedHalves(address));

export class AddressMap<V> {
  readonly #values = new Map<number | bigint, V>();

  get size(): number {
    return this.#values.size;
  }

  get(address: IpAddress): V | undefined {
    return this.#values.get(keyOf(address));
  }

  set(address: IpAddress, value: V): void {
    this.#values.set(keyOf(address), value);
  }

  delete(address: IpAddress): void {
    this.#values.delete(keyOf(address));
  }

  values(): IterableIterator<V> {
    return this.#values.values();
  }

  clear(): void {
    this.#values.clear();
  }
}
