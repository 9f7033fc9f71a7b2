/** What address management refuses, by code; messages name the pool, block or node and what mends it. */
import { CodedError } from "../base/errors.ts";
import { StoreError } from "../port/store.ts";

export type IpamCode =
  /** An explicitly requested pool is not there, or is disabled. */
  | "poolNotEnabled"
  /** No pool of the family for this node. */
  | "noPools"
  /** Pools there are, none for this use. */
  | "noQualifiedPool"
  /** No address is free, or the limit of blocks is reached, where one is indispensable. */
  | "exhausted"
  /** An address asked for by name is in use. */
  | "alreadyAssigned"
  /** An address asked for by name is in no pool. */
  | "notInPool"
  /** An address asked for by name is in another host's block, and affinity is strict or blocks are not claimed. */
  | "notAffine"
  /** A release names an older allocation of the address. */
  | "badSequenceNumber"
  /** A release names another holder than the address has. */
  | "badHandle"
  /** Others kept changing the same record. */
  | "contention"
  /** A record in the store is not what its key says. */
  | "badRecord";

export class IpamError extends CodedError<IpamCode, { subject: string }> {}

/** A record that cannot be used as it is: it contradicts itself, or its value cannot be read. */
export const isDamage = (failure: unknown): boolean =>
  (failure instanceof IpamError && failure.code === "badRecord") ||
  (failure instanceof StoreError && failure.code === "malformed");

/** For a `catch`: a damaged record counts as not read. */
export function unlessDamage(failure: unknown): undefined {
  if (!isDamage(failure)) throw failure;
  return undefined;
}
