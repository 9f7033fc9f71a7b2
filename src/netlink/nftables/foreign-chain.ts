/**
 * A base chain of somebody else, as a fact: an accept of ours does not save a packet from a drop in another base chain at
 * the same hook (Docker sets the policy of `ip filter FORWARD` to drop), so whoever wonders where packets went must know
 * it. Nothing here says that a packet is lost: a rule of such a chain may accept it.
 */
import type { TableFamily } from "./codes.ts";
import type { BaseChain } from "./tree.ts";

export interface ForeignBaseChain {
  readonly family: TableFamily;
  readonly table: string;
  readonly name: string;
  readonly base: BaseChain;
  /** Guessed from names; empty when nothing is known. Several may share a table. */
  readonly owners: readonly string[];
}

/** Families whose forward hook sees what is routed; that of bridges sees what is switched. */
const ROUTED: Partial<Record<TableFamily, string>> = { ip: "IPv4", ip6: "IPv6", inet: "IP" };

/** Those by which packets that are routed may be dropped without any rule: a forward hook's policy drop. */
export const forwardDrops = (chains: readonly ForeignBaseChain[]): readonly ForeignBaseChain[] =>
  chains.filter(({ family, base }) => base.hook === "forward" && base.policy === "drop" && family in ROUTED);

/** Whether a packet of IPv4 passes the chain. */
export const seesIpv4 = ({ family }: ForeignBaseChain): boolean => family === "ip" || family === "inet";

/** `ip filter FORWARD (policy drop, priority 0; Docker)`. */
export function describeForeignChain({ family, table, name, base, owners }: ForeignBaseChain): string {
  const whose = owners.length > 0 ? `; ${owners.join(", ")}` : "";
  return `${family} ${table} ${name} (policy ${base.policy}, priority ${base.priority}${whose})`;
}

/** What a policy drop at the forward hook does to pods, and how to end that: a sentence without a full stop. */
export function explainForwardDrop(chain: ForeignBaseChain): string {
  const { family, table, name, owners } = chain;
  const again = owners.includes("Docker")
    ? ', and keep Docker from setting it again: "ip-forward-no-drop": true in /etc/docker/daemon.json'
    : "";
  return `chain ${describeForeignChain(chain)} is not ours and drops every ${ROUTED[family]} packet that this host forwards and no rule there accepts, those of pods too: let them pass with nft 'chain ${family} ${table} ${name} { policy accept; }'${again}`;
}
