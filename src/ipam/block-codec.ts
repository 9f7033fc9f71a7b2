/**
 * The stored form of a block: Calico's JSON as it lies in etcd (`/calico/ipam/v2/assignment/…`). Field names there are
 * a mixture of styles; this is the one place that knows them. Unknown fields survive.
 */

import type { Json, JsonObject } from "../base/json.ts";
import { isObject } from "../base/json-fields.ts";
import { formatPrefix, tryParsePrefix } from "../ip/prefix.ts";
import { type Block, blockSizeOf, type Holder } from "./block.ts";
import { IpamError } from "./errors.ts";

const isIntegerBelow = (value: Json | undefined, limit: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < limit;

const toBigint = (value: Json | undefined): bigint | undefined =>
  typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value)) ? BigInt(value) : undefined;

/**
 * Reads a stored block. Throws IpamError `badRecord` naming the field when the record contradicts itself: assigning
 * from it could give one address to two pods.
 */
export function readBlock(value: JsonObject): Block {
  const { cidr, affinity, affinity_claim_time, allocations, unallocated, attributes, ...rest } = value;
  const { sequenceNumber, sequenceNumberForAllocation, hostAffinity, deleted: _deleted, ...others } = rest;
  const prefix = typeof cidr === "string" ? tryParsePrefix(cidr) : undefined;
  if (!prefix) throw bad(String(cidr), "cidr", "is no CIDR");
  const name = formatPrefix(prefix);
  if (prefix.length < (typeof prefix.address === "number" ? 20 : 116))
    throw bad(name, "cidr", "is too wide for a block");
  const size = blockSizeOf(prefix);
  const holders = readHolders(name, attributes);
  if (!Array.isArray(allocations) || allocations.length !== size) {
    throw bad(name, "allocations", `has not ${size} entries`);
  }
  const byOrdinal = allocations.map((index: Json) => {
    if (index !== null && !isIntegerBelow(index, holders.length)) throw bad(name, "allocations", "names no attribute");
    return index;
  });
  const free = Array.isArray(unallocated) ? unallocated : [];
  const seen = new Set<number>();
  for (const ordinal of free) {
    if (!isIntegerBelow(ordinal, size) || seen.has(ordinal) || byOrdinal[ordinal] !== null) {
      throw bad(name, "unallocated", `lists ${String(ordinal)}, which is held, twice there or outside`);
    }
    seen.add(ordinal);
  }
  const owner = affinity ?? (typeof hostAffinity === "string" ? `host:${hostAffinity}` : null);
  if (owner !== null && typeof owner !== "string") throw bad(name, "affinity", "is no string");
  return {
    cidr: prefix,
    affinity: owner,
    claimedAt: typeof affinity_claim_time === "string" ? affinity_claim_time : undefined,
    allocations: byOrdinal,
    unallocated: [...seen],
    holders,
    sequenceNumber: toBigint(sequenceNumber) ?? 0n,
    sequenceByOrdinal: readSequences(sequenceNumberForAllocation),
    others,
  };
}

function readHolders(name: string, attributes: Json | undefined): Holder[] {
  if (!Array.isArray(attributes)) return [];
  return attributes.map((attribute: Json) => {
    if (!isObject(attribute)) throw bad(name, "attributes", "holds something that is no object");
    const { handle_id, secondary, ...others } = attribute;
    const pairs = isObject(secondary) ? Object.entries(secondary) : [];
    return {
      handleId: typeof handle_id === "string" ? handle_id : null,
      attributes: Object.fromEntries(pairs.map(([key, item]) => [key, String(item)])),
      others,
    };
  });
}

function readSequences(value: Json | undefined): ReadonlyMap<number, bigint> {
  const sequences = new Map<number, bigint>();
  for (const [ordinal, sequence] of Object.entries(isObject(value) ? value : {})) {
    const number = toBigint(sequence);
    if (number !== undefined) sequences.set(Number(ordinal), number);
  }
  return sequences;
}

/** The JSON that Calico writes. */
export function writeBlock(block: Block): JsonObject {
  return {
    ...block.others,
    cidr: formatPrefix(block.cidr),
    affinity: block.affinity,
    ...(block.claimedAt === undefined ? {} : { affinity_claim_time: block.claimedAt }),
    allocations: block.allocations,
    unallocated: block.unallocated,
    attributes: block.holders.map(({ handleId, attributes, others }) => ({
      handle_id: handleId,
      secondary: attributes,
      ...others,
    })),
    sequenceNumber: block.sequenceNumber,
    sequenceNumberForAllocation: Object.fromEntries(
      [...block.sequenceByOrdinal].map(([ordinal, sequence]) => [String(ordinal), sequence]),
    ),
    deleted: false,
  };
}

const bad = (subject: string, field: string, problem: string): IpamError =>
  new IpamError(
    "badRecord",
    `block ${subject}: ${field} ${problem}; the record is damaged and nothing is assigned from it until it is mended`,
    { subject },
  );
