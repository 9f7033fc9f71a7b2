/**
 * Prefixes and their ids: small integers under which every table keeps what it knows of a prefix, so that a million prefixes
 * are hashed once. An id lives as long as somebody holds it and is given to another prefix afterwards.
 *
 * IPv4 codes are found by open addressing, IPv6 codes by Maps, both in parts that grow one at a time: growing a single table of a
 * million would hold up the event loop.
 */
import { PartedMap } from "../../base/parted-map.ts";
import type { Family } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import { IdCounts } from "./id-counts.ts";
import { IdSet } from "./id-set.ts";
import { IdTable } from "./id-table.ts";

const PARTS = 256;
const FIRST_SLOTS = 8;
/** A part of fewer slots grows by four. */
const FEW_SLOTS = 512;
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

/** 32 bits of a number below 2^64, mixed so that every bit counts in the upper 8 and in the lower ones (MurmurHash3). */
function hashOf(code: number): number {
  let mixed = (code | 0) ^ Math.imul((code / 0x1_0000_0000) | 0, 0x9e37_79b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

/** Of an IPv6 code: its lower 64 bits have both halves of the address in them. */
const hashOf6 = (prefix: PrefixCode): number => hashOf(Number(BigInt.asUintN(64, prefix as bigint)));

export class PrefixTable {
  readonly #codes = new IdTable<PrefixCode>();
  readonly #holds = new IdCounts();
  /** Ids that were ever given. */
  #bound = 0;
  readonly #free: number[] = [];
  readonly #parts = Array.from({ length: PARTS }, () => partOf(FIRST_SLOTS));
  readonly #ids6 = new PartedMap<PrefixCode, number>(hashOf6);
  /** The ids in `#ids6`. */
  readonly #are6 = new IdSet();

  /** Prefixes that somebody holds. */
  get size(): number {
    return this.#bound - this.#free.length;
  }

  /** No id is, or was ever, this high. */
  get bound(): number {
    return this.#bound;
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
    const prefix = this.#codes.get(id);
    if (prefix === undefined) throw new RangeError(`id ${id} was never given`);
    return prefix;
  }

  /** Its id, held once more. */
  hold(prefix: PrefixCode): number {
    return typeof prefix === "number" ? this.#hold4(prefix) : this.#hold6(prefix);
  }

  #hold4(prefix: PrefixCode & number): number {
    const hash = hashOf(prefix);
    const part = this.#partOf(hash);
    const slot = find(part.codes, hash, prefix);
    if (part.codes[slot] === prefix) {
      const known = part.ids[slot] ?? NONE;
      this.holdId(known);
      return known;
    }
    const id = this.#give(prefix);
    part.codes[slot] = prefix;
    part.ids[slot] = id;
    if (++part.used * 3 > part.codes.length * 2) rebuild(part);
    return id;
  }

  #hold6(prefix: PrefixCode): number {
    const known = this.#ids6.get(prefix);
    if (known !== undefined) {
      this.holdId(known);
      return known;
    }
    const id = this.#give(prefix);
    this.#ids6.set(prefix, id);
    this.#are6.add(id);
    return id;
  }

  /** An id for a prefix that has none, held once. */
  #give(prefix: PrefixCode): number {
    const id = this.#free.pop() ?? this.#bound++;
    this.#codes.set(id, prefix);
    this.#holds.add(id, 1);
    return id;
  }

  /** Those of the ids, all of them held, whose prefixes are of the family. */
  ofFamily(ids: IdSet, family: Family): IdSet {
    return family === 6 ? ids.common(this.#are6) : ids.without(this.#are6);
  }

  /** Once more; the id must be held already. */
  holdId(id: number): void {
    this.#holds.add(id, 1);
  }

  /** The same for all of them, some milliseconds for a million. */
  holdAll(ids: IdSet): void {
    this.#holds.addAll(ids);
  }

  /** Takes one hold back. */
  release(id: number): void {
    if (this.#holds.add(id, -1) > 0) return;
    const prefix = this.prefixOf(id);
    if (typeof prefix === "number") this.#remove(prefix);
    else {
      this.#ids6.delete(prefix);
      this.#are6.delete(id);
    }
    this.#free.push(id);
  }

  #partOf(hash: number): Part {
    const part = this.#parts[hash >>> 24];
    if (!part) throw new RangeError("a hash of more than 32 bits");
    return part;
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

/** Larger where most slots are in use, a small part at once by much; else only without the gaps. */
function rebuild(part: Part): void {
  const { codes, ids } = part;
  let live = 0;
  for (let slot = 0; slot < codes.length; slot++) if (isCode(codes[slot])) live++;
  const growth = live * 3 <= codes.length ? 1 : codes.length < FEW_SLOTS ? 4 : 2;
  const into = partOf(codes.length * growth);
  for (let slot = 0; slot < codes.length; slot++) {
    const code = codes[slot];
    if (!isCode(code)) continue;
    const at = find(into.codes, hashOf(code), code);
    into.codes[at] = code;
    into.ids[at] = ids[slot] ?? NONE;
  }
  part.codes = into.codes;
  part.ids = into.ids;
  part.used = live;
}

const isCode = (code: number | undefined): code is number => code !== undefined && code >= 0;
