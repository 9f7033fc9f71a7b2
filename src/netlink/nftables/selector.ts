/**
 * What a rule can look at, in nft's words: how it gets into a register, and what it needs to be true first. In tables
 * that see more than one protocol (`inet`, `netdev`, `bridge`) nft puts the check of the protocol before the header
 * field by itself, and hides it when it prints the rule; so do we.
 */
import type { DataType } from "./data-type.ts";
import type { CtKey, Expression, FibFlag, FibResult, MetaKey, PayloadBase, Register } from "./expression.ts";

/** A protocol that must have been matched before a field of its header means anything. */
export type Need =
  | { readonly layer: "network"; readonly protocol: "ip" | "ip6" | "arp" }
  | { readonly layer: "transport"; readonly protocol: string };

export interface Selector {
  /** As nft writes it. */
  readonly words: string;
  /** undefined: a number in host order that no set has for a key. */
  readonly type: DataType | undefined;
  /** Octets in the register. */
  readonly length: number;
  readonly needs?: Need;
  load(to: Register): Expression;
}

interface Field {
  readonly words: string;
  readonly type: DataType | undefined;
  readonly base: PayloadBase;
  readonly offset: number;
  readonly length: number;
  readonly needs?: Need;
}

const field = ({ base, offset, length, ...rest }: Field): Selector => ({
  ...rest,
  length,
  load: (to) => ({ name: "payload", base, offset, length, to }),
});

const network =
  (protocol: "ip" | "ip6" | "arp") => (name: string, type: DataType | undefined, offset: number, length: number) =>
    field({
      words: `${protocol} ${name}`,
      type,
      base: "network",
      offset,
      length,
      needs: { layer: "network", protocol },
    });

const transport = (protocol: string) => (name: string, type: DataType | undefined, offset: number, length: number) =>
  field({
    words: `${protocol} ${name}`,
    type,
    base: "transport",
    offset,
    length,
    needs: { layer: "transport", protocol },
  });

const inIp = network("ip");
const inIp6 = network("ip6");
const inArp = network("arp");

/** RFC 791. */
export const ip = {
  protocol: inIp("protocol", "inet_proto", 9, 1),
  saddr: inIp("saddr", "ipv4_addr", 12, 4),
  daddr: inIp("daddr", "ipv4_addr", 16, 4),
} as const;

/** RFC 8200. */
export const ip6 = {
  nexthdr: inIp6("nexthdr", "inet_proto", 6, 1),
  saddr: inIp6("saddr", "ipv6_addr", 8, 16),
  daddr: inIp6("daddr", "ipv6_addr", 24, 16),
} as const;

/** RFC 826, for Ethernet and IPv4. */
export const arp = {
  operation: inArp("operation", undefined, 6, 2),
  saddrIp: inArp("saddr ip", "ipv4_addr", 14, 4),
  daddrIp: inArp("daddr ip", "ipv4_addr", 24, 4),
} as const;

export const ether = {
  daddr: field({ words: "ether daddr", type: "ether_addr", base: "link", offset: 0, length: 6 }),
  saddr: field({ words: "ether saddr", type: "ether_addr", base: "link", offset: 6, length: 6 }),
} as const;

const ports = (protocol: string) => {
  const at = transport(protocol);
  return { sport: at("sport", "inet_service", 0, 2), dport: at("dport", "inet_service", 2, 2) } as const;
};
export const tcp = ports("tcp");
export const udp = ports("udp");
export const sctp = ports("sctp");

/** Ports of whatever transport protocol an earlier match (`meta.l4proto`) left. */
export const th = {
  sport: field({ words: "th sport", type: "inet_service", base: "transport", offset: 0, length: 2 }),
  dport: field({ words: "th dport", type: "inet_service", base: "transport", offset: 2, length: 2 }),
} as const;

const icmpField = (protocol: "icmp" | "icmpv6") => {
  const at = transport(protocol === "icmp" ? "icmp" : "ipv6-icmp");
  return { type: at("type", undefined, 0, 1), code: at("code", undefined, 1, 1) } as const;
};
export const icmp = icmpField("icmp");
export const icmpv6 = icmpField("icmpv6");

const metaField = (key: MetaKey, type: DataType | undefined, length: number): Selector => ({
  words: key === "iifname" || key === "oifname" ? key : `meta ${key}`,
  type,
  length,
  load: (to) => ({ name: "meta", key, to }),
});
export const meta = {
  /** The EtherType, whatever the link. */
  protocol: metaField("protocol", "ether_type", 2),
  l4proto: metaField("l4proto", "inet_proto", 1),
  nfproto: metaField("nfproto", undefined, 1),
  mark: metaField("mark", "mark", 4),
  iifname: metaField("iifname", "ifname", 16),
  oifname: metaField("oifname", "ifname", 16),
} as const;

const ctField = (key: CtKey, type: DataType | undefined, length: number): Selector => ({
  words: `ct ${key}`,
  type,
  length,
  load: (to) => ({ name: "ct", key, to }),
});
export const ct = {
  state: ctField("state", undefined, 4),
  status: ctField("status", undefined, 4),
  mark: ctField("mark", "mark", 4),
} as const;

/** A route lookup: of the packet's own addresses, restricted by mark and devices. `type` is RTN_*, `oif` an index or 0. */
export const fib = (flags: readonly FibFlag[], result: FibResult): Selector => ({
  words: `fib ${flags.join(" . ")} ${result}`,
  type: result === "oifname" ? "ifname" : undefined,
  length: result === "oifname" ? 16 : 4,
  load: (to) => ({ name: "fib", flags, result, to }),
});

/** A number below `modulus` for each packet: at random, or counting up. */
export const numgen = (mode: "random" | "incremental", modulus: number): Selector => ({
  words: `numgen ${mode === "random" ? "random" : "inc"} mod ${modulus}`,
  type: undefined,
  length: 4,
  load: (to) => ({ name: "numgen", mode, modulus, offset: 0, to }),
});
