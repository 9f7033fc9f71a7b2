/**
 * Which sessions exist (control plane 6.2): with each other node those of the mesh and of peerings by selector, their
 * mirrored halves included; with an address those of the BGPPeer that names it.
 */
import { type Family, familyOf, formatAddress, type IpAddress } from "../../ip/address.ts";
import { type Fragment, nothing } from "../fragment.ts";
import type { Node, View } from "../view.ts";
import { type OwnSpeaker, ownSpeaker } from "./own.ts";
import { type SessionPiece, SessionRank } from "./pieces.ts";
import { reachableBy } from "./reachable-by.ts";
import { isPassiveTowards, type PeerEnd, plainSettings, sessionPiece } from "./session.ts";
import type { BgpPeer, PeerSettings } from "./types.ts";
import { workloadSessions } from "./workload-sessions.ts";

const families: readonly Family[] = [4, 6];

/** All sessions with one other node. */
export function sessionsWithNode(other: Node, view: View): Fragment {
  const own = ownSpeaker(view);
  if (!own || own.node.name === other.name) return nothing;
  const addresses = families.flatMap((family) => (family === 4 ? other.ipv4 : other.ipv6)?.address ?? []);
  const [shared, apart] = [addresses.filter((each) => isOwn(each, own)), addresses.filter((each) => !isOwn(each, own))];
  const sessions = apart.flatMap((address) => [
    ...meshSession(own, other, address, view),
    ...peerings(own, other, address, view),
  ]);
  return {
    ...(sessions.length === 0 ? {} : { bgp: { sessions } }),
    ...(shared.length === 0 ? {} : { reports: shared.map((address) => sharedAddress(other, address, own)) }),
  };
}

const isOwn = (address: IpAddress, { advertised }: OwnSpeaker): boolean => address === advertised[familyOf(address)];

const sharedAddress = (other: Node, address: IpAddress, { node }: OwnSpeaker): string =>
  `nodes ${node.name} and ${other.name} both have the address ${formatAddress(address)}: they have no session with each other, and what others send there reaches one of them; give each an address of its own (IP, or spec.bgp of the Node)`;

/** Nodes that are no reflectors have a session with each other, while the mesh is on. */
function meshSession(own: OwnSpeaker, other: Node, address: IpAddress, view: View): readonly SessionPiece[] {
  const { cluster } = view.bgp;
  const advertised = own.advertised[familyOf(address)];
  const isMeshed = cluster?.isMeshEnabled !== false && own.clusterId === undefined && other.clusterId === undefined;
  if (!isMeshed || advertised === undefined) return [];
  // Calico gives a peer without an AS the one of this node, not the cluster's.
  const end = { address, port: view.bgp.configuredPortOf(other.name), asn: other.asn ?? own.asn, clusterId: undefined };
  const settings: PeerSettings = {
    ...plainSettings,
    password: cluster?.meshPassword,
    restartSeconds: cluster?.meshRestartSeconds,
  };
  const passive = isPassiveTowards(address, advertised);
  const about = "the node-to-node mesh";
  const node = other.name;
  return [sessionPiece({ own, end, settings, passive, about, node, prefix: "Mesh", rank: SessionRank.mesh })];
}

function peerings(own: OwnSpeaker, other: Node, address: IpAddress, view: View): readonly SessionPiece[] {
  return [...view.bgp.peers.values()].flatMap((peer) => {
    const { forward, reverse } = view.bgp.pairs(peer, own.node, other);
    return [
      ...(forward ? [forwardSession(own, other, address, peer, view)] : []),
      ...(reverse && mirrors(peer, address) ? [reverseSession(own, other, address, peer, view)] : []),
    ];
  });
}

/** A peering by address is mirrored in the family of the address alone. */
const mirrors = ({ target }: BgpPeer, address: IpAddress): boolean =>
  target.kind !== "address" || familyOf(target.address) === familyOf(address);

/** Both ends dial. Calico leaves `localASNumber` and `numAllowedLocalASNumbers` out of peerings by selector. */
function forwardSession(own: OwnSpeaker, other: Node, address: IpAddress, peer: BgpPeer, view: View): SessionPiece {
  return sessionPiece({
    own,
    end: endAt(other, address, view),
    settings: { ...peer.settings, localAsn: undefined, allowedOwnAs: 0 },
    passive: false,
    node: other.name,
    ...labelOf(peer),
  });
}

/** The half of a peering that its other end asked for. */
function reverseSession(own: OwnSpeaker, other: Node, address: IpAddress, peer: BgpPeer, view: View): SessionPiece {
  const end = endAt(other, address, view);
  const theirs = peer.target.kind === "address" ? peer.settings.localAsn : undefined;
  return sessionPiece({
    own,
    end: { ...end, asn: theirs ?? end.asn },
    settings: { ...peer.settings, localAsn: undefined, allowedOwnAs: 0 },
    passive: false,
    node: other.name,
    prefix: "Node",
    rank: SessionRank.reverse,
    about: `BGPPeer(${peer.name}), mirrored`,
  });
}

const endAt = (node: Node, address: IpAddress, view: View): PeerEnd => ({
  address,
  port: view.bgp.configuredPortOf(node.name),
  asn: view.bgp.asnOf(node),
  clusterId: node.clusterId,
});

const labelOf = ({ users, name }: BgpPeer) =>
  users.kind === "all"
    ? ({ prefix: "Global", rank: SessionRank.global, about: `BGPPeer(${name})` } as const)
    : ({ prefix: "Node", rank: SessionRank.node, about: `BGPPeer(${name})` } as const);

/** The session with the address that a BGPPeer names, and the route to it where it has a gateway of its own. */
export function sessionOfPeer(peer: BgpPeer, view: View): Fragment {
  const own = ownSpeaker(view);
  const { target, settings } = peer;
  if (!own || !view.bgp.isUser(peer.users, own.node)) return nothing;
  if (target.kind === "workloads") return workloadSessions(own, peer, view);
  if (target.kind === "nodes") {
    const ignored = settings.localAsn !== undefined || settings.allowedOwnAs > 0;
    const why = `BGPPeer(${peer.name}): localASNumber and numAllowedLocalASNumbers count with peerIP only, not with peerSelector`;
    return ignored ? { reports: [why] } : nothing;
  }
  const { address } = target;
  const family = familyOf(address);
  if (address === own.advertised[family]) return nothing;
  if (own.advertised[family] === undefined) {
    const why = `BGPPeer(${peer.name}) opens no session: node ${own.node.name} has no IPv${family} address`;
    return { reports: [why] };
  }
  const nodes = view.bgp.nodesAt(address);
  const node = nodes.find((each) => view.bgp.isTarget(peer, each));
  const asn = target.asn ?? (node && view.bgp.asnOf(node));
  if (asn === undefined) {
    const why = `BGPPeer(${peer.name}) opens no session: it has no asNumber, and ${formatAddress(address)} is no node's address`;
    return { reports: [why] };
  }
  const port = target.port ?? (node && view.bgp.configuredPortOf(node.name));
  const piece = sessionPiece({
    own,
    end: { address, port, asn, clusterId: node?.clusterId },
    settings,
    node: undefined,
    // Where all nodes have the peering, the node that it leads to has it towards all: one of the two waits.
    passive: peer.users.kind === "all" && nodes.length > 0 && isPassiveTowards(address, own.advertised[family]),
    ...labelOf(peer),
  });
  return { bgp: { sessions: [piece] }, ...reachableBy(peer, address, view) };
}
