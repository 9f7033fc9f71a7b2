/**
 * The octets below protobuf messages: varints of 64 bits as two halves of 32, lengths before their content.
 * A source never leaves the part it reads: what would, throws ShortReadError.
 */
import { ShortReadError } from "./reader.ts";

const TWO_32 = 2 ** 32;
/** 64 bits in groups of seven. */
const MAX_VARINT = 10;

export class OctetSource {
  readonly #octets: Buffer;
  #at = 0;
  #end: number;
  /** The halves of the varint read last. */
  #low = 0;
  #high = 0;

  constructor(octets: Uint8Array) {
    this.#octets = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
    this.#end = octets.byteLength;
  }

  get at(): number {
    return this.#at;
  }

  /** Octets not yet read, of the part that is read now. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** Tags and lengths: what does not fit 32 bits is cut short by whoever takes that many octets. */
  varint(): number {
    const first = this.#octets[this.#at] ?? 0;
    if (first < 0x80 && this.#at < this.#end) {
      this.#at++;
      return first;
    }
    this.#readVarint();
    return this.#high === 0 ? this.#low >>> 0 : 0xffffffff;
  }

  /** A signed number; unsigned ones above 2^63 read as negative. */
  int(): number {
    this.#readVarint();
    return this.#high * TWO_32 + (this.#low >>> 0);
  }

  /** All 64 bits, unsigned. */
  wide(): bigint {
    this.#readVarint();
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }

  #readVarint(): void {
    const octets = this.#octets;
    let low = 0;
    let high = 0;
    for (let count = 0; count < MAX_VARINT; count++) {
      if (this.#at >= this.#end) throw this.#short(1);
      const octet = octets[this.#at++] ?? 0;
      const bits = octet & 0x7f;
      if (count < 4) low |= bits << (count * 7);
      else if (count === 4) {
        low |= bits << 28;
        high = bits >> 4;
      } else high |= bits << (count * 7 - 32);
      if (octet < 0x80) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw new ShortReadError("shortRead", `a varint without an end at ${this.#at}`, {
      offset: this.#at,
      wanted: MAX_VARINT + 1,
      left: this.left,
    });
  }

  /** A view, not a copy. */
  octets(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#octets.subarray(start, this.#at);
  }

  text(length: number, encoding: "utf8" | "latin1"): string {
    const start = this.#take(length);
    return this.#octets.toString(encoding, start, this.#at);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Reads a length, and lets `read` see that many octets and no more. */
  within<T>(read: () => T): T {
    const length = this.varint();
    if (this.left < length) throw this.#short(length);
    const end = this.#end;
    this.#end = this.#at + length;
    const value = read();
    this.#end = end;
    return value;
  }

  #take(length: number): number {
    if (this.left < length) throw this.#short(length);
    const start = this.#at;
    this.#at += length;
    return start;
  }

  #short(wanted: number): ShortReadError {
    const { at, left } = this;
    return new ShortReadError("shortRead", `${wanted} octets wanted at ${at}, ${left} left`, {
      offset: at,
      wanted,
      left,
    });
  }
}

export class OctetSink {
  #octets: Buffer;
  #length = 0;

  constructor(capacity = 256) {
    this.#octets = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  #room(wanted: number): number {
    const at = this.#length;
    if (at + wanted > this.#octets.length) {
      const grown = Buffer.allocUnsafe(Math.max(at + wanted, this.#octets.length * 2));
      this.#octets.copy(grown, 0, 0, at);
      this.#octets = grown;
    }
    this.#length = at + wanted;
    return at;
  }

  /** 0 … 2^32 − 1. */
  varint(value: number): void {
    let at = this.#room(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#octets[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#octets[at++] = rest;
    this.#length = at;
  }

  /** Any integer a number holds exactly; negative ones take ten octets. */
  int(value: number): void {
    if (value >= 0 && value < TWO_32) this.varint(value);
    else this.#halves(value | 0, Math.floor(value / TWO_32) | 0);
  }

  /** The low 64 bits. */
  wide(value: bigint): void {
    this.#halves(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
  }

  #halves(low: number, high: number): void {
    let at = this.#room(MAX_VARINT);
    let [l, h] = [low >>> 0, high >>> 0];
    while (h !== 0 || l > 0x7f) {
      this.#octets[at++] = (l & 0x7f) | 0x80;
      l = ((l >>> 7) | (h << 25)) >>> 0;
      h >>>= 7;
    }
    this.#octets[at++] = l;
    this.#length = at;
  }

  /** With their length before them. */
  octets(octets: Uint8Array): void {
    this.varint(octets.length);
    const at = this.#room(octets.length);
    this.#octets.set(octets, at);
  }

  /** With its length in octets before it. */
  text(text: string, encoding: "utf8" | "latin1"): void {
    const length = encoding === "utf8" ? Buffer.byteLength(text) : text.length;
    this.varint(length);
    const at = this.#room(length);
    this.#octets.write(text, at, encoding);
  }

  /** Zeros, to be overwritten by `patch`. */
  reserve(count: number): void {
    const at = this.#room(count);
    this.#octets.fill(0, at, at + count);
  }

  /** Overwrites reserved octets with a 32-bit number in network order. */
  patchU32(at: number, value: number): void {
    this.#octets.writeUInt32BE(value, at);
  }

  /** What `write` writes, with its length before it: most are short, and longer ones are moved up. */
  sized(write: () => void): void {
    const start = this.#room(1);
    write();
    const length = this.#length - start - 1;
    if (length < 0x80) {
      this.#octets[start] = length;
      return;
    }
    const extra = length < 1 << 14 ? 1 : length < 1 << 21 ? 2 : length < 1 << 28 ? 3 : 4;
    this.#room(extra);
    this.#octets.copyWithin(start + 1 + extra, start + 1, start + 1 + length);
    this.#length = start;
    this.varint(length);
    this.#length = start + 1 + extra + length;
  }

  /** What was written, as a view. */
  finish(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }
}
