/**
 * Why a probe failed, from what was seen on the wires and from the rules of the underlay. Pure: the same evidence gives
 * the same sentence. The way of a packet is followed wire by wire until the first one where it is missing; what stands
 * between is what dropped it.
 */
import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { explainForwardDrop, type ForeignBaseChain, seesIpv4 } from "../../netlink/nftables/foreign-chain.ts";
import type { ProbeOutcome } from "../../port/prober.ts";
import { bgpRouterOf, subnetOf, type Topology, type TopologyHost } from "../topology.ts";
import { gatewayMac } from "../underlay/names.ts";
import { dropReason, type NicFilter } from "../underlay/nic-filter.ts";
import type { NicState } from "../underlay/nics.ts";
import type { RouteAnswer } from "./host-route.ts";
import type { Sighting } from "./sighting.ts";

/** One end of a probe: the pod, its host, and that host's wire. */
export interface End {
  readonly pod: string;
  readonly address: IpAddress;
  readonly host: TopologyHost;
  readonly filter: NicFilter;
  readonly nic: NicState;
  /** The router's device of this host's wire. */
  readonly port: { readonly router: string; readonly index: number };
  /** What the table of the router that its subnet hangs on says of an address. */
  readonly gatewayRouteTo: (address: IpAddress) => RouteAnswer;
  /** What the host's own kernel would do with a packet to an address, when asked about it. */
  readonly routeTo: (address: IpAddress) => RouteAnswer;
  /** Base chains of others on the host that drop what is forwarded. */
  readonly forwardDrops: readonly ForeignBaseChain[];
}

export interface Evidence {
  readonly topology: Topology;
  readonly from: End;
  readonly to: End;
  readonly octets: number;
  readonly outcome: Extract<ProbeOutcome, { ok: false }>;
  readonly there: readonly Sighting[];
  readonly back: readonly Sighting[];
}

export function explain(evidence: Evidence): string {
  const { from, to, outcome, octets } = evidence;
  if (outcome.why === "refused") return `${to.pod} was reached and refuses: nothing listens there`;
  if (outcome.why === "tooBig") {
    return `a packet of ${octets} octets does not fit the way from ${from.pod} to ${to.pod} (its own device, or a smaller MTU that was reported)`;
  }
  if (from.host.name === to.host.name) return localReason(evidence);
  const lost = lostOnTheWay(evidence, from, to, evidence.there);
  if (lost !== undefined) return lost;
  if (evidence.back.length === 0) {
    return `arrived at ${to.host.name}'s NIC, but ${to.pod} did not answer: ${reasonAt(to, to.address)}`;
  }
  const lostBack = lostOnTheWay(evidence, to, from, evidence.back);
  if (lostBack !== undefined) return `the answer: ${lostBack}`;
  return `the answer arrived at ${from.host.name}'s NIC, but not in ${from.pod}: ${reasonAt(from, from.address)}`;
}

function localReason({ from, to, outcome }: Evidence): string {
  const errno = outcome.errno === undefined ? "" : ` (${outcome.errno})`;
  return `${from.host.name} does not carry it between its own pods${errno}: ${reasonAt(from, to.address)}`;
}

/** What a host itself does with a packet: a drop that no route shows, else its route. */
function reasonAt({ host, forwardDrops, routeTo }: End, address: IpAddress): string {
  const [drop] = forwardDrops.filter(seesIpv4);
  return drop ? `on ${host.name}, ${explainForwardDrop(drop)}` : routeTo(address).text;
}

/** Why a packet from one host did not arrive at the other's NIC; undefined when it did. */
function lostOnTheWay(
  { topology, outcome }: Evidence,
  sender: End,
  receiver: End,
  seen: readonly Sighting[],
): string | undefined {
  const left = seen.find((sighting) => isAt(sighting, sender) && !sighting.outgoing);
  if (!left) return notSent(sender, receiver, outcome);
  if (seen.some((sighting) => isAt(sighting, receiver) && sighting.outgoing)) return undefined;
  const atSender = dropReason(sender.filter, "leaving", left.outer);
  if (atSender !== undefined) return `dropped by ${atSender}`;
  const gateway = handedToGateway(topology, sender, receiver, left);
  if (gateway && !gateway.route.leadsOn) return gateway.reason;
  if (!receiver.nic.isUp) return `${receiver.host.name}'s wire is unplugged`;
  const atReceiver = dropReason(receiver.filter, "arriving", left.outer);
  if (atReceiver !== undefined) return `dropped by ${atReceiver}`;
  if (left.outer.length > receiver.nic.mtu) {
    return `a packet of ${left.outer.length} octets does not fit ${receiver.host.name}'s NIC (MTU ${receiver.nic.mtu})`;
  }
  const by = gateway ? `; ${gateway.name} had it: ${gateway.route.text}` : "";
  return `left ${sender.host.name}'s NIC as ${left.line} and was not seen at ${receiver.host.name}'s${by}`;
}

function notSent(sender: End, receiver: End, outcome: Evidence["outcome"]): string {
  if (!sender.nic.isUp) return `${sender.host.name}'s wire is unplugged`;
  const errno = outcome.errno === undefined ? "" : ` (${outcome.errno})`;
  return `${sender.host.name} sent nothing for it${errno}: ${reasonAt(sender, receiver.address)}`;
}

/** What the gateway makes of a packet that was handed to it; undefined for a packet that was sent to another. */
function handedToGateway(
  topology: Topology,
  sender: End,
  receiver: End,
  { encapsulation, outer, destinationMac }: Sighting,
): { readonly name: string; readonly route: RouteAnswer; readonly reason: string } | undefined {
  const subnet = subnetOf(topology, sender.host.nic);
  if (destinationMac !== gatewayMac(subnet)) return undefined;
  const bgp = bgpRouterOf(topology, subnet.router);
  const name = `gateway ${subnet.router} (${formatAddress(subnet.gateway)})`;
  const { address } = receiver.host.nic;
  const why =
    encapsulation !== "bare"
      ? `, where ${sender.host.name} sends what is for ${receiver.host.name}, whose NIC has ${formatAddress(address)}: which address is Node(${receiver.host.name})'s?`
      : bgp
        ? `: none of its ${bgp.neighbours.length} BGP neighbours has announced it to AS ${bgp.as}`
        : ", a pod address, and drops it in silence";
  const reason = `${name} has no route to ${formatAddress(outer.destination)}${why}`;
  return { name, route: sender.gatewayRouteTo(outer.destination), reason };
}

const isAt = (sighting: Sighting, { port }: End): boolean =>
  sighting.router === port.router && sighting.ifIndex === port.index;
