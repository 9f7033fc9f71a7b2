/**
 * What the underlay does to packets at a host's NIC, as a table of rules that the kernel enforces and that `lab check`
 * reads to say which of them dropped a packet. The rules sit on the router's side of the wire (netdev ingress: what the
 * host sends; netdev egress: what it is sent), where the host itself cannot see them, as in a cloud. Only the outer
 * header counts. ARP passes.
 */
import type { IpAddress, Ipv4 } from "../../ip/address.ts";
import { formatAddress } from "../../ip/address.ts";
import { counter, drop } from "../../netlink/nftables/action.ts";
import { is, isIn, isNot } from "../../netlink/nftables/match.ts";
import { rule, type Statement } from "../../netlink/nftables/rule.ts";
import { ip, tcp, udp } from "../../netlink/nftables/selector.ts";
import type { NftChain, NftSet, NftTable } from "../../netlink/nftables/tree.ts";
import type { NicPolicy, ProtocolFilter } from "../topology.ts";

/** As the host sees it. */
export type Direction = "leaving" | "arriving";

/** The outer header of a packet on the wire. */
export interface WirePacket {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** IP protocol number. */
  readonly protocol: number;
  readonly destinationPort?: number;
}

export interface NicFilter {
  readonly host: string;
  /** The device of the router that leads to the host. */
  readonly device: string;
  readonly address: Ipv4;
  readonly policy: NicPolicy;
  /** Addresses on the other side of a partition. */
  readonly cutOff: readonly IpAddress[];
}

interface NicRule {
  /** Why it drops, in words: part of a sentence "dropped by …". */
  readonly reason: string;
  readonly statements: readonly Statement[];
  matches(packet: WirePacket): boolean;
}

const PROTOCOLS = { ipip: 4, tcp: 6, udp: 17 } as const;

/** The rules of one direction, in their order. */
function nicRules(filter: NicFilter, direction: Direction): NicRule[] {
  const { policy, address, host } = filter;
  const isLeaving = direction === "leaving";
  const rules = policy.drop.map((one) => protocolRule(one, host));
  if (filter.cutOff.length > 0) {
    const selector = isLeaving ? ip.daddr : ip.saddr;
    rules.push({
      reason: `the partition that cuts ${host} off`,
      statements: [isIn(selector, cutOffSet(filter)), counter, drop],
      matches: (packet) => filter.cutOff.includes(isLeaving ? packet.destination : packet.source),
    });
  }
  if (policy.sourceDestinationCheck) {
    const own = formatAddress(address);
    rules.push({
      reason: `the source/destination check at ${host}'s NIC (${isLeaving ? "source" : "destination"} is not ${own})`,
      statements: [isNot(isLeaving ? ip.saddr : ip.daddr, own), counter, drop],
      matches: (packet) => (isLeaving ? packet.source : packet.destination) !== address,
    });
  }
  return rules;
}

function protocolRule(filter: ProtocolFilter, host: string): NicRule {
  const number = PROTOCOLS[filter.protocol];
  if (filter.protocol === "ipip") {
    return {
      reason: `the filter of IP protocol 4 at ${host}'s NIC`,
      statements: [is(ip.protocol, "ipip"), counter, drop],
      matches: (packet) => packet.protocol === number,
    };
  }
  const { protocol, port } = filter;
  return {
    reason: `the filter of ${protocol.toUpperCase()} port ${port} at ${host}'s NIC`,
    statements: [is(protocol === "udp" ? udp.dport : tcp.dport, port), counter, drop],
    matches: (packet) => packet.protocol === number && packet.destinationPort === port,
  };
}

/** Why a packet is dropped at a NIC, as part of a sentence "dropped by …"; undefined when it passes. */
export const dropReason = (filter: NicFilter, direction: Direction, packet: WirePacket): string | undefined =>
  nicRules(filter, direction).find((one) => one.matches(packet))?.reason;

/** What nft prints of a comment, in octets. */
const LONGEST_COMMENT = 127;

const TABLE = { family: "netdev", name: "ocicat-lab" } as const;
export const NIC_FILTER_TABLE = TABLE;

const cutOffSet = ({ device }: NicFilter): string => `${device}-cut-off`;

/** The table of one router: a chain for each NIC and direction that has something to drop. */
export function nicFilterTable(filters: readonly NicFilter[]): NftTable | undefined {
  const chains = filters.flatMap((filter) => [
    ...chainOf(filter, "leaving", `${filter.device}-leaving`),
    ...chainOf(filter, "arriving", `${filter.device}-arriving`),
  ]);
  if (chains.length === 0) return undefined;
  return { ...TABLE, sets: filters.flatMap(setsOf), chains };
}

function chainOf(filter: NicFilter, direction: Direction, name: string): NftChain[] {
  const rules = nicRules(filter, direction);
  if (rules.length === 0) return [];
  const hook = direction === "leaving" ? "ingress" : "egress";
  return [
    {
      name,
      base: { type: "filter", hook, priority: 0, policy: "accept", devices: [filter.device] },
      rules: rules.map(({ statements, reason }) => rule("netdev", statements, reason.slice(0, LONGEST_COMMENT))),
    },
  ];
}

function setsOf(filter: NicFilter): NftSet[] {
  if (filter.cutOff.length === 0) return [];
  return [{ name: cutOffSet(filter), key: ["ipv4_addr"], elements: filter.cutOff.map(formatAddress) }];
}
