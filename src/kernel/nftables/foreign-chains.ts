/**
 * Base chains of others, as facts: an accept of ours does not save a packet from a drop in another base chain at the
 * same hook (Docker sets the policy of `ip filter FORWARD` to drop), so whoever wonders where packets went must know
 * them. Rules of the legacy xtables modules are not nf_tables and are not seen here.
 */
import type { TableFamily } from "../../netlink/nftables/codes.ts";
import { ownersOf } from "../../netlink/nftables/owner.ts";
import { type BaseChain, type TableKey, tableName } from "../../netlink/nftables/tree.ts";
import type { RulesetReader } from "./ruleset-reader.ts";

export interface ForeignBaseChain {
  readonly family: TableFamily;
  readonly table: string;
  readonly name: string;
  readonly base: BaseChain;
  /** Guessed from names; empty when nothing is known. Several may share a table. */
  readonly owners: readonly string[];
}

/** All base chains outside of the tables that are ours, in the kernel's order. Throws KernelError. */
export async function listForeignBaseChains(
  reader: Pick<RulesetReader, "chains">,
  ours: readonly TableKey[],
): Promise<readonly ForeignBaseChain[]> {
  const own = new Set(ours.map(tableName));
  const chains = await reader.chains();
  const chainsByTable = new Map<string, string[]>();
  for (const { family, table, name } of chains) {
    if (!family) continue;
    const key = tableName({ family, name: table });
    const names = chainsByTable.get(key);
    if (names) names.push(name);
    else chainsByTable.set(key, [name]);
  }
  return chains.flatMap(({ family, table, name, base }) => {
    if (!family || !base || base === "foreign") return [];
    const key = tableName({ family, name: table });
    if (own.has(key)) return [];
    return [{ family, table, name, base, owners: ownersOf(table, chainsByTable.get(key) ?? []) }];
  });
}

/** Those by which packets that are forwarded may be dropped without any rule: a hook's policy drop. */
export const forwardDrops = (chains: readonly ForeignBaseChain[]): readonly ForeignBaseChain[] =>
  chains.filter(({ base }) => base.hook === "forward" && base.policy === "drop");

/** `ip filter FORWARD (policy drop, priority 0; Docker)`. */
export function describeForeignChain({ family, table, name, base, owners }: ForeignBaseChain): string {
  const whose = owners.length > 0 ? `; ${owners.join(", ")}` : "";
  return `${family} ${table} ${name} (policy ${base.policy}, priority ${base.priority}${whose})`;
}
