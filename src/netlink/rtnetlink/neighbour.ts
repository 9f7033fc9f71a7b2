/** Neighbours, and forwarding entries of bridges and VXLAN devices: ndmsg and NDA_* (linux/neighbour.h). */
import type { IpAddress } from "../../ip/address.ts";
import { AttributeSet, hardwareAddress, i32, ipAddress, octets, u8, u16, u16Network, u32 } from "../attributes.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import { AddressFamily, NeighbourFlag } from "./codes.ts";
import type { IfIndex } from "./link.ts";

const ndmsg = {
  family: "u8",
  pad: "u8",
  pad2: "u16",
  index: "i32",
  state: "u16",
  flags: "u8",
  type: "u8",
} as const;

export const neighbourBody = new BodyCodec(
  ndmsg,
  new AttributeSet({
    destination: [1, ipAddress],
    hardwareAddress: [2, hardwareAddress],
    cacheInfo: [3, octets],
    probes: [4, u32],
    vlan: [5, u16],
    port: [6, u16Network],
    vni: [7, u32],
    interface: [8, u32],
    master: [9, u32],
    linkNamespaceId: [10, i32],
    sourceVni: [11, u32],
    protocol: [12, u8],
    nexthopId: [13, u32],
    extendedFlags: [15, u32],
  } as const),
);
export type NeighbourBody = BodyIn<typeof neighbourBody>;

/** An IP neighbour of a device; with the flag `proxy` an address that the device answers for. */
export interface Neighbour {
  readonly index: IfIndex;
  readonly address: IpAddress;
  /** Left out in proxy entries and where resolution goes on. */
  readonly mac?: string;
  /** NUD_*. */
  readonly state: number;
  /** NTF_*. */
  readonly flags: number;
}

/** A forwarding entry: frames to `mac` go to a port of the bridge, or through a VXLAN device to `destination`. */
export interface ForwardingEntry {
  readonly index: IfIndex;
  readonly mac: string;
  readonly destination?: IpAddress;
  /** NUD_*; a VXLAN device's static entries are `permanent`. */
  readonly state: number;
  /** NTF_*; `self` is the device's own table, `master` its bridge's. */
  readonly flags: number;
  readonly vlan?: number;
  readonly master?: IfIndex;
}

/** The neighbour in the message; undefined when it is a forwarding entry or names no address. */
export function neighbourOf({ header, attributes }: NeighbourBody): Neighbour | undefined {
  if (header.family === AddressFamily.bridge || attributes.destination === undefined) return undefined;
  return {
    index: header.index,
    address: attributes.destination,
    state: header.state,
    flags: header.flags,
    ...(attributes.hardwareAddress === undefined ? {} : { mac: attributes.hardwareAddress }),
  };
}

/** The forwarding entry in the message; undefined when it is a neighbour. */
export function forwardingEntryOf({ header, attributes }: NeighbourBody): ForwardingEntry | undefined {
  if (header.family !== AddressFamily.bridge || attributes.hardwareAddress === undefined) return undefined;
  return {
    index: header.index,
    mac: attributes.hardwareAddress,
    state: header.state,
    flags: header.flags,
    ...(attributes.destination === undefined ? {} : { destination: attributes.destination }),
    ...(attributes.vlan === undefined ? {} : { vlan: attributes.vlan }),
    ...(attributes.master === undefined ? {} : { master: attributes.master }),
  };
}

export function neighbourBodyOf(neighbour: Neighbour): NeighbourBody {
  const family = typeof neighbour.address === "number" ? AddressFamily.ipv4 : AddressFamily.ipv6;
  return {
    header: { ...empty, family, index: neighbour.index, state: neighbour.state, flags: neighbour.flags },
    attributes: { destination: neighbour.address, hardwareAddress: neighbour.mac },
  };
}

export function forwardingBodyOf(entry: ForwardingEntry): NeighbourBody {
  const flags = entry.flags === 0 ? NeighbourFlag.self : entry.flags;
  return {
    header: { ...empty, family: AddressFamily.bridge, index: entry.index, state: entry.state, flags },
    attributes: { destination: entry.destination, hardwareAddress: entry.mac, vlan: entry.vlan },
  };
}

const empty = { pad: 0, pad2: 0, type: 0 } as const;
