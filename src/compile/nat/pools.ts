/** Which pools are masqueraded, and by which devices pods leave (calico-dataplane 3.4). */
import type { TablePart } from "../../netlink/nftables/tree.ts";
import { IPIP_DEVICE, usesIpip } from "../tunnels/ipip.ts";
import { usesVxlan, VXLAN_DEVICE } from "../tunnels/vxlan.ts";
import type { View } from "../view.ts";
import { natOutgoing } from "./nat-outgoing.ts";

/** Undefined while there is no IPv4 pool. */
export function natOfPools(view: View): TablePart | undefined {
  const pools = [...view.pools.values()].filter(({ cidr }) => typeof cidr.address === "number");
  if (pools.length === 0) return undefined;
  return natOutgoing({
    pools: pools.map(({ cidr }) => cidr),
    masqueradedPools: pools.filter((pool) => pool.natOutgoing).map(({ cidr }) => cidr),
    tunnelDevices: [
      ...(usesIpip(view) ? [{ name: IPIP_DEVICE }] : []),
      ...(usesVxlan(view) ? [{ name: VXLAN_DEVICE }] : []),
    ],
  });
}
