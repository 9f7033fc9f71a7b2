/**
 * Which learned routes a BIRD in the speaker's place puts into the kernel (control plane 6.5), and by which way: what
 * `learnedRoute` decides for each route, as ranges. BIRD finds the way by the next hop alone, so pools with another mode of
 * IP-in-IP than the largest one's stay out, and are named.
 */
import type { KernelExport, KernelRange } from "../../bgp/bird/types.ts";
import { familyOf, type Ipv4 } from "../../ip/address.ts";
import { comparePrefixes, contains, formatPrefix } from "../../ip/prefix.ts";
import { IPIP_DEVICE, usesIpip } from "../tunnels/ipip.ts";
import type { EncapsulationMode, Pool, View } from "../view.ts";

export function kernelExport(view: View): KernelExport {
  const services = view.bgp.cluster?.serviceRanges ?? [];
  const pools = [...view.pools.values()].sort((a, b) => comparePrefixes(a.cidr, b.cidr));
  // Longer prefixes first: a pool inside of another decides for itself.
  const inner = pools.toSorted((a, b) => b.cidr.length - a.cidr.length);
  const mode = inner.findLast(isRouted)?.ipipMode ?? "Never";
  const ranges: readonly KernelRange[] = [
    ...services.map(
      (prefix): KernelRange => ({
        prefix,
        verdict: "reject",
        about: `services ${formatPrefix(prefix)}, which this node serves itself`,
      }),
    ),
    ...inner.map((pool) => rangeOf(pool, mode, view)),
    ...view.bgp.advertisements.map(
      ({ cidr }): KernelRange => ({ prefix: cidr, verdict: "accept", about: `advertised ${formatPrefix(cidr)}` }),
    ),
  ];
  const nextHops = mode === "Never" ? [] : nodesBehindTunnel(mode, view);
  return { ranges, ...(mode === "Never" ? {} : { tunnel: { device: IPIP_DEVICE, nextHops } }) };
}

const isRouted = ({ cidr, vxlanMode }: Pool): boolean => familyOf(cidr.address) === 4 && vxlanMode === "Never";

function rangeOf(pool: Pool, mode: EncapsulationMode, view: View): KernelRange {
  const { cidr: prefix, origin, vxlanMode, ipipMode } = pool;
  const about = `pool ${origin.name}`;
  if (vxlanMode !== "Never")
    return { prefix, verdict: "reject", about: `${about} uses VXLAN: its routes come from the store` };
  if (isRouted(pool) && ipipMode !== mode)
    return { prefix, verdict: "reject", about: `${about} has ipipMode ${ipipMode}, and BIRD can do only one, ${mode}` };
  if (ipipMode !== "Never" && !usesIpip(view))
    return { prefix, verdict: "reject", about: `${about}: ${IPIP_DEVICE} is switched off by ipipEnabled` };
  return { prefix, verdict: "accept", about };
}

function nodesBehindTunnel(mode: EncapsulationMode, view: View): readonly Ipv4[] {
  const own = view.ownNode?.ipv4;
  return [...view.nodes.values()]
    .flatMap(({ name, ipv4 }) => (name !== view.local.node && typeof ipv4?.address === "number" ? [ipv4.address] : []))
    .filter((address) => mode === "Always" || !own || !contains(own, address))
    .sort((a, b) => a - b);
}
