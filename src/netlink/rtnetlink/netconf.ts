/** Settings of devices that the kernel reports when they change, whoever writes them: netconfmsg and NETCONFA_* (linux/netconf.h). */
import type { Family } from "../../ip/address.ts";
import { AttributeSet, i32 } from "../attributes.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import { AddressFamily } from "./codes.ts";
import type { IfIndex } from "./link.ts";

/** The family stands alone in an octet; attributes begin at the next multiple of 4. */
const netconfmsg = { family: "u8", pad: "u8", pad2: "u16" } as const;

export const netconfBody = new BodyCodec(
  netconfmsg,
  new AttributeSet({
    index: [1, i32],
    forwarding: [2, i32],
    reversePathFilter: [3, i32],
    multicastForwarding: [4, i32],
    proxyNeighbour: [5, i32],
  } as const),
);
export type NetconfBody = BodyIn<typeof netconfBody>;

/** What is known of one device, or of `all` or `default`. */
export interface Netconf {
  readonly family: Family;
  readonly device: IfIndex | "all" | "default";
  readonly forwarding?: number;
  readonly reversePathFilter?: number;
  /** `proxy_arp`, or `proxy_ndp` for IPv6. */
  readonly proxyNeighbour?: number;
}

/** NETCONFA_IFINDEX_ALL and _DEFAULT. */
const ALL = -1;
const DEFAULT = -2;

/** The settings in the message; undefined for families other than IPv4 and IPv6. */
export function netconfOf({ header, attributes }: NetconfBody): Netconf | undefined {
  const isIpv4 = header.family === AddressFamily.ipv4;
  if ((!isIpv4 && header.family !== AddressFamily.ipv6) || attributes.index === undefined) return undefined;
  const { index, forwarding, reversePathFilter, proxyNeighbour } = attributes;
  return {
    family: isIpv4 ? 4 : 6,
    device: index === ALL ? "all" : index === DEFAULT ? "default" : index,
    ...(forwarding === undefined ? {} : { forwarding }),
    ...(reversePathFilter === undefined ? {} : { reversePathFilter }),
    ...(proxyNeighbour === undefined ? {} : { proxyNeighbour }),
  };
}
