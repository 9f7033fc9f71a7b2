/**
 * Whose a foreign table is, guessed from names. Many programs share the tables of iptables-nft (`ip filter`, `ip nat` …)
 * and are told apart by the chains they add there.
 */

interface Sign {
  readonly owner: string;
  readonly table?: RegExp;
  readonly chain?: RegExp;
}

/** Names as these programs give them; the first sign of an owner counts. */
const signs: readonly Sign[] = [
  { owner: "kube-proxy", table: /^kube-proxy$/, chain: /^KUBE-/ },
  { owner: "Docker", table: /^docker-bridges$/, chain: /^DOCKER/ },
  { owner: "firewalld", table: /^firewalld/ },
  { owner: "ufw", chain: /^ufw6?-/ },
  { owner: "libvirt", table: /^libvirt_/, chain: /^LIBVIRT_/ },
  { owner: "Podman (netavark)", table: /^netavark$/, chain: /^NETAVARK/ },
  { owner: "CNI plugins", table: /^cni_/, chain: /^CNI-/ },
  { owner: "flannel", table: /^flannel-/, chain: /^FLANNEL-/ },
  { owner: "Cilium", chain: /^CILIUM_/ },
  { owner: "Tailscale", chain: /^ts-/ },
  { owner: "LXC", table: /^lxc$/ },
  { owner: "Incus", table: /^incus/ },
  { owner: "LXD", table: /^lxd$/ },
  { owner: "fail2ban", table: /^f2b-/, chain: /^f2b-/ },
  { owner: "Calico", table: /^calico/, chain: /^cali-/ },
];

const IPTABLES_TABLES = new Set(["filter", "nat", "mangle", "raw", "security"]);
const IPTABLES_CHAINS = /^(INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)$/;

/** Owners of a table by its name and the names of all its chains; empty when nothing is known of it. */
export function ownersOf(table: string, chains: readonly string[]): readonly string[] {
  const owners = signs
    .filter((sign) => sign.table?.test(table) || chains.some((chain) => sign.chain?.test(chain)))
    .map(({ owner }) => owner);
  if (owners.length > 0) return owners;
  return IPTABLES_TABLES.has(table) && chains.some((chain) => IPTABLES_CHAINS.test(chain)) ? ["iptables"] : [];
}
