/** Entries by prefix, in parts that grow one at a time: growing a single map of a million would hold up the event loop. */
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { Entry } from "./way.ts";

const PART_BITS = 6;

export class Entries {
  readonly #parts = Array.from({ length: 1 << PART_BITS }, () => new Map<PrefixCode, Entry>());
  readonly #ipv6 = new Map<PrefixCode, Entry>();
  size = 0;

  get(prefix: PrefixCode): Entry | undefined {
    return this.#partOf(prefix).get(prefix);
  }

  /** One that is not there. */
  add(entry: Entry): void {
    this.#partOf(entry.prefix).set(entry.prefix, entry);
    this.size++;
  }

  delete(prefix: PrefixCode): void {
    if (this.#partOf(prefix).delete(prefix)) this.size--;
  }

  *values(): Generator<Entry> {
    for (const part of this.#parts) yield* part.values();
    yield* this.#ipv6.values();
  }

  #partOf(prefix: PrefixCode): Map<PrefixCode, Entry> {
    if (typeof prefix !== "number") return this.#ipv6;
    return this.#parts[partOf(prefix)] ?? this.#ipv6;
  }
}

/** From the address of an IPv4 code, whose low bits are zero, by multiplication (Knuth 6.4). */
const partOf = (code: number): number => Math.imul(code / 64, 0x9e37_79b1) >>> (32 - PART_BITS);
