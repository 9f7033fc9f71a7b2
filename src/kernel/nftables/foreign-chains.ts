/** Lists the base chains of others. Rules of the legacy xtables modules are not nf_tables and are not seen here. */
import type { ForeignBaseChain } from "../../netlink/nftables/foreign-chain.ts";
import { ownersOf } from "../../netlink/nftables/owner.ts";
import { type TableKey, tableName } from "../../netlink/nftables/tree.ts";
import type { RulesetReader } from "./ruleset-reader.ts";

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
