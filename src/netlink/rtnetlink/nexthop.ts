/** Nexthop objects: nhmsg and NHA_* (linux/nexthop.h). Many routes share one; they name it by id. */
import type { Family, IpAddress } from "../../ip/address.ts";
import { AttributeSet, flag, ipAddress, octets, u16, u32 } from "../attributes.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import { AddressFamily, NextHopFlag } from "./codes.ts";
import type { IfIndex } from "./link.ts";

const nhmsg = { family: "u8", scope: "u8", protocol: "u8", pad: "u8", flags: "u32" } as const;

export const nexthopBody = new BodyCodec(
  nhmsg,
  new AttributeSet({
    id: [1, u32],
    group: [2, octets],
    groupType: [3, u16],
    blackhole: [4, flag],
    device: [5, u32],
    gateway: [6, ipAddress],
    encapsulationType: [7, u16],
    encapsulation: [8, octets],
  } as const),
);
export type NexthopBody = BodyIn<typeof nexthopBody>;

export interface NexthopMember {
  readonly id: number;
  /** 1 … 256. */
  readonly weight: number;
}

/** A next hop under a number, or a group of such. */
export interface NexthopObject {
  readonly id: number;
  /** RTPROT_*. */
  readonly protocol: number;
  /** Of its routes; left out in groups. */
  readonly family?: Family;
  readonly device?: IfIndex;
  readonly gateway?: IpAddress;
  readonly onlink?: boolean;
  readonly blackhole?: boolean;
  readonly group?: readonly NexthopMember[];
}

export function nexthopOf({ header, attributes }: NexthopBody): NexthopObject {
  const family = header.family === AddressFamily.ipv4 ? 4 : header.family === AddressFamily.ipv6 ? 6 : undefined;
  const { device, gateway, group } = attributes;
  return {
    id: attributes.id ?? 0,
    protocol: header.protocol,
    ...(family === undefined ? {} : { family }),
    ...(device === undefined ? {} : { device }),
    ...(gateway === undefined ? {} : { gateway }),
    ...((header.flags & NextHopFlag.onlink) === 0 ? {} : { onlink: true }),
    ...(attributes.blackhole === undefined ? {} : { blackhole: true }),
    ...(group === undefined ? {} : { group: membersOf(group) }),
  };
}

export function nexthopBodyOf(nexthop: NexthopObject): NexthopBody {
  const family = nexthop.group !== undefined ? 0 : nexthop.family === 6 ? AddressFamily.ipv6 : AddressFamily.ipv4;
  return {
    header: {
      family,
      scope: 0,
      protocol: nexthop.protocol,
      pad: 0,
      flags: nexthop.onlink === true ? NextHopFlag.onlink : 0,
    },
    attributes: {
      id: nexthop.id,
      group: nexthop.group && groupOctets(nexthop.group),
      blackhole: nexthop.blackhole === true ? true : undefined,
      device: nexthop.device,
      gateway: nexthop.gateway,
    },
  };
}

/** struct nexthop_grp: id, weight less 1, 3 octets of padding. */
const MEMBER_OCTETS = 8;

function membersOf(group: Uint8Array): readonly NexthopMember[] {
  const view = new DataView(group.buffer, group.byteOffset, group.byteLength);
  const members: NexthopMember[] = [];
  for (let at = 0; at + MEMBER_OCTETS <= group.length; at += MEMBER_OCTETS) {
    members.push({ id: view.getUint32(at, true), weight: view.getUint8(at + 4) + 1 });
  }
  return members;
}

function groupOctets(members: readonly NexthopMember[]): Uint8Array {
  const group = new Uint8Array(members.length * MEMBER_OCTETS);
  const view = new DataView(group.buffer);
  members.forEach(({ id, weight }, index) => {
    view.setUint32(index * MEMBER_OCTETS, id, true);
    view.setUint8(index * MEMBER_OCTETS + 4, weight - 1);
  });
  return group;
}
