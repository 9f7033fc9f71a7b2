/** A table that drops what does not come from one of many networks: the load of large sets. */
import { accept, drop } from "../netlink/nftables/action.ts";
import { isIn } from "../netlink/nftables/match.ts";
import { rule } from "../netlink/nftables/rule.ts";
import { ip } from "../netlink/nftables/selector.ts";
import type { NftTable } from "../netlink/nftables/tree.ts";

/** Every second /31 of 10.0.0.0/8 and following. */
export const manyNetworks = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => {
    const at = index * 4;
    return `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}/31`;
  });

export const networksTable = (elements: readonly string[]): NftTable => ({
  family: "ip",
  name: "calico",
  sets: [{ name: "networks", key: ["ipv4_addr"], interval: true, elements }],
  chains: [
    {
      name: "input",
      base: { type: "filter", hook: "input", priority: 0, policy: "drop" },
      rules: [rule("ip", [isIn(ip.saddr, "networks"), accept]), rule("ip", [drop])],
    },
  ],
});
