/**
 * The nat part of the table `ip calico`: pods of masqueraded pools leave with the node's address, and what the host
 * itself sends into a tunnel has the tunnel's address. Names and order of chains, rules and sets are Felix's in
 * nftables mode (calico-dataplane "nat and mangle tables", "nftables driver").
 *
 *     nat-POSTROUTING ─▶ nat-cali-POSTROUTING ─▶ nat-cali-nat-outgoing
 *                                             └─ tunnels
 */
import type { Prefix } from "../../ip/prefix.ts";
import { counter, jump, masquerade, type PortRange } from "../../netlink/nftables/action.ts";
import { prefixElements } from "../../netlink/nftables/element.ts";
import { hashedChain } from "../../netlink/nftables/hashed-chain.ts";
import { is, isIn, isNot, isNotIn, RouteType } from "../../netlink/nftables/match.ts";
import { rule } from "../../netlink/nftables/rule.ts";
import { fib, ip, meta } from "../../netlink/nftables/selector.ts";
import { type NftRule, type NftSet, Priority, type TablePart } from "../../netlink/nftables/tree.ts";

export interface NatOutgoing {
  /** All pools, disabled ones included: traffic between them keeps its source. */
  readonly pools: readonly Prefix[];
  /** Those with natOutgoing. */
  readonly masqueradedPools: readonly Prefix[];
  readonly tunnelDevices: readonly { readonly name: string }[];
  /** UDP ports that masqueraded tunnel traffic may get as its source; any when left out. */
  readonly udpPorts?: PortRange;
}

const POOLS = "cali40all-ipam-pools";
const MASQUERADED_POOLS = "cali40masq-ipam-pools";
/** Behind kube-proxy's nat-postrouting, which is at srcnat. */
const PRIORITY = Priority.srcnat + 10;
const FULLY_RANDOM = { flags: ["fully-random"] } as const;

const poolSet = (name: string, pools: readonly Prefix[]): NftSet => ({
  name,
  key: ["ipv4_addr"],
  interval: true,
  elements: prefixElements(pools),
});

/** Traffic of the host whose source is an address of another device: without this the answer would not come back through the tunnel. */
function tunnelRules(name: string, udpPorts: PortRange | undefined): NftRule[] {
  const fromElsewhere = [
    is(meta.oifname, name),
    isNot(fib(["saddr", "oif"], "type"), RouteType.local),
    is(fib(["saddr"], "type"), RouteType.local),
    counter,
  ];
  const plain = rule("ip", [...fromElsewhere, masquerade(FULLY_RANDOM)]);
  if (!udpPorts) return [plain];
  return [
    rule("ip", [is(ip.protocol, "udp"), ...fromElsewhere, masquerade({ ...FULLY_RANDOM, ports: udpPorts })]),
    plain,
  ];
}

/** Pure; the same input gives the same part, comments included. */
export function natOutgoing({ pools, masqueradedPools, tunnelDevices, udpPorts }: NatOutgoing): TablePart {
  const isMasquerading = masqueradedPools.length > 0;
  const toOutgoing = isMasquerading ? [rule("ip", [counter, jump("nat-cali-nat-outgoing")])] : [];
  const outgoing = hashedChain({
    name: "nat-cali-nat-outgoing",
    rules: [
      rule("ip", [isIn(ip.saddr, MASQUERADED_POOLS), isNotIn(ip.daddr, POOLS), counter, masquerade(FULLY_RANDOM)]),
    ],
  });
  return {
    sets: [poolSet(POOLS, pools), poolSet(MASQUERADED_POOLS, masqueradedPools)],
    chains: [
      hashedChain({
        name: "nat-POSTROUTING",
        base: { type: "nat", hook: "postrouting", priority: PRIORITY, policy: "accept" },
        rules: [rule("ip", [counter, jump("nat-cali-POSTROUTING")])],
      }),
      hashedChain({
        name: "nat-cali-POSTROUTING",
        rules: [...toOutgoing, ...tunnelDevices.flatMap(({ name }) => tunnelRules(name, udpPorts))],
      }),
      ...(isMasquerading ? [outgoing] : []),
    ],
  };
}
