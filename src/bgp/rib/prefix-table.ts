/**
 * Prefixes and their ids: small integers under which every table keeps what it knows of a prefix, so that a million prefixes
 * are hashed once. An id lives as long as somebody holds it and is given to another prefix afterwards.
 *
 * IPv4 codes are found by open addressing in parts that grow one at a time: growing a single table of a million would hold up
 * the event loop.
 */
import type { PrefixCode } from "../../ip/prefix-code.ts";

const PARTS = 256;
const FIRST_SLOTS = 8;
const EMPTY = -1;

interface Part {
  slots: Int32Array;
  count: number;
}

/** A hash of 32 bits of an IPv4 code: below 2^38, the upper bits are the address's first octets. */
function hashOf(code: number): number {
  const mixed = Math.imul((code | 0) ^ Math.imul((code / 0x1_0000_0000) | 0, 0x85eb_ca6b), 0x9e37_79b1);
  return Math.imul(mixed ^ (mixed >>> 15), 0xc2b2_ae35) ^ (mixed >>> 13);
}

export class PrefixTable {
  readonly #codes: PrefixCode[] = [];
  readonly #holds: number[] = [];
  readonly #free: number[] = [];
  readonly #parts: Part[] = Array.from({ length: PARTS }, () => ({
    slots: new Int32Array(FIRST_SLOTS).fill(EMPTY),
    count: 0,
  }));
  readonly #ids6 = new Map<PrefixCode, number>();

  /** Prefixes that somebody holds. */
  get size(): number {
    return this.#codes.length - this.#free.length;
  }

  /** No id is, or was ever, this high. */
  get bound(): number {
    return this.#codes.length;
  }

  /** −1: nobody holds it. */
  idOf(prefix: PrefixCode): number {
    if (typeof prefix !== "number") return this.#ids6.get(prefix) ?? EMPTY;
    const hash = hashOf(prefix);
    const { slots } = this.#partOf(hash);
    return slots[this.#find(slots, hash, prefix)] ?? EMPTY;
  }

  /** The prefix of an id that is held. */
  prefixOf(id: number): PrefixCode {
    const prefix = this.#codes[id];
    if (prefix === undefined) throw new RangeError(`id ${id} was never given`);
    return prefix;
  }

  /** Its id, held once more. */
  hold(prefix: PrefixCode): number {
    const known = this.idOf(prefix);
    if (known >= 0) {
      this.holdId(known);
      return known;
    }
    const id = this.#free.pop() ?? this.#codes.length;
    this.#codes[id] = prefix;
    this.#holds[id] = 1;
    if (typeof prefix === "number") this.#insert(prefix, id);
    else this.#ids6.set(prefix, id);
    return id;
  }

  /** Once more; the id must be held already. */
  holdId(id: number): void {
    this.#holds[id] = (this.#holds[id] ?? 0) + 1;
  }

  /** Takes one hold back. */
  release(id: number): void {
    const holds = (this.#holds[id] ?? 0) - 1;
    this.#holds[id] = holds;
    if (holds > 0) return;
    const prefix = this.prefixOf(id);
    if (typeof prefix === "number") this.#remove(prefix);
    else this.#ids6.delete(prefix);
    this.#free.push(id);
  }

  #partOf(hash: number): Part {
    const part = this.#parts[hash >>> 24];
    if (!part) throw new RangeError("a hash of more than 32 bits");
    return part;
  }

  /** The slot of the code, or the empty one where it belongs. */
  #find(slots: Int32Array, hash: number, code: number): number {
    const mask = slots.length - 1;
    let at = hash & mask;
    for (let id = slots[at] ?? EMPTY; id !== EMPTY && this.#codes[id] !== code; id = slots[at] ?? EMPTY)
      at = (at + 1) & mask;
    return at;
  }

  #insert(code: number, id: number): void {
    const hash = hashOf(code);
    const part = this.#partOf(hash);
    if (++part.count * 3 > part.slots.length * 2) this.#grow(part);
    part.slots[this.#find(part.slots, hash, code)] = id;
  }

  #grow(part: Part): void {
    const slots = new Int32Array(part.slots.length * 2).fill(EMPTY);
    for (const id of part.slots) {
      if (id === EMPTY) continue;
      const code = Number(this.prefixOf(id));
      slots[this.#find(slots, hashOf(code), code)] = id;
    }
    part.slots = slots;
  }

  /** Closes the gap: what stands behind it moves up unless that is before its own place (Knuth 6.4, algorithm R). */
  #remove(code: number): void {
    const hash = hashOf(code);
    const part = this.#partOf(hash);
    const { slots } = part;
    const mask = slots.length - 1;
    part.count--;
    let gap = this.#find(slots, hash, code);
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const id = slots[at] ?? EMPTY;
      if (id === EMPTY) break;
      const home = hashOf(Number(this.prefixOf(id))) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      slots[gap] = id;
      gap = at;
    }
    slots[gap] = EMPTY;
  }
}
