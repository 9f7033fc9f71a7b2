/**
 * Whole messages out of a TCP stream, however it is cut. A message that came in one piece is a view of that piece; only
 * one that is cut is copied, once. Marker and length are checked before anything is kept for a message, so that never more
 * than one message of allowed length is held besides the pieces themselves.
 *
 * Messages are drawn with `next`, one at a time: who decodes in slices stops when the slice is over, and bounds what waits
 * here by not reading from the socket meanwhile.
 */
import { HEADER_OCTETS, type Header, MAX_MESSAGE_OCTETS, readHeader } from "./header.ts";

export class Framer {
  /** Octets of the longest message that is taken from now on: raised when OPENs allow more (RFC 8654). */
  limit = MAX_MESSAGE_OCTETS;
  readonly #pieces: Uint8Array[] = [];
  /** Octets of the first piece that were taken, and octets that wait in all. */
  #at = 0;
  #waiting = 0;
  /** A view of the first piece. */
  #view = viewOf(new Uint8Array(0));
  readonly #head = new Uint8Array(HEADER_OCTETS);

  /** Octets that wait here. */
  get waitingOctets(): number {
    return this.#waiting;
  }

  /** Takes a piece of the stream, which must not be changed while messages of it are in use. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    if (this.#pieces.push(piece) === 1) this.#view = viewOf(piece);
    this.#waiting += piece.length;
  }

  /** The next whole message, header included; undefined until more arrives. Throws BgpDecodeError `badHeader`, again and again. */
  next(): Uint8Array | undefined {
    if (this.#waiting < HEADER_OCTETS) return undefined;
    const { length } = this.#header();
    return this.#waiting < length ? undefined : this.#take(length);
  }

  #header(): Header {
    const [first] = this.#pieces;
    if (first && first.length - this.#at >= HEADER_OCTETS) return readHeader(this.#view, this.#at, this.limit);
    this.#copy(this.#head);
    return readHeader(viewOf(this.#head), 0, this.limit);
  }

  #take(length: number): Uint8Array {
    const [first] = this.#pieces;
    if (first && first.length - this.#at >= length) {
      const message = first.subarray(this.#at, this.#at + length);
      this.#drop(length);
      return message;
    }
    const message = new Uint8Array(length);
    this.#copy(message);
    this.#drop(length);
    return message;
  }

  /** Fills `target` from the pieces and takes nothing. */
  #copy(target: Uint8Array): void {
    let from = this.#at;
    let filled = 0;
    for (const piece of this.#pieces) {
      const part = piece.subarray(from, from + target.length - filled);
      target.set(part, filled);
      filled += part.length;
      from = 0;
      if (filled === target.length) return;
    }
  }

  #drop(count: number): void {
    this.#waiting -= count;
    this.#at += count;
    let gone = 0;
    for (const piece of this.#pieces) {
      if (this.#at < piece.length) break;
      this.#at -= piece.length;
      gone++;
    }
    if (gone === 0) return;
    this.#pieces.splice(0, gone);
    const [first] = this.#pieces;
    if (first) this.#view = viewOf(first);
  }
}

const viewOf = (octets: Uint8Array): DataView => new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
