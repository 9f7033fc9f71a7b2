/**
 * Giving addresses back, by address or by handle. An address that is free already is no error. An empty block stays
 * its owner's, unless its pool is gone or no longer selects the owner; an empty block of nobody's is deleted.
 */
import { formatAddress, type IpAddress } from "../ip/address.ts";
import { contains, formatPrefix, type Prefix, parsePrefix, prefixOf, tryParsePrefix } from "../ip/prefix.ts";
import { type Block, cleanHandle, holderAt, isEmpty, ordinalOf, ordinalsOf, releaseOrdinals } from "./block.ts";
import { type BlockChange, MAX_OBJECTS_PER_WRITE, RETRIES, readStoredBlock, type StoredBlock } from "./block-writer.ts";
import { readBlocks } from "./blocks.ts";
import { IpamError } from "./errors.ts";
import { type Pool, poolOf, poolOfBlock, selects } from "./pools.ts";
import { blockKey, handleKey, hostOwner, readHandle } from "./records.ts";
import type { AssignDeps } from "./requests.ts";
import { readNodeLabels, readPools } from "./view.ts";

/** One address to give back; a handle or sequence number given must be the allocation's, or nothing is released. */
export interface AddressRelease {
  readonly address: IpAddress;
  readonly handleId?: string | undefined;
  readonly sequenceNumber?: bigint | undefined;
}

/** How many addresses were freed, by handle in the order asked; undefined: no such handle. */
export async function releaseHandles(
  deps: AssignDeps,
  handleIds: readonly string[],
): Promise<readonly (number | undefined)[]> {
  const stored = await Promise.all(handleIds.map((id) => deps.store.get(handleKey(id))));
  const freed = new Map<string, number>();
  const handlesByBlock = new Map<string, string[]>();
  for (const [index, handleId] of handleIds.entries()) {
    const record = stored[index];
    if (!record) continue;
    freed.set(handleId, 0);
    for (const cidr of readHandle(record.value).keys()) {
      handlesByBlock.set(cidr, [...(handlesByBlock.get(cidr) ?? []), handleId]);
    }
  }
  for (const [name, handles] of handlesByBlock) {
    const cidr = tryParsePrefix(name);
    if (!cidr) continue;
    for (let at = 0; at < handles.length; at += MAX_OBJECTS_PER_WRITE - 1) {
      const part = [...new Set(handles.slice(at, at + MAX_OBJECTS_PER_WRITE - 1))];
      const counts = await changeBlock(deps, cidr, (block) => handlesChange(block, part));
      for (const [id, count] of counts ?? []) freed.set(id, (freed.get(id) ?? 0) - count);
    }
  }
  return handleIds.map((id) => freed.get(id));
}

interface Change {
  readonly after: Block;
  /** Negative counts. */
  readonly countByHandle: ReadonlyMap<string, number>;
}

function handlesChange(block: Block, handleIds: readonly string[]): Change | undefined {
  const held = handleIds.map((id) => ordinalsOf(block, id));
  const countByHandle = new Map<string, number>();
  for (const [index, id] of handleIds.entries()) {
    const count = held[index]?.length ?? 0;
    if (count > 0) countByHandle.set(id, -count);
  }
  return countByHandle.size === 0 ? undefined : { after: releaseOrdinals(block, held.flat()), countByHandle };
}

/**
 * Gives addresses back; those that were free already are returned. Throws IpamError `badSequenceNumber` or `badHandle`
 * when a request is older than the allocation, and then leaves that block as it was.
 */
export async function releaseAddresses(
  deps: AssignDeps,
  releases: readonly AddressRelease[],
): Promise<readonly IpAddress[]> {
  if (releases.length === 0) return [];
  const pools = await readPools(deps.store);
  const unallocated: IpAddress[] = [];
  const byBlock = new Map<string, AddressRelease[]>();
  for (const release of releases) {
    const name = await blockOf(deps, pools, release.address);
    if (name === undefined) unallocated.push(release.address);
    else byBlock.set(name, [...(byBlock.get(name) ?? []), release]);
  }
  for (const [name, requests] of byBlock) {
    const cidr = parsePrefix(name);
    let free: readonly IpAddress[] = [];
    const counts = await changeBlock(deps, cidr, (block) => {
      const change = addressesChange(block, requests);
      free = change.free;
      return change.after === block ? undefined : change;
    });
    unallocated.push(...(counts ? free : requests.map(({ address }) => address)));
  }
  return unallocated;
}

/** The block of an address: by its pool, or by a look at all blocks where the pool is gone or was another once. */
async function blockOf(deps: AssignDeps, pools: readonly Pool[], address: IpAddress): Promise<string | undefined> {
  const pool = poolOf(pools, address);
  const likely = pool && prefixOf(address, pool.blockSize);
  if (likely && (await deps.store.get(blockKey(likely)))) return formatPrefix(likely);
  const blocks = await readBlocks(deps.store, typeof address === "number" ? 4 : 6, deps.log);
  return [...blocks.cidrs].find((cidr) => contains(parsePrefix(cidr), address));
}

function addressesChange(block: Block, requests: readonly AddressRelease[]): Change & { free: readonly IpAddress[] } {
  const free: IpAddress[] = [];
  const ordinals = new Set<number>();
  const countByHandle = new Map<string, number>();
  for (const { address, handleId, sequenceNumber } of requests) {
    const ordinal = ordinalOf(block.cidr, address);
    const actual = block.sequenceByOrdinal.get(ordinal) ?? 0n;
    if (sequenceNumber !== undefined && sequenceNumber !== actual) {
      throw stale("badSequenceNumber", address, `sequence number ${sequenceNumber}`, `${actual}`);
    }
    const holder = holderAt(block, ordinal);
    if (!holder) {
      free.push(address);
      continue;
    }
    const holderId = cleanHandle(holder.handleId ?? "");
    if (handleId !== undefined && handleId !== holderId) {
      throw stale("badHandle", address, `handle ${handleId}`, holderId || "none");
    }
    if (!ordinals.has(ordinal) && holderId !== "") countByHandle.set(holderId, (countByHandle.get(holderId) ?? 0) - 1);
    ordinals.add(ordinal);
  }
  return { after: releaseOrdinals(block, [...ordinals]), countByHandle, free };
}

const stale = (code: IpamError["code"], address: IpAddress, given: string, actual: string): IpamError => {
  const subject = formatAddress(address);
  const message = `${subject} is not released: the request names ${given}, the allocation has ${actual}; it was given to another since`;
  return new IpamError(code, message, { subject });
};

/**
 * Changes one block by compare-and-swap, with its handles and with what an empty block calls for. The counts that were
 * written, an empty map when `change` found nothing to do, undefined when there is no such block.
 */
async function changeBlock(
  deps: AssignDeps,
  cidr: Prefix,
  change: (block: Block) => Change | undefined,
): Promise<ReadonlyMap<string, number> | undefined> {
  for (let attempt = 0; attempt < RETRIES; attempt++) {
    const stored = await deps.store.get(blockKey(cidr));
    if (!stored) return undefined;
    const before: StoredBlock = readStoredBlock(stored);
    const wanted = change(before.block);
    if (!wanted) return new Map();
    const isOrphan = before.block.affinity === null && isEmpty(wanted.after);
    const write: BlockChange = { ...wanted, before, after: isOrphan ? undefined : wanted.after };
    const outcome = await deps.writer.write(write);
    if (outcome === "conflict") continue;
    if (outcome !== "deleted" && isEmpty(outcome.block)) await giveBackIfUnselected(deps, outcome.block);
    return wanted.countByHandle;
  }
  const subject = formatPrefix(cidr);
  throw new IpamError("contention", `gave up after ${RETRIES} attempts: others keep changing block ${subject}`, {
    subject,
  });
}

async function giveBackIfUnselected(deps: AssignDeps, block: Block): Promise<void> {
  if (!block.affinity?.startsWith("host:")) return;
  const owner = hostOwner(block.affinity.slice("host:".length));
  const [pools, labels] = await Promise.all([readPools(deps.store), readNodeLabels(deps.store, owner.name)]);
  const pool = poolOfBlock(pools, block.cidr);
  if (pool && selects(pool, { node: { name: owner.name, labels } }, deps.matches)) return;
  await deps.affinities.release(owner, block.cidr, { requireEmpty: true });
}
