/** Memory that packets lie in, seen in three widths at once. Hosts are little-endian, as all that Node has binaries for here. */
export class PacketMemory {
  readonly octets: Buffer;
  readonly halves: Uint16Array;
  readonly words: Int32Array;

  /** `length` in octets, made a multiple of eight. */
  constructor(length: number) {
    const memory = new ArrayBuffer((length + 7) & ~7);
    this.octets = Buffer.from(memory);
    this.halves = new Uint16Array(memory);
    this.words = new Int32Array(memory);
  }
}

/** Two octets in network order. */
export const networkHalf = ({ octets }: PacketMemory, at: number): number =>
  ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);

export function setNetworkHalf({ octets }: PacketMemory, at: number, value: number): void {
  octets[at] = value >>> 8;
  octets[at + 1] = value;
}
