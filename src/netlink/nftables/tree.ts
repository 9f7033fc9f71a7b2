/**
 * A ruleset as immutable plain data, in the words of nft(8): what `compile` makes, what the kernel is compared with,
 * and what is written in one transaction. Rules are the kernel's own expressions (`expression.ts`); people write them
 * with the statements of `rule.ts`.
 */
import type { Hook, TableFamily } from "./codes.ts";
import type { DataType } from "./data-type.ts";
import type { Expression } from "./expression.ts";

export interface TableKey {
  readonly family: TableFamily;
  /** At most 255 octets, as all names here. */
  readonly name: string;
}

export interface NftTable extends TableKey {
  readonly comment?: string;
  readonly sets?: readonly NftSet[];
  readonly maps?: readonly NftMap[];
  readonly chains: readonly NftChain[];
  /** Read from the kernel only: names of what others put into the table and no tree has words for. */
  readonly foreign?: { readonly sets: readonly string[]; readonly chains: readonly string[] };
}

/** Sets and chains of a table that hang together: a table is made of several. */
export interface TablePart {
  readonly sets: readonly NftSet[];
  readonly chains: readonly NftChain[];
}

export interface NftChain {
  readonly name: string;
  /** Where the kernel calls the chain; left out, other chains jump to it. */
  readonly base?: BaseChain;
  readonly comment?: string;
  readonly rules: readonly NftRule[];
}

export interface BaseChain {
  readonly type: "filter" | "nat" | "route";
  readonly hook: Hook;
  /** Signed; lower runs first. */
  readonly priority: number;
  readonly policy: "accept" | "drop";
  /** netdev and inet ingress only: names of the devices, sorted. */
  readonly devices?: readonly string[];
}

/** NF_IP_PRI_* by the names that nft gives them. */
export const Priority = { raw: -300, mangle: -150, dstnat: -100, filter: 0, security: 50, srcnat: 100 } as const;

export interface NftRule {
  readonly expressions: readonly Expression[];
  /** At most 127 octets of UTF-8, which is what nft prints. */
  readonly comment?: string;
}

/**
 * The text of one key or value, canonical as nft prints it: `10.0.0.0/8`, `10.0.0.1-10.0.0.9`, `cali123`, `tcp`, `80-90`;
 * fields of a concatenation joined by ` . `. Prefixes and ranges stand in interval sets only, where one address is
 * written bare.
 */
export type ElementText = string;
/** `accept`, `drop`, `return`, `continue`, `jump CHAIN`, `goto CHAIN`. */
export type VerdictText = string;

interface SetKind {
  readonly name: string;
  /** Several are a concatenation. */
  readonly key: readonly DataType[];
  /** Keys are ranges or prefixes; no two may overlap. */
  readonly interval?: boolean;
  readonly comment?: string;
}

export interface NftSet extends SetKind {
  /** No duplicates; the order means nothing. */
  readonly elements: readonly ElementText[];
}

export interface NftMap extends SetKind {
  readonly data: "verdict" | readonly DataType[];
  /** Key and value; no duplicate keys, the order means nothing. */
  readonly elements: readonly (readonly [key: ElementText, value: ElementText | VerdictText])[];
}

export const tableName = ({ family, name }: TableKey): string => `${family} ${name}`;
