/**
 * Why an item is there: recomputed when somebody asks, from the compile key that made it. The key is the small id that
 * items carry beside them; the story names objects at their revisions, the rule, and the facts.
 */
import { contains, formatPrefix, tryParsePrefix } from "../ip/prefix.ts";
import { type CompileKey, keys } from "./keys.ts";
import { describeOrigin } from "./project.ts";
import type { Node, Origin, View } from "./view.ts";

export interface Story {
  readonly key: CompileKey;
  /** The rule in words. */
  readonly rule: string;
  /** `IPPool(default-ipv4-ippool)@42` and its like, the deciding one first. */
  readonly objects: readonly string[];
  readonly facts: readonly string[];
}

export function explain(key: CompileKey, view: View): Story {
  const space = key.indexOf(" ");
  const name = key.slice(space + 1);
  switch (key.slice(0, space)) {
    case "node":
      return {
        key,
        rule: "every other node is a static neighbour on the tunnel devices, and its tunnelled packets are taken",
        objects: objectsOf(view.nodes.get(name)?.origin, ...poolOrigins(view)),
        facts: [],
      };
    case "block":
      return explainBlock(key, name, view);
    case "learned":
      return explainLearned(key, name, view);
    case "bgp-node":
    case "bgp-peer":
    case "bgp-filter":
      return explainSession(key, name, view);
    case "endpoint":
      return {
        key,
        rule: "a pod of this node is a host route on its device, with Calico's device settings",
        objects: objectsOf(view.endpoints.get(name)?.origin),
        facts: [],
      };
    default:
      return {
        key,
        rule: ruleOfSingle(key),
        objects: objectsOf(view.ownNode?.origin, ...poolOrigins(view)),
        facts: addressFacts(view),
      };
  }
}

function ruleOfSingle(key: CompileKey): string {
  switch (key) {
    case "vxlan device":
      return "a node has a VXLAN device while any pool uses VXLAN";
    case "ipip device":
      return "a node has an IP-in-IP device while any pool uses IP-in-IP";
    case "bgp router":
      return "the node's BGP speaker has one router id, one AS and one port";
    case "bgp export":
      return "a node announces its blocks and what it uses of others' inside the pools, nothing else";
    case "calico table":
      return "pools with natOutgoing are masqueraded towards everything outside all pools of their family, and IP-in-IP is taken from nodes alone";
    case "host":
      return "a node forwards, and answers its pods for their gateway";
    default:
      return "wanted by the state that was applied before the store could be read";
  }
}

function explainBlock(key: CompileKey, name: string, view: View): Story {
  const block = view.blocks.get(name);
  if (!block) return { key, rule: "the block is gone", objects: [], facts: [] };
  const pool = view.poolOf(block.cidr);
  const owner = block.owner === undefined ? undefined : view.nodes.get(block.owner);
  const objects = objectsOf(block.origin, pool?.origin, owner?.origin);
  if (block.owner === view.local.node) {
    return { key, rule: "an own block is a blackhole, so that unused addresses are dropped here", objects, facts: [] };
  }
  const rule = `a block leads to its node by the pool's mode (vxlanMode ${pool?.vxlanMode ?? "of no pool"})`;
  return { key, rule, objects, facts: [...addressFacts(view), ...subnetFacts(owner, view)] };
}

function explainLearned(key: CompileKey, prefix: string, view: View): Story {
  const cidr = tryParsePrefix(prefix);
  const pool = cidr && view.poolOf(cidr);
  const mode = pool ? `its pool's mode (ipipMode ${pool.ipipMode})` : "where the kernel's table sends its next hop";
  const rule = `a prefix heard by BGP leads to its next hop by ${mode}`;
  return { key, rule, objects: objectsOf(pool?.origin), facts: addressFacts(view) };
}

function explainSession(key: CompileKey, name: string, view: View): Story {
  const { peers, filters, cluster } = view.bgp;
  const configurations = [cluster?.origin, view.bgp.ofNode(view.local.node)?.origin];
  if (key === keys.bgpFilter(name)) {
    const rule = "rules of a BGPFilter come before what this node exports or imports by itself";
    return { key, rule, objects: objectsOf(filters.get(name)?.origin), facts: [] };
  }
  if (key === keys.bgpPeer(name)) {
    const rule = "a BGPPeer that this node uses is a session with the address that it names";
    return {
      key,
      rule,
      objects: objectsOf(peers.get(name)?.origin, view.ownNode?.origin, ...configurations),
      facts: [],
    };
  }
  const node = view.nodes.get(name);
  const own = view.ownNode;
  const pairing = [...peers.values()].filter((peer) => {
    const { forward, reverse } = node && own ? view.bgp.pairs(peer, own, node) : { forward: false, reverse: false };
    return forward || reverse;
  });
  const rule = "nodes that are no reflectors are meshed, and nodes that a BGPPeer pairs have a session at both ends";
  const origins = [...pairing.map(({ origin }) => origin), node?.origin, own?.origin, ...configurations];
  return { key, rule, objects: objectsOf(...origins), facts: addressFacts(view) };
}

function subnetFacts(node: Node | undefined, view: View): readonly string[] {
  const own = view.ownNode?.ipv4;
  if (!node?.ipv4 || !own) return [];
  const where = contains(own, node.ipv4.address) ? "in" : "outside";
  return [`${node.name} at ${formatPrefix(node.ipv4)} is ${where} this node's subnet ${formatPrefix(own)}`];
}

function addressFacts(view: View): readonly string[] {
  const { address, node } = view.local;
  return address ? [`${node} has ${formatPrefix(address)} on ${address.device}`] : [];
}

const poolOrigins = (view: View): readonly Origin[] => Array.from(view.pools.values(), ({ origin }) => origin);

const objectsOf = (...origins: readonly (Origin | undefined)[]): readonly string[] =>
  origins.flatMap((origin) => (origin ? [`${describeOrigin(origin)}@${origin.revision}`] : []));
