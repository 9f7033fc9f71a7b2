/**
 * Intent and facts to the state of one node. `compileKey` is the whole of it, one key at a time: the plain compile maps
 * it over all keys, the incremental one (`incremental.ts`) over the keys that a change touched. No I/O, no clock, no memory.
 */
import { explainForwardDrop } from "../netlink/nftables/foreign-chain.ts";
import { type Fragment, nothing } from "./fragment.ts";
import { natOutgoing } from "./nat/pools.ts";
import { blockRoutes } from "./routing/blocks.ts";
import { endpointPieces } from "./routing/endpoints.ts";
import { vtepOf, vxlanDevice } from "./tunnels/vxlan.ts";
import { type CompileKey, keys, type Local, type View } from "./view.ts";

/** What a key contributes; nothing for a key whose object is gone. */
export function compileKey(key: CompileKey, view: View): Fragment {
  if (key === keys.host) return hostPieces(view.local);
  if (key === keys.vxlanDevice) return vxlanDevice(view);
  if (key === keys.natOutgoing) return natOutgoing(view);
  const space = key.indexOf(" ");
  const name = key.slice(space + 1);
  switch (key.slice(0, space)) {
    case "node":
      return of(view.nodes.get(name), (node) => vtepOf(node, view));
    case "block":
      return of(view.blocks.get(name), (block) => blockRoutes(block, view));
    case "endpoint":
      return of(view.endpoints.get(name), (endpoint) => endpointPieces(endpoint, view));
    default:
      return nothing;
  }
}

/** What the host itself must let happen; what others' chains do to it is a fact that nothing here mends. */
const hostPieces = ({ ipForwarding, forwardDrops = [] }: Local): Fragment => ({
  ...(ipForwarding ? { sysctls: [{ path: "net/ipv4/ip_forward", value: "1" }] } : {}),
  ...(forwardDrops.length > 0 ? { reports: forwardDrops.map(explainForwardDrop) } : {}),
});

const of = <T>(object: T | undefined, compile: (object: T) => Fragment): Fragment =>
  object === undefined ? nothing : compile(object);
