/**
 * Octets that grow. Numbers are big-endian (network order) unless the method says `Host` (little-endian, see Reader).
 * `finish` gives a view of what was written; the writer can be reset and used again, which makes that view stale.
 */
export class Writer {
  #octets: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#octets = new Uint8Array(capacity);
    this.#view = new DataView(this.#octets.buffer);
  }

  get length(): number {
    return this.#length;
  }

  #room(wanted: number): number {
    const at = this.#length;
    if (at + wanted > this.#octets.length) {
      const grown = new Uint8Array(Math.max(at + wanted, this.#octets.length * 2));
      grown.set(this.#octets.subarray(0, at));
      this.#octets = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = at + wanted;
    return at;
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, value);
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value);
  }

  u64(value: bigint): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, value);
  }

  u16Host(value: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, value, true);
  }

  u32Host(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
  }

  i32Host(value: number): void {
    const at = this.#room(4);
    this.#view.setInt32(at, value, true);
  }

  u64Host(value: bigint): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, value, true);
  }

  octets(octets: Uint8Array): void {
    const at = this.#room(octets.length);
    this.#octets.set(octets, at);
  }

  zeros(count: number): void {
    const at = this.#room(count);
    this.#octets.fill(0, at, at + count);
  }

  /** Makes room for `count` octets, zero until the `patch…` methods write them, and returns where they begin. */
  reserve(count: number): number {
    const at = this.#room(count);
    this.#octets.fill(0, at, at + count);
    return at;
  }

  patchU8(at: number, value: number): void {
    this.#view.setUint8(at, value);
  }

  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  /** Overwrites a number written before, for lengths known only at the end. */
  patchU16(at: number, value: number): void {
    this.#view.setUint16(at, value);
  }

  patchU16Host(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  patchU32Host(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** What was written, as a view. */
  finish(): Uint8Array {
    return this.#octets.subarray(0, this.#length);
  }

  /** Forgets what was written and keeps the room. */
  reset(): void {
    this.#length = 0;
  }
}
