/** What holds for all sessions of this node (control plane 6.1). */
import { createHash } from "node:crypto";
import { type Ipv4, ipv4Of } from "../../ip/address.ts";
import { type Fragment, nothing } from "../fragment.ts";
import type { View } from "../view.ts";
import { type OwnSpeaker, ownSpeaker } from "./own.ts";
import { peeringAddresses } from "./workload-sessions.ts";

export function router(view: View): Fragment {
  const { backend, node } = view.local;
  if (backend !== "bird") return nothing;
  const own = ownSpeaker(view);
  if (!own) return { reports: [`BGP waits for the address of node ${node}`] };
  const routerId = routerIdOf(own, view);
  if (routerId === undefined) {
    const why = `BGP has no router id: node ${node} has no IPv4 address; set CALICO_ROUTER_ID=hash, or to an id of its own`;
    return { reports: [why] };
  }
  const addresses = [own.local[4], own.local[6]].filter((address) => address !== undefined);
  const listen = {
    port: view.bgp.portOf(node),
    ...(view.bgp.cluster?.bindsNodeAddress ? { addresses: [...addresses, ...peeringAddresses(view)] } : {}),
  };
  return { bgp: { router: { localAs: own.asn, routerId, listen } } };
}

function routerIdOf({ node, advertised }: OwnSpeaker, view: View): Ipv4 | undefined {
  const { routerId } = view.local;
  if (routerId === "hash") return hashedRouterId(node.name);
  const address = routerId ?? advertised[4];
  return typeof address === "number" ? address : undefined;
}

/** The first four octets of SHA-256(name), moved out of the multicast range and above, as Calico does. */
export function hashedRouterId(name: string): Ipv4 {
  const octets = createHash("sha256").update(name).digest();
  const id = octets.readUInt32BE(0);
  return ipv4Of(octets.readUInt8(0) > 223 ? id - 32 * 2 ** 24 : id);
}
