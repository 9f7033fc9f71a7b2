/**
 * The filter part of the table `ip calico` for IP-in-IP: protocol 4 is taken from nodes and from nobody else, by the first rules of
 * Felix's `cali-INPUT` (calico-dataplane 3.3). It is what keeps others out of the kernel's own ipip, which asks nobody; in front of
 * the BPF programs and of the process, which ask a list of their own, it is asked first or not at all.
 *
 *     filter-INPUT ─▶ filter-cali-INPUT: from cali40all-hosts-net → accept, else drop
 */
import { formatAddress, type IpAddress } from "../../ip/address.ts";
import { accept, counter, drop, jump } from "../../netlink/nftables/action.ts";
import { hashedChain } from "../../netlink/nftables/hashed-chain.ts";
import { is, isIn, RouteType } from "../../netlink/nftables/match.ts";
import { rule } from "../../netlink/nftables/rule.ts";
import { fib, ip } from "../../netlink/nftables/selector.ts";
import { Priority, type TablePart } from "../../netlink/nftables/tree.ts";
import type { View } from "../view.ts";
import { usesIpip } from "./ipip.ts";

const HOSTS = "cali40all-hosts-net";
const IPIP = is(ip.protocol, "ipip");

/** Two nodes may have one address while somebody mends it. */
export function tunnelInput(nodes: Iterable<IpAddress>): TablePart {
  const elements = Array.from(new Set(nodes), formatAddress);
  return {
    sets: [{ name: HOSTS, key: ["ipv4_addr"], elements }],
    chains: [
      hashedChain({
        name: "filter-INPUT",
        base: { type: "filter", hook: "input", priority: Priority.filter, policy: "accept" },
        rules: [rule("ip", [counter, jump("filter-cali-INPUT")])],
      }),
      hashedChain({
        name: "filter-cali-INPUT",
        rules: [
          rule(
            "ip",
            [IPIP, isIn(ip.saddr, HOSTS), is(fib(["daddr"], "type"), RouteType.local), counter, accept],
            "IP-in-IP from nodes",
          ),
          rule("ip", [IPIP, counter, drop], "IP-in-IP from others"),
        ],
      }),
    ],
  };
}

/**
 * Undefined while nothing uses IP-in-IP and the device is down: then tunnels of others are no concern of ours. Undefined too while
 * nothing is known of the cluster: that no node is known is no reason to take from none.
 */
export const tunnelInputOfNodes = (view: View): TablePart | undefined =>
  isKnown(view) && (usesIpip(view) || view.isIpipUp) ? tunnelInput(addressesOf(view)) : undefined;

const isKnown = ({ nodes, pools }: View): boolean => nodes.size > 0 || pools.size > 0;

function* addressesOf({ nodes }: View): Iterable<IpAddress> {
  for (const { ipv4 } of nodes.values()) if (ipv4) yield ipv4.address;
}
