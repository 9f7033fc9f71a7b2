/**
 * The nat part of the tables `ip calico` and `ip6 calico`: pods of masqueraded pools leave with the node's address, and what the
 * host itself sends into a tunnel has the tunnel's address. Names and order of chains, rules and sets are Felix's in
 * nftables mode (calico-dataplane "nat and mangle tables", "nftables driver").
 *
 *     nat-POSTROUTING ─▶ nat-cali-POSTROUTING ─▶ nat-cali-nat-outgoing
 *                                             └─ tunnels
 */
import type { Family } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import { counter, jump, masquerade } from "../../netlink/nftables/action.ts";
import { prefixElements } from "../../netlink/nftables/element.ts";
import { hashedChain } from "../../netlink/nftables/hashed-chain.ts";
import { is, isIn, isNot, isNotIn, RouteType } from "../../netlink/nftables/match.ts";
import { rule } from "../../netlink/nftables/rule.ts";
import { fib, ip, ip6, meta } from "../../netlink/nftables/selector.ts";
import { type NftRule, type NftSet, Priority, type TablePart } from "../../netlink/nftables/tree.ts";

export interface NatOutgoing {
  readonly family: Family;
  /** All pools of the family, disabled ones included: traffic between them keeps its source. */
  readonly pools: readonly Prefix[];
  /** Those with natOutgoing. */
  readonly masqueradedPools: readonly Prefix[];
  readonly tunnelDevices: readonly { readonly name: string }[];
}

/** Table, key of sets, header and number in the names of sets. */
const wordsOf = {
  4: { table: "ip", key: "ipv4_addr", header: ip, version: "40" },
  6: { table: "ip6", key: "ipv6_addr", header: ip6, version: "60" },
} as const;

/** Behind kube-proxy's nat-postrouting, which is at srcnat. */
const PRIORITY = Priority.srcnat + 10;
const MASQUERADE = masquerade({ flags: ["fully-random"] });

/** Pure; the same input gives the same part, comments included. */
export function natOutgoing({ family, pools, masqueradedPools, tunnelDevices }: NatOutgoing): TablePart {
  const { table, key, header, version } = wordsOf[family];
  const all: NftSet = poolSet(`cali${version}all-ipam-pools`, key, pools);
  const masqueraded: NftSet = poolSet(`cali${version}masq-ipam-pools`, key, masqueradedPools);
  const isMasquerading = masqueradedPools.length > 0;
  const toOutgoing = isMasquerading ? [rule(table, [counter, jump("nat-cali-nat-outgoing")])] : [];
  const outgoing = hashedChain({
    name: "nat-cali-nat-outgoing",
    rules: [rule(table, [isIn(header.saddr, masqueraded.name), isNotIn(header.daddr, all.name), counter, MASQUERADE])],
  });
  return {
    sets: [all, masqueraded],
    chains: [
      hashedChain({
        name: "nat-POSTROUTING",
        base: { type: "nat", hook: "postrouting", priority: PRIORITY, policy: "accept" },
        rules: [rule(table, [counter, jump("nat-cali-POSTROUTING")])],
      }),
      hashedChain({
        name: "nat-cali-POSTROUTING",
        rules: [...toOutgoing, ...tunnelDevices.map(({ name }) => tunnelRule(table, name))],
      }),
      ...(isMasquerading ? [outgoing] : []),
    ],
  };
}

const poolSet = (name: string, key: NftSet["key"][number], pools: readonly Prefix[]): NftSet => ({
  name,
  key: [key],
  interval: true,
  elements: prefixElements(pools),
});

/** Traffic of the host whose source is an address of another device: without this the answer would not come back through the tunnel. */
const tunnelRule = (table: "ip" | "ip6", name: string): NftRule =>
  rule(table, [
    is(meta.oifname, name),
    isNot(fib(["saddr", "oif"], "type"), RouteType.local),
    is(fib(["saddr"], "type"), RouteType.local),
    counter,
    MASQUERADE,
  ]);
