/** The host's interfaces from rtnetlink: links joined with their addresses. */

import type { InterfaceAddress } from "../ip/prefix.ts";
import type { Rtnetlink } from "../kernel/rtnetlink.ts";
import { addresses, links } from "../kernel/rtnetlink-dumps.ts";
import type { Link } from "../netlink/rtnetlink/link.ts";
import type { HostInterface } from "../port/host-facts.ts";

/** `IFA_F_TENTATIVE | IFA_F_DADFAILED`: IPv6 addresses that cannot be spoken from. */
const UNUSABLE = 0x40 | 0x08;

/** In the order of their index, addresses in the kernel's order. Throws KernelError. */
export async function readHostInterfaces(rtnetlink: Pick<Rtnetlink, "dump">): Promise<readonly HostInterface[]> {
  const found = await rtnetlink.dump(links());
  const addressesByIndex = new Map<number, InterfaceAddress[]>();
  for (const { index, address, flags = 0 } of await rtnetlink.dump(addresses())) {
    if ((flags & UNUSABLE) !== 0) continue;
    const known = addressesByIndex.get(index);
    if (known) known.push(address);
    else addressesByIndex.set(index, [address]);
  }
  return [...found]
    .sort((a, b) => a.index - b.index)
    .map((link) => ({
      index: link.index,
      name: link.name,
      isUp: link.up,
      isOperUp: isOperUp(link),
      mtu: link.mtu,
      mac: link.mac,
      addresses: addressesByIndex.get(link.index) ?? [],
    }));
}

/** Many virtual devices never say more than `unknown`; there the carrier counts. */
const isOperUp = ({ operState, running, up }: Link): boolean =>
  operState === "up" || (operState === "unknown" && up && running);
