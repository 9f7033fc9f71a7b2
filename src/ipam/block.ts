/**
 * A block of addresses as a value: who holds which ordinal, and the queue of free ones. Every function returns a new
 * block; writing it is somebody else's duty. Rules of Calico: free ordinals are taken from the head of `unallocated`
 * and given back at its tail, so that an address rests as long as possible; equal attributes are stored once;
 * `sequenceNumber` grows with every written change and starts at the time of creation, so that an old release never
 * hits a newer allocation.
 */
import type { JsonObject } from "../base/json.ts";
import { addOffset, formatAddress, type IpAddress, widthOf } from "../ip/address.ts";
import { contains, formatPrefix, type InterfaceAddress, type Prefix, prefixFamily } from "../ip/prefix.ts";
import { IpamError } from "./errors.ts";

/** Who holds an address. */
export interface Holder {
  /** null: held by nobody who could release it by handle. */
  readonly handleId: string | null;
  /** Calico's `secondary`: `pod`, `namespace`, `node`, `timestamp`, `type` … */
  readonly attributes: Readonly<Record<string, string>>;
  /** Fields of the stored attribute that are not ours. */
  readonly others: JsonObject;
}

export interface Block {
  readonly cidr: Prefix;
  /** `host:<node>`, `virtual:load-balancer`, or null: nobody's. */
  readonly affinity: string | null;
  /** RFC 3339, when the owner claimed it. */
  readonly claimedAt: string | undefined;
  /** By ordinal: index into `holders`, null when free. */
  readonly allocations: readonly (number | null)[];
  /** Free ordinals, first in first out. */
  readonly unallocated: readonly number[];
  readonly holders: readonly Holder[];
  readonly sequenceNumber: bigint;
  /** The block's sequence number at the moment of each allocation. */
  readonly sequenceByOrdinal: ReadonlyMap<number, bigint>;
  /** Fields of the stored block that are not ours. */
  readonly others: JsonObject;
}

/** Whether an address is withheld from automatic assignment. */
export type Reserved = (address: IpAddress) => boolean;

/** Handles in storage end at the first carriage return (left by a migration from host-local). */
export const cleanHandle = (handleId: string): string => handleId.split("\r", 1)[0] ?? "";

/** Addresses of a block: 2 to the number of host bits; blocks have at most 4,096. */
export const blockSizeOf = (cidr: Prefix): number => 2 ** (widthOf(prefixFamily(cidr)) - cidr.length);

export const addressAt = (cidr: Prefix, ordinal: number): IpAddress => addOffset(cidr.address, ordinal);

/** The place of an address in the block. Throws IpamError `badRecord` when it lies outside. */
export function ordinalOf(cidr: Prefix, address: IpAddress): number {
  if (!contains(cidr, address)) {
    const subject = formatPrefix(cidr);
    throw new IpamError("badRecord", `address ${formatAddress(address)} is not in block ${subject}`, {
      subject,
    });
  }
  return Number(BigInt(address) - BigInt(cidr.address));
}

/** A free block; `nowNanos` is the time of day in nanoseconds since 1970. */
export function newBlock(cidr: Prefix, affinity: string, claimedAt: string, nowNanos: bigint): Block {
  const size = blockSizeOf(cidr);
  return {
    cidr,
    affinity,
    claimedAt,
    allocations: Array<null>(size).fill(null),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
    holders: [],
    sequenceNumber: nowNanos,
    sequenceByOrdinal: new Map(),
    others: {},
  };
}

export const isEmpty = (block: Block): boolean => block.allocations.every((holder) => holder === null);

/** Free addresses that automatic assignment may take. */
export function freeCount(block: Block, reserved: Reserved): number {
  let free = 0;
  for (const ordinal of block.unallocated) if (!reserved(addressAt(block.cidr, ordinal))) free++;
  return free;
}

/** The block with another owner or none. */
export const withAffinity = (block: Block, affinity: string | null, claimedAt: string | undefined): Block => ({
  ...block,
  affinity,
  claimedAt,
  sequenceNumber: block.sequenceNumber + 1n,
});

/** The same block, to be written again so that whoever read the old revision loses. */
export const touched = (block: Block): Block => ({ ...block, sequenceNumber: block.sequenceNumber + 1n });

/** The holder at an ordinal, undefined when free. */
export function holderAt(block: Block, ordinal: number): Holder | undefined {
  const index = block.allocations[ordinal];
  return index === null || index === undefined ? undefined : block.holders[index];
}

/** Ordinals that a handle holds, ascending. */
export function ordinalsOf(block: Block, handleId: string): readonly number[] {
  const held: number[] = [];
  for (let ordinal = 0; ordinal < block.allocations.length; ordinal++) {
    const id = holderAt(block, ordinal)?.handleId;
    if (id !== undefined && id !== null && cleanHandle(id) === handleId) held.push(ordinal);
  }
  return held;
}

const sameHolder = (a: Holder, b: Holder): boolean => {
  const [left, right] = [Object.entries(a.attributes), Object.entries(b.attributes)];
  return (
    a.handleId === b.handleId &&
    Object.keys(a.others).length === 0 &&
    left.length === right.length &&
    left.every(([key, value]) => b.attributes[key] === value)
  );
};

export interface Assignment {
  readonly block: Block;
  /** With the block's mask, as Calico's IPAM returns them. */
  readonly addresses: readonly InterfaceAddress[];
}

/** Takes up to `count` addresses from the head of the queue; reserved ones keep their place. */
export function assignNext(block: Block, count: number, holder: Holder, reserved: Reserved): Assignment {
  const taken: number[] = [];
  const left: number[] = [];
  for (const ordinal of block.unallocated) {
    if (taken.length < count && !reserved(addressAt(block.cidr, ordinal))) taken.push(ordinal);
    else left.push(ordinal);
  }
  return allocate(block, taken, left, holder);
}

/** Takes one address by name; undefined when somebody holds it. */
export function assignOrdinal(block: Block, ordinal: number, holder: Holder): Assignment | undefined {
  if (block.allocations[ordinal] !== null) return undefined;
  const left = block.unallocated.filter((free) => free !== ordinal);
  return allocate(block, [ordinal], left, holder);
}

function allocate(block: Block, taken: readonly number[], left: readonly number[], holder: Holder): Assignment {
  if (taken.length === 0) return { block, addresses: [] };
  const known = block.holders.findIndex((other) => sameHolder(other, holder));
  const index = known < 0 ? block.holders.length : known;
  const allocations = [...block.allocations];
  const sequenceByOrdinal = new Map(block.sequenceByOrdinal);
  for (const ordinal of taken) {
    allocations[ordinal] = index;
    sequenceByOrdinal.set(ordinal, block.sequenceNumber);
  }
  return {
    block: {
      ...block,
      allocations,
      unallocated: left,
      holders: known < 0 ? [...block.holders, holder] : block.holders,
      sequenceNumber: block.sequenceNumber + 1n,
      sequenceByOrdinal,
    },
    addresses: taken.map((ordinal) => ({ address: addressAt(block.cidr, ordinal), length: block.cidr.length })),
  };
}

/** Gives ordinals back in the order given; free ones among them are passed over. Holders left without address go. */
export function releaseOrdinals(block: Block, ordinals: readonly number[]): Block {
  const held = [...new Set(ordinals)].filter((ordinal) => holderAt(block, ordinal) !== undefined);
  if (held.length === 0) return block;
  const allocations = [...block.allocations];
  const sequenceByOrdinal = new Map(block.sequenceByOrdinal);
  for (const ordinal of held) {
    allocations[ordinal] = null;
    sequenceByOrdinal.delete(ordinal);
  }
  const used = new Set(allocations);
  const kept = block.holders.flatMap((holder, index) => (used.has(index) ? [{ holder, index }] : []));
  const newIndex = new Map(kept.map(({ index }, at) => [index, at]));
  return {
    ...block,
    allocations: allocations.map((index) => (index === null ? null : (newIndex.get(index) ?? null))),
    unallocated: [...block.unallocated, ...held],
    holders: kept.map(({ holder }) => holder),
    sequenceNumber: block.sequenceNumber + 1n,
    sequenceByOrdinal,
  };
}
