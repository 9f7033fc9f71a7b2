/** What chains of others on a host drop of what it forwards. */
import { listForeignBaseChains } from "../../kernel/nftables/foreign-chains.ts";
import { RulesetReader } from "../../kernel/nftables/ruleset-reader.ts";
import { type ForeignBaseChain, forwardDrops } from "../../netlink/nftables/foreign-chain.ts";
import type { Clock } from "../../port/clock.ts";
import type { NetNamespace } from "../../port/namespaces.ts";
import { ownTables } from "../../reconcile/ownership.ts";

/** Throws KernelError. */
export async function readForwardDrops(net: NetNamespace, clock: Clock): Promise<readonly ForeignBaseChain[]> {
  const reader = new RulesetReader(net, clock);
  try {
    return forwardDrops(await listForeignBaseChains(reader, ownTables));
  } finally {
    reader.close();
  }
}
