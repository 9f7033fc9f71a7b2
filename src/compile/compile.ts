/**
 * Intent and facts to the state of one node. `compileKey` is the whole of it, one key at a time: the plain compile maps
 * it over all keys, the incremental one (`incremental.ts`) over the keys that a change touched. No I/O, no clock, no memory.
 */

import { explainForwardDrop } from "../netlink/nftables/foreign-chain.ts";
import { exportPolicy } from "./bgp/export-policy.ts";
import { router } from "./bgp/router.ts";
import { sessionOfPeer, sessionsWithNode } from "./bgp/sessions.ts";
import { calicoTablesOf } from "./calico-table.ts";
import { type Fragment, nothing } from "./fragment.ts";
import { type CompileKey, keys } from "./keys.ts";
import { blockRoutes } from "./routing/blocks.ts";
import { endpointPieces } from "./routing/endpoints.ts";
import { podsGateway } from "./routing/pods-gateway.ts";
import { ipipDevice, ipipPeer } from "./tunnels/ipip.ts";
import { vtepOf, vxlanDevice } from "./tunnels/vxlan.ts";
import type { Local, Node, View } from "./view.ts";

/** What a key contributes; nothing for a key whose object is gone. */
export function compileKey(key: CompileKey, view: View): Fragment {
  const single = singles[key];
  if (single) return single(view);
  const space = key.indexOf(" ");
  const name = key.slice(space + 1);
  switch (key.slice(0, space)) {
    case "node":
      return of(view.nodes.get(name), (node) => tunnelEnds(node, view));
    case "block":
      return of(view.blocks.get(name), (block) => blockRoutes(block, view));
    case "endpoint":
      return of(view.endpoints.get(name), (endpoint) => endpointPieces(endpoint, view));
    case "bgp-node":
      return of(view.nodes.get(name), (node) => sessionsWithNode(node, view));
    case "bgp-peer":
      return of(view.bgp.peers.get(name), (peer) => sessionOfPeer(peer, view));
    case "bgp-filter":
      return of(view.bgp.filters.get(name), ({ terms }) => ({ bgp: { filter: { name, terms } } }));
    default:
      return nothing;
  }
}

/** What the host itself must let happen; what others' chains do to it is a fact that nothing here mends. */
const hostPieces = ({ ipForwarding, forwardDrops = [] }: Local): Fragment => ({
  routes: [podsGateway],
  ...(ipForwarding ? { sysctls: [{ path: "net/ipv4/ip_forward", value: "1" }] } : {}),
  ...(forwardDrops.length > 0 ? { reports: forwardDrops.map(explainForwardDrop) } : {}),
});

/** What packets to and from another node need, by each encapsulation. */
function tunnelEnds(node: Node, view: View): Fragment {
  const [vxlan, ipip] = [vtepOf(node, view), ipipPeer(node, view)];
  if (vxlan === nothing || ipip === nothing) return vxlan === nothing ? ipip : vxlan;
  return { ...vxlan, ...ipip, neighbours: [...(vxlan.neighbours ?? []), ...(ipip.neighbours ?? [])] };
}

const singles: Readonly<Record<CompileKey, (view: View) => Fragment>> = {
  [keys.host]: ({ local }) => hostPieces(local),
  [keys.vxlanDevice]: vxlanDevice,
  [keys.ipipDevice]: ipipDevice,
  [keys.bgpRouter]: router,
  [keys.bgpExport]: exportPolicy,
  [keys.calicoTable]: calicoTablesOf,
};

const of = <T>(object: T | undefined, compile: (object: T) => Fragment): Fragment =>
  object === undefined ? nothing : compile(object);
