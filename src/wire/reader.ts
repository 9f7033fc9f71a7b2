/**
 * A bounds-checked view of octets: every read advances or throws ShortReadError, and `sub(n)` gives a reader that
 * cannot leave its n octets. Numbers are big-endian (network order) unless the method says `Host`, which is
 * little-endian: netlink speaks the host's order, and every host we run on is little-endian.
 */
import { CodedError } from "../base/errors.ts";

export class ShortReadError extends CodedError<"shortRead", { offset: number; wanted: number; left: number }> {}

export class Reader {
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
    this.#view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  }

  /** Octets read so far. */
  get offset(): number {
    return this.#at;
  }

  /** Octets not yet read. */
  get left(): number {
    return this.#octets.length - this.#at;
  }

  #take(wanted: number): number {
    const at = this.#at;
    if (wanted < 0 || this.#octets.length - at < wanted) {
      const left = this.#octets.length - at;
      throw new ShortReadError("shortRead", `${wanted} octets wanted at ${at}, ${left} left`, {
        offset: at,
        wanted,
        left,
      });
    }
    this.#at = at + wanted;
    return at;
  }

  u8 = (): number => this.#view.getUint8(this.#take(1));
  u16 = (): number => this.#view.getUint16(this.#take(2));
  u32 = (): number => this.#view.getUint32(this.#take(4));
  u64 = (): bigint => this.#view.getBigUint64(this.#take(8));
  u16Host = (): number => this.#view.getUint16(this.#take(2), true);
  u32Host = (): number => this.#view.getUint32(this.#take(4), true);
  i32Host = (): number => this.#view.getInt32(this.#take(4), true);
  u64Host = (): bigint => this.#view.getBigUint64(this.#take(8), true);

  /** The next n octets, a view and not a copy. */
  octets(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#octets.subarray(at, at + length);
  }

  /** Everything that is left. */
  rest = (): Uint8Array => this.octets(this.left);

  skip(length: number): void {
    this.#take(length);
  }

  /** A reader of the next n octets. */
  sub = (length: number): Reader => new Reader(this.octets(length));
}
