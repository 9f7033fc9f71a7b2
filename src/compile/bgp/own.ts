/** This node as a BGP speaker: what each of its sessions turns on. */
import type { Asn } from "../../bgp/message/types.ts";
import type { Family, IpAddress, Ipv4 } from "../../ip/address.ts";
import type { Node, View } from "../view.ts";

export interface OwnSpeaker {
  readonly node: Node;
  readonly asn: Asn;
  /** Set where this node is a reflector. */
  readonly clusterId: Ipv4 | undefined;
  /** What peers send to. */
  readonly advertised: Readonly<Record<Family, IpAddress | undefined>>;
  /** On an interface of this host: what sockets bind to. */
  readonly local: Readonly<Record<Family, IpAddress | undefined>>;
}

/** Undefined where this node speaks no BGP. */
export function ownSpeaker(view: View): OwnSpeaker | undefined {
  const node = view.ownNode;
  if (view.local.backend !== "bird" || !node || (!node.ipv4 && !node.ipv6)) return undefined;
  const advertised = { 4: node.ipv4?.address, 6: node.ipv6?.address };
  const local = { 4: node.ipv4 && (view.local.address?.address ?? node.ipv4.address), 6: advertised[6] };
  return { node, asn: view.bgp.asnOf(node), clusterId: node.clusterId, advertised, local };
}
