/** Where to look for addresses beyond the blocks that a host has: free CIDRs, blocks to take over, blocks to borrow from. Pure. */
import { familyOf, widthOf } from "../ip/address.ts";
import { covers, formatPrefix, type Prefix } from "../ip/prefix.ts";
import { addressAt, type Block, blockSizeOf, freeCount, isEmpty, type Reserved } from "./block.ts";
import { type BlockSpace, blockCount, startIndex, walkBlocks } from "./block-walk.ts";
import type { StoredBlock } from "./block-writer.ts";

/** All blocks of a family by CIDR; undefined: one that cannot be read. */
export type Blocks = ReadonlyMap<string, StoredBlock | undefined>;

/** An empty block is another host's to keep for so long after it claimed it. */
const RECLAIM_AFTER_MS = 60_000;
/** Steps of one search; only huge pools with huge reservations have more. */
const MAX_STEPS = 1 << 20;

const isWhollyReserved = (cidr: Prefix, reserved: Reserved): boolean => {
  for (let ordinal = 0; ordinal < blockSizeOf(cidr); ordinal++) if (!reserved(addressAt(cidr, ordinal))) return false;
  return true;
};

export interface SearchContext {
  readonly host: string;
  /** As a block's `affinity` names the host. */
  readonly owner: string;
  readonly reserved: Reserved;
  /** For blocks of a single address, see `walkBlocks`. */
  readonly seed: bigint;
}

/** The first CIDR to claim in the host's walk: without a block, or with one that is the host's already and has room. */
export function findFreeCidr(pools: readonly BlockSpace[], blocks: Blocks, context: SearchContext): Prefix | undefined {
  let steps = 0;
  for (const pool of pools) {
    for (const cidr of walkBlocks(pool, context.host, context.seed)) {
      if (++steps > MAX_STEPS) return undefined;
      const name = formatPrefix(cidr);
      if (!blocks.has(name)) {
        if (!isWhollyReserved(cidr, context.reserved)) return cidr;
        continue;
      }
      const known = blocks.get(name);
      if (known?.block.affinity === context.owner && freeCount(known.block, context.reserved) > 0) return cidr;
    }
  }
  return undefined;
}

/** Blocks of other hosts that have been empty for long enough, in the order of the host's walk. */
export const reclaimable = (
  pools: readonly BlockSpace[],
  blocks: Blocks,
  context: SearchContext,
  nowMs: number,
): readonly Block[] =>
  inWalkOrder(pools, blocks, context.host)
    .map(({ block }) => block)
    .filter((block) => {
      if (!block.affinity?.startsWith("host:") || block.affinity === context.owner || !isEmpty(block)) return false;
      const claimedMs = block.claimedAt === undefined ? 0 : Date.parse(block.claimedAt);
      return !(nowMs - claimedMs < RECLAIM_AFTER_MS);
    });

/** Existing blocks with room, whoever owns them, in the order of the host's walk. */
export const borrowable = (
  pools: readonly BlockSpace[],
  blocks: Blocks,
  context: SearchContext,
): readonly StoredBlock[] =>
  inWalkOrder(pools, blocks, context.host).filter(({ block }) => freeCount(block, context.reserved) > 0);

/** The same order as `walkBlocks` gives, found by sorting what exists. */
function inWalkOrder(pools: readonly BlockSpace[], blocks: Blocks, host: string): readonly StoredBlock[] {
  const known = [...blocks.values()].filter((block) => block !== undefined);
  return pools.flatMap((pool) => {
    const count = blockCount(pool);
    const inPool = known.filter(({ block }) => block.cidr.length === pool.blockSize && covers(pool.cidr, block.cidr));
    if (count === 0n || inPool.length === 0) return [];
    const start = startIndex(host, count);
    const step = BigInt(widthOf(familyOf(pool.cidr.address)) - pool.blockSize);
    const distance = ({ block }: StoredBlock): bigint => {
      const index = (BigInt(block.cidr.address) - BigInt(pool.cidr.address)) >> step;
      return (index - start + count) % count;
    };
    return inPool
      .map((block) => ({ block, at: distance(block) }))
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
      .map(({ block }) => block);
  });
}
