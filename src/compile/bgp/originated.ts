/**
 * What this node announces by itself: its blocks, and beside them each address that it uses of another's block. A block is
 * a node's from the moment that the block's own record says so: the record is what nodes compete for, and the state of the
 * affinity follows it.
 */
import type { Origination } from "../../bgp/config.ts";
import { covers, formatPrefix, hostPrefix, isHostPrefix, type Prefix } from "../../ip/prefix.ts";
import { type PrefixCode, prefixCode } from "../../ip/prefix-code.ts";
import { IPIP_DEVICE } from "../tunnels/ipip.ts";
import { VXLAN_DEVICE } from "../tunnels/vxlan.ts";
import type { Block, Endpoint, View } from "../view.ts";

type Originated = readonly (readonly [PrefixCode, Origination])[];

/** Devices by the use that address management notes. */
const deviceOfUse: Readonly<Record<string, string>> = {
  ipipTunnelAddress: IPIP_DEVICE,
  vxlanTunnelAddress: VXLAN_DEVICE,
};

/** The block itself, or the tunnel addresses that this node has in it. */
export function originatedOfBlock(block: Block, view: View): Originated {
  const { backend, node } = view.local;
  if (backend !== "bird") return [];
  if (block.owner === node) {
    return isHostPrefix(block.cidr) ? [] : [[prefixCode(block.cidr), { about: `block ${block.key}` }]];
  }
  return block.borrowed.flatMap(({ address, node: borrower, use }) => {
    const device = deviceOfUse[use ?? ""];
    if (borrower !== node || device === undefined) return [];
    return [[prefixCode(hostPrefix(address)), { device, about: `tunnel address in block ${block.key}` }] as const];
  });
}

/** The addresses of a pod that no own block stands for. */
export function originatedOfEndpoint({ addresses, device }: Endpoint, view: View): Originated {
  if (view.local.backend !== "bird") return [];
  const isAggregated = (address: Prefix): boolean => {
    for (const { cidr } of view.ownBlocks()) if (!isHostPrefix(cidr) && covers(cidr, address)) return true;
    return false;
  };
  return addresses
    .filter((address) => !isAggregated(address))
    .map((address) => [prefixCode(address), { device, about: `pod ${formatPrefix(address)}` }] as const);
}
