/**
 * The table `ip calico`, as Felix lays it out in nftables mode (calico-dataplane 3.11): parts with names of their own that share
 * it. One item, so that rules and the sets they look into change in one transaction.
 */
import type { NftTable, TableKey, TablePart } from "../netlink/nftables/tree.ts";
import { type Fragment, nothing } from "./fragment.ts";
import { natOfPools } from "./nat/pools.ts";
import { tunnelInputOfNodes } from "./tunnels/ipip-input.ts";
import type { View } from "./view.ts";

export const calicoTableKey: TableKey = { family: "ip", name: "calico" };

export const calicoTable = (parts: readonly TablePart[]): NftTable => ({
  ...calicoTableKey,
  sets: parts.flatMap(({ sets }) => sets),
  chains: parts.flatMap(({ chains }) => chains),
});

/** No table where nothing has a part in it. */
export function calicoTableOf(view: View): Fragment {
  const parts = [tunnelInputOfNodes(view), natOfPools(view)].filter((part) => part !== undefined);
  return parts.length === 0 ? nothing : { tables: [calicoTable(parts)] };
}
