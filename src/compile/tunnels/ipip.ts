/**
 * IP-in-IP as Calico builds it (calico-dataplane 2.9): one device per node whose packets go to the next hop of their
 * route, and a list of the nodes whose packets are taken.
 *
 * As with VXLAN the device and what is kept per node depend on whether any pool may use it, never on Always or
 * CrossSubnet: receivers of every mode stay open and only routes follow a mode (DESIGN 7).
 */
import { addressOctets, type IpAddress } from "../../ip/address.ts";
import { hostPrefix } from "../../ip/prefix.ts";
import { type Fragment, nothing } from "../fragment.ts";
import type { Mac, NeighbourItem } from "../node-state.ts";
import type { Node, View } from "../view.ts";
import { takesIn } from "./encapsulation.ts";

export const IPIP_DEVICE = "tunl0";

/**
 * Whether the configuration, or else any pool, wants IP-in-IP. The backend does not count: while it is changed from node to
 * node, those that have BGP still send so to those that have not.
 */
export function usesIpip(view: View): boolean {
  const { enabled } = view.local.ipip;
  if (enabled !== undefined) return enabled;
  for (const pool of view.pools.values()) {
    if (takesIn(pool, "ipip") && typeof pool.cidr.address === "number") return true;
  }
  return false;
}

/** The device of this node and its address. */
export function ipipDevice(view: View): Fragment {
  if (!usesIpip(view)) return nothing;
  const { address, ipip, node } = view.local;
  const tunnel = view.ownNode?.ipv4IpipTunnel;
  if (!address) return { reports: [`IP-in-IP waits for the address of node ${node}`] };
  const link = {
    kind: "ipip",
    name: IPIP_DEVICE,
    mtu: ipip.mtu,
    local: address.address,
    subnetLength: address.length,
    parent: address.device,
  } as const;
  // Pods need no address on the device; what the host itself sends into it does.
  if (tunnel === undefined) return { links: [link], reports: [`${IPIP_DEVICE} of node ${node} has no address yet`] };
  return { links: [link], addresses: [{ device: IPIP_DEVICE, address: hostPrefix(tunnel) }] };
}

/** What packets to and from another node need. */
export function ipipPeer(node: Node, view: View): Fragment {
  if (node.name === view.local.node || !usesIpip(view) || !node.ipv4) return nothing;
  const { address } = node.ipv4;
  return { neighbours: [ipipNeighbour(address)], tunnelSources: [{ device: IPIP_DEVICE, address }] };
}

/** The entry that names a next hop's outer destination: its octets are the last four of the MAC. */
export const ipipNeighbour = (address: IpAddress): NeighbourItem => ({
  device: IPIP_DEVICE,
  address,
  mac: macOf(address),
});

const macOf = (address: IpAddress): Mac =>
  ["02", "00", ...Array.from(addressOctets(address), (octet) => octet.toString(16).padStart(2, "0"))].join(":");
