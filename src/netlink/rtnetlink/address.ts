/** Addresses of devices: ifaddrmsg and IFA_* (linux/if_addr.h). */
import { familyOf, type IpAddress } from "../../ip/address.ts";
import type { InterfaceAddress } from "../../ip/prefix.ts";
import { AttributeSet, ipAddress, octets, text, u8, u32 } from "../attributes.ts";
import { NetlinkFormatError } from "../message.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import { AddressFamily } from "./codes.ts";
import type { IfIndex } from "./link.ts";

const ifaddrmsg = { family: "u8", prefixLength: "u8", flags: "u8", scope: "u8", index: "u32" } as const;

export const addressBody = new BodyCodec(
  ifaddrmsg,
  new AttributeSet({
    address: [1, ipAddress],
    local: [2, ipAddress],
    label: [3, text],
    broadcast: [4, ipAddress],
    anycast: [5, ipAddress],
    cacheInfo: [6, octets],
    flags: [8, u32],
    routePriority: [9, u32],
    protocol: [11, u8],
  } as const),
);
export type AddressBody = BodyIn<typeof addressBody>;

export interface Address {
  readonly index: IfIndex;
  readonly address: InterfaceAddress;
  /** RT_SCOPE_*; 0 when left out. */
  readonly scope?: number;
  /** IFA_F_*; the kernel adds its own. */
  readonly flags?: number;
  /** The other end of a point-to-point address. */
  readonly peer?: IpAddress;
  readonly broadcast?: IpAddress;
  readonly label?: string;
}

/** Throws NetlinkFormatError when there is no address in it. */
export function addressOf({ header, attributes }: AddressBody): Address {
  const own = attributes.local ?? attributes.address;
  if (own === undefined) throw new NetlinkFormatError("badAttribute", "an address message without address", 0);
  const peer = attributes.address === own ? undefined : attributes.address;
  return {
    index: header.index,
    address: { address: own, length: header.prefixLength },
    scope: header.scope,
    flags: attributes.flags ?? header.flags,
    ...(peer === undefined ? {} : { peer }),
    ...(attributes.broadcast === undefined ? {} : { broadcast: attributes.broadcast }),
    ...(attributes.label === undefined ? {} : { label: attributes.label }),
  };
}

export function addressBodyOf(address: Address): AddressBody {
  const own = address.address.address;
  const flags = address.flags ?? 0;
  return {
    header: {
      family: familyOf(own) === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6,
      prefixLength: address.address.length,
      flags: flags & 0xff,
      scope: address.scope ?? 0,
      index: address.index,
    },
    attributes: {
      local: own,
      address: address.peer ?? own,
      broadcast: address.broadcast,
      label: address.label,
      ...(flags === 0 ? {} : { flags }),
    },
  };
}
