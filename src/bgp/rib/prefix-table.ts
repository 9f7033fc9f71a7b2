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
/** No id, and where no code is. */
const NONE = -1;
/** Of a code that was here: the search goes on behind it. */
const GONE = -2;

interface Part {
  /** By slot: a code, `NONE` or `GONE`. */
  codes: Float64Array;
  /** By slot: the id of the code. */
  ids: Int32Array;
  /** Slots that are not empty. */
  used: number;
}

const partOf = (slots: number): Part => ({
  codes: new Float64Array(slots).fill(NONE),
  ids: new Int32Array(slots),
  used: 0,
});

/** 32 bits of an IPv4 code, which is below 2^38, mixed so that every bit counts in the upper 8 and in the lower ones (MurmurHash3). */
function hashOf(code: number): number {
  let mixed = (code | 0) ^ Math.imul((code / 0x1_0000_0000) | 0, 0x9e37_79b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

export class PrefixTable {
  readonly #codes: PrefixCode[] = [];
  readonly #holds: number[] = [];
  readonly #free: number[] = [];
  readonly #parts = Array.from({ length: PARTS }, () => partOf(FIRST_SLOTS));
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
    if (typeof prefix !== "number") return this.#ids6.get(prefix) ?? NONE;
    const hash = hashOf(prefix);
    const { codes, ids } = this.#partOf(hash);
    const slot = find(codes, hash, prefix);
    return codes[slot] === prefix ? (ids[slot] ?? NONE) : NONE;
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

  #insert(code: number, id: number): void {
    const hash = hashOf(code);
    const part = this.#partOf(hash);
    if ((part.used + 1) * 3 > part.codes.length * 2) rebuild(part);
    put(part, hash, code, id);
  }

  #remove(code: number): void {
    const hash = hashOf(code);
    const { codes } = this.#partOf(hash);
    codes[find(codes, hash, code)] = GONE;
  }
}

/** The slot of the code, or the empty one that ends the search. */
function find(codes: Float64Array, hash: number, code: number): number {
  const mask = codes.length - 1;
  let slot = hash & mask;
  while (codes[slot] !== code && codes[slot] !== NONE) slot = (slot + 1) & mask;
  return slot;
}

/** A code that is not there. */
function put(part: Part, hash: number, code: number, id: number): void {
  const slot = find(part.codes, hash, code);
  part.codes[slot] = code;
  part.ids[slot] = id;
  part.used++;
}

/** Twice as large where most slots are in use, else only without the gaps. */
function rebuild(part: Part): void {
  const { codes, ids } = part;
  let live = 0;
  for (const code of codes) if (code >= 0) live++;
  Object.assign(part, partOf(codes.length * (live * 3 > codes.length ? 2 : 1)));
  for (const [slot, code] of codes.entries()) if (code >= 0) put(part, hashOf(code), code, ids[slot] ?? NONE);
}
