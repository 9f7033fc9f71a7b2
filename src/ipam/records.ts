/**
 * The small records of address management beside the blocks: affinities, handles and the settings, with their keys in
 * the store. JSON as Calico writes it.
 */
import type { JsonObject } from "../base/json.ts";
import { formatPrefix, type Prefix, type PrefixKey } from "../ip/prefix.ts";
import type { ObjectKey } from "../port/store.ts";

/** Whose block: a node's (`host`), or a function's of the cluster (`virtual`, `load-balancer`). */
export interface Owner {
  readonly type: "host" | "virtual";
  readonly name: string;
}

export const hostOwner = (node: string): Owner => ({ type: "host", name: node });

/** As a block's `affinity` names it: `host:worker-1`. */
export const ownerText = (owner: Owner): string => `${owner.type}:${owner.name}`;

export const blockKey = (cidr: Prefix): ObjectKey => ({ kind: "IPAMBlock", name: formatPrefix(cidr) });

/** What the names of an owner's affinities begin with. */
export const affinityPrefix = (owner: Owner): string => `${owner.type}/${owner.name}/`;

export const affinityKey = (owner: Owner, cidr: Prefix): ObjectKey => ({
  kind: "BlockAffinity",
  name: `${affinityPrefix(owner)}${formatPrefix(cidr)}`,
});

export const handleKey = (handleId: string): ObjectKey => ({ kind: "IPAMHandle", name: handleId });

export const SETTINGS_KEY: ObjectKey = { kind: "IPAMConfig", name: "default" };

/** `confirmed`: the block is the owner's. `pending`: on the way to it. `pendingDeletion`: on the way to nobody. */
export type AffinityState = "pending" | "confirmed" | "pendingDeletion";

/** An empty state is an old record, and confirmed. Any other text counts as pending: its claim is done again. */
export function readAffinityState(value: JsonObject): AffinityState {
  const { state } = value;
  if (state === undefined || state === "" || state === "confirmed") return "confirmed";
  return state === "pendingDeletion" ? "pendingDeletion" : "pending";
}

export const affinityValue = (state: AffinityState, was: JsonObject = {}): JsonObject => ({ ...was, state });

/** Addresses recorded for a handle, by block; never fewer than it holds. */
export type HandleCounts = ReadonlyMap<PrefixKey, number>;

export function readHandle(value: JsonObject): HandleCounts {
  const { block } = value;
  if (typeof block !== "object" || block === null || Array.isArray(block)) return new Map();
  return new Map(Object.entries(block).map(([cidr, count]) => [cidr, Number(count)]));
}

export const handleValue = (counts: HandleCounts, was: JsonObject = {}): JsonObject => ({
  deleted: false,
  ...was,
  block: Object.fromEntries(counts),
});

/** The counts with `change` added for one block; an entry that reaches zero goes. */
export function adjusted(counts: HandleCounts, cidr: PrefixKey, change: number): HandleCounts {
  const next = new Map(counts);
  const count = Math.max(0, (counts.get(cidr) ?? 0) + change);
  if (count === 0) next.delete(cidr);
  else next.set(cidr, count);
  return next;
}

export interface Settings {
  /** A node uses only addresses of its own blocks. */
  readonly strictAffinity: boolean;
  /** Nodes claim blocks as they need them. */
  readonly autoAllocateBlocks: boolean;
  /** 0: the built-in limit of 20. */
  readonly maxBlocksPerHost: number;
}

/** Blocks that one host may own where nothing else is set. */
export const DEFAULT_MAX_BLOCKS_PER_HOST = 20;

/** A missing record means the defaults; both spellings (etcd's, the resource's) are read. */
export function readSettings(value: JsonObject = {}): Settings {
  const strict = value["strict_affinity"] ?? value["strictAffinity"];
  const auto = value["auto_allocate_blocks"] ?? value["autoAllocateBlocks"];
  const max = value["maxBlocksPerHost"];
  return {
    strictAffinity: strict === true,
    autoAllocateBlocks: auto !== false,
    maxBlocksPerHost: typeof max === "number" && max > 0 ? max : 0,
  };
}
