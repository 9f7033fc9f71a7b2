/** Values by address, and which addresses lie inside a prefix: sorted arrays, searched by halves. */
import { type Family, familyOf, type IpAddress } from "../../ip/address.ts";
import { lastAddress, type Prefix, prefixFamily } from "../../ip/prefix.ts";

export class AddressRange<V> {
  readonly #values = new Map<IpAddress, V>();
  readonly #sorted: Readonly<Record<Family, IpAddress[]>> = { 4: [], 6: [] };

  get size(): number {
    return this.#values.size;
  }

  get(address: IpAddress): V | undefined {
    return this.#values.get(address);
  }

  set(address: IpAddress, value: V): void {
    if (!this.#values.has(address)) {
      const sorted = this.#sorted[familyOf(address)];
      sorted.splice(placeOf(sorted, address), 0, address);
    }
    this.#values.set(address, value);
  }

  delete(address: IpAddress): void {
    if (!this.#values.delete(address)) return;
    const sorted = this.#sorted[familyOf(address)];
    sorted.splice(placeOf(sorted, address), 1);
  }

  keys(): readonly IpAddress[] {
    return [...this.#sorted[4], ...this.#sorted[6]];
  }

  within(prefix: Prefix): readonly IpAddress[] {
    const sorted = this.#sorted[prefixFamily(prefix)];
    const first = placeOf(sorted, prefix.address);
    const last = lastAddress(prefix);
    const end = placeOf(sorted, last);
    return sorted.slice(first, sorted[end] === last ? end + 1 : end);
  }
}

/** Where the address stands, or would stand. */
function placeOf(sorted: readonly IpAddress[], address: IpAddress): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = sorted[middle];
    if (there !== undefined && there < address) low = middle + 1;
    else high = middle;
  }
  return low;
}
