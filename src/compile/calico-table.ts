/**
 * The tables `ip calico` and `ip6 calico`, as Felix lays them out in nftables mode (calico-dataplane 3.11): parts with names of
 * their own that share one. Each is one item, so that rules and the sets they look into change in one transaction.
 */
import type { Family } from "../ip/address.ts";
import type { NftTable, TableKey, TablePart } from "../netlink/nftables/tree.ts";
import { type Fragment, nothing } from "./fragment.ts";
import { natOfPools } from "./nat/pools.ts";
import { tunnelInputOfNodes } from "./tunnels/ipip-input.ts";
import type { View } from "./view.ts";

export const calicoTableKeys = {
  4: { family: "ip", name: "calico" },
  6: { family: "ip6", name: "calico" },
} as const satisfies Readonly<Record<Family, TableKey>>;

export const calicoTable = (family: Family, parts: readonly TablePart[]): NftTable => ({
  ...calicoTableKeys[family],
  sets: parts.flatMap(({ sets }) => sets),
  chains: parts.flatMap(({ chains }) => chains),
});

/** No table where nothing has a part in it. */
export function calicoTablesOf(view: View): Fragment {
  const parts = { 4: [tunnelInputOfNodes(view), natOfPools(view, 4)], 6: [natOfPools(view, 6)] };
  const tables = ([4, 6] as const).flatMap((family) => {
    const there = parts[family].filter((part) => part !== undefined);
    return there.length === 0 ? [] : [calicoTable(family, there)];
  });
  return tables.length === 0 ? nothing : { tables };
}
