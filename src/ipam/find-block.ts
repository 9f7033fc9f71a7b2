/** Where to look for addresses beyond the blocks that a host has: free CIDRs, blocks to take over, blocks to borrow from. Pure. */
import { familyOf, widthOf } from "../ip/address.ts";
import { covers, formatPrefix, type Prefix, tryParsePrefix } from "../ip/prefix.ts";
import { addressAt, type Block, blockSizeOf, freeCount, isEmpty, type Reserved } from "./block.ts";
import { type BlockSpace, blockCount, startIndex, walkBlocks } from "./block-walk.ts";
import type { StoredBlock } from "./block-writer.ts";
import type { Blocks } from "./blocks.ts";

/** An empty block is another host's to keep for so long after it claimed it (Calico 3.32, EmptyBlockMinReclaimAge). */
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
      const known = blocks.ownerOf(name) === context.owner ? blocks.get(name) : undefined;
      if (known && freeCount(known.block, context.reserved) > 0) return cidr;
    }
  }
  return undefined;
}

/** Blocks of other hosts that have been empty for long enough, in the order of the host's walk. */
export function* reclaimable(
  pools: readonly BlockSpace[],
  blocks: Blocks,
  context: SearchContext,
  nowMs: number,
): Generator<Block> {
  for (const cidr of inWalkOrder(pools, blocks, context.host)) {
    const owner = blocks.ownerOf(cidr);
    if (!owner?.startsWith("host:") || owner === context.owner) continue;
    const block = blocks.get(cidr)?.block;
    if (!block || !isEmpty(block)) continue;
    const claimedMs = block.claimedAt === undefined ? 0 : Date.parse(block.claimedAt);
    if (!(nowMs - claimedMs < RECLAIM_AFTER_MS)) yield block;
  }
}

/** Existing blocks with room, whoever owns them, in the order of the host's walk. */
export function* borrowable(
  pools: readonly BlockSpace[],
  blocks: Blocks,
  context: SearchContext,
): Generator<StoredBlock> {
  for (const cidr of inWalkOrder(pools, blocks, context.host)) {
    const block = blocks.freeIn(cidr) > 0 ? blocks.get(cidr) : undefined;
    if (block && freeCount(block.block, context.reserved) > 0) yield block;
  }
}

/** The same order as `walkBlocks` gives, found by sorting what exists. */
function inWalkOrder(pools: readonly BlockSpace[], blocks: Blocks, host: string): readonly string[] {
  const known = [...blocks.cidrs].flatMap((name) => {
    const cidr = tryParsePrefix(name);
    return cidr ? [{ name, cidr }] : [];
  });
  return pools.flatMap((pool) => {
    const count = blockCount(pool);
    const inPool = known.filter(({ cidr }) => cidr.length === pool.blockSize && covers(pool.cidr, cidr));
    if (count === 0n || inPool.length === 0) return [];
    const start = startIndex(host, count);
    const step = BigInt(widthOf(familyOf(pool.cidr.address)) - pool.blockSize);
    return inPool
      .map(({ name, cidr }) => {
        const index = (BigInt(cidr.address) - BigInt(pool.cidr.address)) >> step;
        return { name, distance: (index - start + count) % count };
      })
      .sort((a, b) => (a.distance < b.distance ? -1 : a.distance > b.distance ? 1 : 0))
      .map(({ name }) => name);
  });
}
