/** Arrays of struct mmsghdr and struct iovec (recvmmsg(2)) in memory that stays, written without making anything. 64 bits. */
import { addressOf } from "../linux/libc.ts";

const MESSAGE_WORDS = 16;
const VECTOR_WORDS = 4;
const ADDRESS_WORDS = 4;
const TWO_32 = 2 ** 32;
const AF_INET = 2;

/** Where memory lies, as a number: addresses of user space have at most 47 bits. */
export const placeOf = (octets: Uint8Array): number => Number(addressOf(octets));

/** A list of pieces of memory. */
export class Vectors {
  readonly #words: Uint32Array;
  readonly place: number;

  constructor(count: number) {
    this.#words = new Uint32Array(count * VECTOR_WORDS);
    this.place = placeOf(new Uint8Array(this.#words.buffer));
  }

  set(index: number, place: number, length: number): void {
    const at = index * VECTOR_WORDS;
    this.#words[at] = place;
    this.#words[at + 1] = place / TWO_32;
    this.#words[at + 2] = length;
  }

  placeAt(index: number): number {
    return this.place + index * VECTOR_WORDS * 4;
  }
}

/** Messages of up to `pieces` pieces each, and where they go. */
export class Messages {
  readonly vectors: Vectors;
  readonly #words: Uint32Array;
  readonly #addresses: Uint32Array;
  readonly #pieces: number;
  readonly #place: number;

  constructor(count: number, pieces: number) {
    this.#pieces = pieces;
    this.vectors = new Vectors(count * pieces);
    this.#words = new Uint32Array(count * MESSAGE_WORDS);
    this.#addresses = new Uint32Array(count * ADDRESS_WORDS);
    this.#place = placeOf(new Uint8Array(this.#words.buffer));
    const addresses = placeOf(new Uint8Array(this.#addresses.buffer));
    for (let index = 0; index < count; index++) {
      this.#addresses[index * ADDRESS_WORDS] = AF_INET;
      this.#pointer(index, 0, addresses + index * ADDRESS_WORDS * 4);
      this.#pointer(index, 4, this.vectors.placeAt(index * pieces));
      this.#words[index * MESSAGE_WORDS + 6] = pieces;
    }
  }

  #pointer(index: number, word: number, place: number): void {
    this.#words[index * MESSAGE_WORDS + word] = place;
    this.#words[index * MESSAGE_WORDS + word + 1] = place / TWO_32;
  }

  placeAt(index: number): number {
    return this.#place + index * MESSAGE_WORDS * 4;
  }

  /** The message goes to this address, which is read as a word. */
  setDestination(index: number, address: number): void {
    this.#words[index * MESSAGE_WORDS + 2] = ADDRESS_WORDS * 4;
    this.#addresses[index * ADDRESS_WORDS + 1] = address;
  }

  setPiece(index: number, piece: number, place: number, length: number): void {
    this.vectors.set(index * this.#pieces + piece, place, length);
  }

  /** Octets that the kernel has put into the message. */
  lengthOf(index: number): number {
    return this.#words[index * MESSAGE_WORDS + 14] ?? 0;
  }
}
