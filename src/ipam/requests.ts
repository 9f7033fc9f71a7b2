/** What is asked of address management, what it answers, and what it works with. */
import type { InterfaceAddress, Prefix } from "../ip/prefix.ts";
import type { WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Store, Stored, WriteOp } from "../port/store.ts";
import type { SelectorMatcher } from "../selector/matcher.ts";
import type { Labels } from "../selector/selector.ts";
import type { Affinities, Affinity } from "./affinities.ts";
import type { BlockWriter } from "./block-writer.ts";
import type { PoolQuery } from "./pools.ts";
import { type Owner, ownerText } from "./records.ts";
import type { IpamView } from "./view.ts";

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
  /** By owner and family: what a caller has begun to read for an assignment that it is about to ask for. */
  readonly readAhead: Map<string, Promise<AssignmentReads>>;
}

/** What the store said just before an assignment. Blocks are changed by compare-and-swap: what is old here loses. */
export interface AssignmentReads {
  readonly view: IpamView;
  /** Of the node; undefined for owners that are none. */
  readonly labels: Labels | undefined;
  readonly affinities: readonly Affinity[];
  /** The block that served last. */
  readonly block: Stored | undefined;
}

/** Key of `lastBlocks` and `readAhead`. */
export const laneKey = ({ owner, family }: Pick<Selection, "owner" | "family">): string =>
  `${ownerText(owner)} ${family}`;
