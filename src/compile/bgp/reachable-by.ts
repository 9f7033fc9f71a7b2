/** `reachableBy` of a BGPPeer: a host route to the peer by a gateway of its own, as Calico has BIRD make one. */
import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { contains, formatPrefix, hostPrefix } from "../../ip/prefix.ts";
import { type Fragment, nothing, RoutePreference } from "../fragment.ts";
import { birdRoute } from "../routing/bird-route.ts";
import type { View } from "../view.ts";
import type { BgpPeer } from "./types.ts";

export function reachableBy({ name, reachableBy: gateway }: BgpPeer, peer: IpAddress, view: View): Fragment {
  if (gateway === undefined) return nothing;
  const { address } = view.local;
  if (!address || !contains(address, gateway)) {
    const where = address ? `the subnet ${formatPrefix(address)} of this node` : "a subnet of this node";
    return { reports: [`BGPPeer(${name}): reachableBy ${formatAddress(gateway)} is not in ${where}`] };
  }
  const hop = { device: address.device, gateway };
  return { routes: [{ route: birdRoute(hostPrefix(peer), [hop]), preference: RoutePreference.learned }] };
}
