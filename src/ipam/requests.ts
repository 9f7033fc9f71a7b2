/** What is asked of address management, what it answers, and what it works with. */
import type { InterfaceAddress, Prefix } from "../ip/prefix.ts";
import type { WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Store, Stored, WriteOp } from "../port/store.ts";
import type { SelectorMatcher } from "../selector/matcher.ts";
import type { Affinities } from "./affinities.ts";
import type { BlockWriter } from "./block-writer.ts";
import type { PoolQuery } from "./pools.ts";
import { type Owner, ownerText } from "./records.ts";

/** One request for addresses. */
export interface Want {
  readonly handleId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly count: number;
  /**
   * An object that shall be stored together with the assignment, all or nothing: one durable write in place of two.
   * Asked for once all addresses are known and before anything is written; may be asked again.
   */
  readonly record?: ((addresses: readonly InterfaceAddress[]) => WriteOp) | undefined;
}

/** What requests have in common that are served together. */
export interface Selection extends Omit<PoolQuery, "node"> {
  readonly owner: Owner;
  /** Of this request; 0: only the global one. */
  readonly maxBlocksPerHost?: number | undefined;
}

/** Why a request got fewer addresses than it wanted. */
export type Shortfall = { readonly code: "blockLimit" | "exhausted"; readonly message: string };

export interface Assigned {
  /** With the block's mask. Fewer than wanted only with a `shortfall`; those given are the handle's nevertheless. */
  readonly addresses: readonly InterfaceAddress[];
  readonly shortfall?: Shortfall;
  /** The stored `record`; absent where it could not be stored with the assignment and is the caller's to write. */
  readonly recorded?: Stored;
}

export interface AssignDeps {
  readonly store: Store;
  readonly affinities: Affinities;
  readonly writer: BlockWriter;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly matches: SelectorMatcher;
  /** By owner and family: the block that served last, read ahead of the next request. */
  readonly lastBlocks: Map<string, Prefix>;
}

/** Key of `lastBlocks`. */
export const lastBlockKey = ({ owner, family }: Selection): string => `${ownerText(owner)} ${family}`;
