/**
 * The order in which a host looks at the blocks of a pool: all of them once, in a circle, from a start that the host's
 * name draws. Hosts so begin at different places and rarely meet, and a host always begins at the same one.
 */
import { addOffset, familyOf, widthOf } from "../ip/address.ts";
import { isHostPrefix, type Prefix } from "../ip/prefix.ts";
import { GoRandom } from "./go-random.ts";

/** A pool's range and the prefix length of its blocks. */
export interface BlockSpace {
  readonly cidr: Prefix;
  readonly blockSize: number;
}

/** FNV-1 (multiply, then xor), 32 bit, over the UTF-8 octets. */
export function fnv1(text: string): number {
  let hash = 0x811c9dc5;
  for (const octet of Buffer.from(text)) hash = (Math.imul(hash, 0x01000193) ^ octet) >>> 0;
  return hash;
}

/** Blocks in a pool; none where blocks are larger than the pool. */
export const blockCount = (space: BlockSpace): bigint =>
  space.blockSize < space.cidr.length ? 0n : 1n << BigInt(space.blockSize - space.cidr.length);

/** Where the host's walk starts, as Calico draws it (founding documents: master is 877 of 1,024). */
export const startIndex = (host: string, blocks: bigint): bigint => new GoRandom(BigInt(fnv1(host))).below(blocks);

/** The block that holds the address. */
function blockAt(space: BlockSpace, index: bigint): Prefix {
  const step = BigInt(widthOf(familyOf(space.cidr.address)) - space.blockSize);
  return { address: addOffset(space.cidr.address, index << step), length: space.blockSize };
}

/**
 * Every block of the pool once. Blocks of one address start at a place drawn from `seed` instead of the name, since
 * each address would be a walk of its own from the same start.
 */
export function* walkBlocks(space: BlockSpace, host: string, seed: bigint): Generator<Prefix> {
  const blocks = blockCount(space);
  if (blocks === 0n) return;
  const single = isHostPrefix({ address: space.cidr.address, length: space.blockSize });
  const start = single ? new GoRandom(seed).below(blocks) : startIndex(host, blocks);
  for (let index = start; index < blocks; index++) yield blockAt(space, index);
  for (let index = 0n; index < start; index++) yield blockAt(space, index);
}
