/** Values by prefix with all that cover an address, the longest first: one map, asked once a length that is in use. */
import { type Family, familyOf, type IpAddress } from "../../ip/address.ts";
import { type Prefix, prefixFamily, prefixOf } from "../../ip/prefix.ts";
import { type PrefixCode, prefixCode } from "../../ip/prefix-code.ts";

export class PrefixTable<V> {
  readonly #values = new Map<PrefixCode, V>();
  /** Prefixes of each length, at most 33 and 129 of them. */
  readonly #counts: Readonly<Record<Family, number[]>> = {
    4: Array<number>(33).fill(0),
    6: Array<number>(129).fill(0),
  };

  get(prefix: Prefix): V | undefined {
    return this.#values.get(prefixCode(prefix));
  }

  set(prefix: Prefix, value: V): void {
    const code = prefixCode(prefix);
    if (!this.#values.has(code)) this.#count(prefix, 1);
    this.#values.set(code, value);
  }

  delete(prefix: Prefix): void {
    if (this.#values.delete(prefixCode(prefix))) this.#count(prefix, -1);
  }

  #count(prefix: Prefix, step: number): void {
    const counts = this.#counts[prefixFamily(prefix)];
    counts[prefix.length] = (counts[prefix.length] ?? 0) + step;
  }

  *covering(address: IpAddress): Iterable<V> {
    const counts = this.#counts[familyOf(address)];
    for (let length = counts.length - 1; length >= 0; length--) {
      if (counts[length] === 0) continue;
      const value = this.#values.get(prefixCode(prefixOf(address, length)));
      if (value !== undefined) yield value;
    }
  }
}
