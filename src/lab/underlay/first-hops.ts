/** The shortest ways over the links between routers. */
import { addOffset, type IpAddress } from "../../ip/address.ts";
import type { RouterLink } from "../topology.ts";

/** For each router that links lead to from one: the far end of the first link of a shortest way, in order of the links. */
export function firstHops(links: readonly RouterLink[], from: string): ReadonlyMap<string, IpAddress> {
  const hops = new Map<string, IpAddress>();
  const waiting = [from];
  for (const at of waiting) {
    for (const { to, address } of links.flatMap((link) => leavingBy(link, at))) {
      if (to === from || hops.has(to)) continue;
      hops.set(to, hops.get(at) ?? address);
      waiting.push(to);
    }
  }
  return hops;
}

/** Where a link leads from a router, and the address of its far end. */
function leavingBy({ between: [one, other], cidr }: RouterLink, at: string): { to: string; address: IpAddress }[] {
  if (at === one) return [{ to: other, address: addOffset(cidr.address, 2) }];
  return at === other ? [{ to: one, address: addOffset(cidr.address, 1) }] : [];
}
