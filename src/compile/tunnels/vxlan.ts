/**
 * VXLAN as Calico builds it (calico-dataplane 2.8): one device per node, static neighbours and forwarding entries for
 * every other node, nothing learned.
 *
 * The device and the entries stay while any pool may use VXLAN, for nodes near and far alike: receivers of every mode
 * stay open and only routes, the senders' side, follow a mode (DESIGN 7).
 */
import { createHash } from "node:crypto";
import { hostPrefix } from "../../ip/prefix.ts";
import { type Fragment, nothing } from "../fragment.ts";
import type { Mac } from "../node-state.ts";
import type { Node, View } from "../view.ts";
import { takesIn } from "./encapsulation.ts";

export const VXLAN_DEVICE = "vxlan.calico";

/** The MAC of a node's VTEP where the Node resource names none: 0x66 and the first 5 octets of SHA-1(node name). */
export function vtepMac(node: string): Mac {
  const digest = createHash("sha1").update(node).digest();
  return ["66", ...Array.from(digest.subarray(0, 5), (octet) => octet.toString(16).padStart(2, "0"))].join(":");
}

/** Whether the configuration, or else any IPv4 pool, wants VXLAN; a disabled pool still carries what it has assigned. */
export function usesVxlan(view: View): boolean {
  if (view.local.vxlan.enabled !== undefined) return view.local.vxlan.enabled;
  for (const pool of view.pools.values()) {
    if (takesIn(pool, "vxlan") && typeof pool.cidr.address === "number") return true;
  }
  return false;
}

/** The device of this node and its address. */
export function vxlanDevice(view: View): Fragment {
  if (!usesVxlan(view)) return nothing;
  const { address, vxlan, node } = view.local;
  const own = view.ownNode;
  if (!address) return { reports: [`VXLAN waits for the address of node ${node}`] };
  if (own?.ipv4VxlanTunnel === undefined) return { reports: [`VXLAN waits for the tunnel address of node ${node}`] };
  return {
    links: [
      {
        kind: "vxlan",
        name: VXLAN_DEVICE,
        mac: own.vxlanMac,
        mtu: vxlan.mtu,
        vni: vxlan.vni,
        port: vxlan.port,
        local: address.address,
        parent: address.device,
      },
    ],
    addresses: [{ device: VXLAN_DEVICE, address: hostPrefix(own.ipv4VxlanTunnel) }],
  };
}

/** What reaches another node's VTEP: its tunnel address by MAC, its MAC by the node's address. */
export function vtepOf(node: Node, view: View): Fragment {
  if (node.name === view.local.node || !usesVxlan(view)) return nothing;
  if (!node.ipv4 || node.ipv4VxlanTunnel === undefined) return nothing;
  return {
    neighbours: [{ device: VXLAN_DEVICE, address: node.ipv4VxlanTunnel, mac: node.vxlanMac }],
    fdb: [{ device: VXLAN_DEVICE, mac: node.vxlanMac, destination: node.ipv4.address }],
  };
}
