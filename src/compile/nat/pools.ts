/** Which pools of a family are masqueraded, and by which devices pods leave (calico-dataplane 3.4). */
import { type Family, familyOf } from "../../ip/address.ts";
import type { TablePart } from "../../netlink/nftables/tree.ts";
import { IPIP_DEVICE, usesIpip } from "../tunnels/ipip.ts";
import { usesVxlan, VXLAN_DEVICE } from "../tunnels/vxlan.ts";
import type { View } from "../view.ts";
import { natOutgoing } from "./nat-outgoing.ts";

/** Undefined while the family has no pool. */
export function natOfPools(view: View, family: Family): TablePart | undefined {
  const pools = [...view.pools.values()].filter(({ cidr }) => familyOf(cidr.address) === family);
  if (pools.length === 0) return undefined;
  return natOutgoing({
    family,
    pools: pools.map(({ cidr }) => cidr),
    masqueradedPools: pools.filter((pool) => pool.natOutgoing).map(({ cidr }) => cidr),
    tunnelDevices: family === 4 ? tunnelsOf(view) : [],
  });
}

/** They carry IPv4. */
const tunnelsOf = (view: View): readonly { readonly name: string }[] => [
  ...(usesIpip(view) ? [{ name: IPIP_DEVICE }] : []),
  ...(usesVxlan(view) ? [{ name: VXLAN_DEVICE }] : []),
];
