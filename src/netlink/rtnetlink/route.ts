/** Routes: rtmsg and RTA_* (linux/rtnetlink.h). */
import { type IpAddress, ipv4Of, ipv6Of } from "../../ip/address.ts";
import type { Prefix } from "../../ip/prefix.ts";
import {
  type AttributeCodec,
  AttributeSet,
  type AttributesOf,
  ipAddress,
  nested,
  octets,
  u8,
  u16,
  u32,
} from "../attributes.ts";
import { aligned, NetlinkFormatError } from "../message.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import { AddressFamily, NextHopFlag, routeTypes, Scope } from "./codes.ts";
import type { IfIndex } from "./link.ts";

const rtmsg = {
  family: "u8",
  destinationLength: "u8",
  sourceLength: "u8",
  tos: "u8",
  table: "u8",
  protocol: "u8",
  scope: "u8",
  type: "u8",
  flags: "u32",
} as const;

/** RTA_VIA: a gateway of another family than the route's: family:2, address. */
const via: AttributeCodec<IpAddress> = {
  decode(view, at, length) {
    if (length < 2) throw new NetlinkFormatError("badAttribute", `via of ${length} octets`, at);
    return ipAddress.decode(view, at + 2, length - 2);
  },
  encode(writer, value) {
    writer.u16Host(typeof value === "number" ? AddressFamily.ipv4 : AddressFamily.ipv6);
    ipAddress.encode(writer, value);
  },
};

/** RTAX_*: what Linux knows of a route's path. */
const metricAttributes = new AttributeSet({ lock: [1, u32], mtu: [2, u32] } as const);

const hopAttributes = new AttributeSet({ gateway: [5, ipAddress], via: [18, via] } as const);

interface RawHop {
  readonly flags: number;
  /** Weight less 1. */
  readonly hops: number;
  readonly index: number;
  readonly attributes: AttributesOf<HopTable>;
}
type HopTable = { readonly gateway: readonly [5, typeof ipAddress]; readonly via: readonly [18, typeof via] };

/** struct rtnexthop: length:2, flags:1, hops:1, index:4, attributes. */
const HOP_OCTETS = 8;

/** RTA_MULTIPATH: next hops one after the other. */
const multipath: AttributeCodec<readonly RawHop[]> = {
  decode(view, at, length) {
    const hops: RawHop[] = [];
    const end = at + length;
    for (let next = at; end - next >= HOP_OCTETS; ) {
      const size = view.getUint16(next, true);
      if (size < HOP_OCTETS || size > end - next) {
        throw new NetlinkFormatError("badAttribute", `next hop of ${size} octets with ${end - next} left`, next);
      }
      hops.push({
        flags: view.getUint8(next + 2),
        hops: view.getUint8(next + 3),
        index: view.getInt32(next + 4, true),
        attributes: hopAttributes.decode(view, next + HOP_OCTETS, next + size),
      });
      next += aligned(size);
    }
    return hops;
  },
  encode(writer, hops) {
    for (const hop of hops) {
      const at = writer.length;
      writer.u16Host(0);
      writer.u8(hop.flags);
      writer.u8(hop.hops);
      writer.i32Host(hop.index);
      hopAttributes.encode(writer, hop.attributes);
      writer.patchU16Host(at, writer.length - at);
    }
  },
};

export const routeBody = new BodyCodec(
  rtmsg,
  new AttributeSet({
    destination: [1, ipAddress],
    source: [2, ipAddress],
    inputDevice: [3, u32],
    device: [4, u32],
    gateway: [5, ipAddress],
    priority: [6, u32],
    preferredSource: [7, ipAddress],
    metrics: [8, nested(metricAttributes)],
    multipath: [9, multipath],
    flow: [11, u32],
    cacheInfo: [12, octets],
    table: [15, u32],
    mark: [16, u32],
    via: [18, via],
    preference: [20, u8],
    encapsulationType: [21, u16],
    encapsulation: [22, octets],
    expires: [23, u32],
    nexthopId: [30, u32],
  } as const),
);
export type RouteBody = BodyIn<typeof routeBody>;

export type RouteType = keyof typeof routeTypes | "other";

export interface Hop {
  readonly device?: IfIndex;
  readonly gateway?: IpAddress;
  /** RTNH_F_*: `onlink` in requests, what the kernel found in answers. */
  readonly flags?: number;
  /** 1 … 256; 1 when left out. */
  readonly weight?: number;
}

/** A route as requests ask for it and as the kernel shows it. */
export interface Route {
  readonly destination: Prefix;
  readonly table: number;
  readonly type: RouteType;
  /** RTPROT_*. */
  readonly protocol: number;
  /** RT_SCOPE_*. */
  readonly scope: number;
  /** Priority; the kernel reads 0 as 1024 for IPv6. */
  readonly metric: number;
  /** Of this route alone when `nexthopId` is not there; with it the kernel shows what the object holds. */
  readonly hops: readonly Hop[];
  readonly nexthopId?: number;
  /** Preferred source. */
  readonly source?: IpAddress;
  /** Octets. */
  readonly mtu?: number;
  readonly tos?: number;
  /** Matches only packets from there (IPv6). */
  readonly from?: Prefix;
  /** RTM_F_* and RTNH_F_*; RTM_F_CLONED 0x200 are cached exceptions. */
  readonly flags?: number;
}

/**
 * What a removal says: destination, table, metric, type and protocol. By next hops the kernel would not find a route that
 * uses an object, nor by the object one that is plain.
 */
export const removalOf = ({ destination, table, type, protocol, metric }: Route): Route => ({
  destination,
  table,
  type,
  protocol,
  metric,
  scope: typeof destination.address === "number" ? Scope.nowhere : 0,
  hops: [],
});

const typeNames: readonly (keyof typeof routeTypes | undefined)[] = Object.entries(routeTypes).reduce(
  (names: (keyof typeof routeTypes | undefined)[], [name, number]) => {
    names[number] = name as keyof typeof routeTypes;
    return names;
  },
  [],
);

/** The route in the message; undefined for families other than IPv4 and IPv6 (multicast routing, MPLS). */
export function routeOf({ header, attributes }: RouteBody): Route | undefined {
  if (header.family !== AddressFamily.ipv4 && header.family !== AddressFamily.ipv6) return undefined;
  const zero = header.family === AddressFamily.ipv4 ? ipv4Of(0) : ipv6Of(0n);
  const { nexthopId, preferredSource, metrics, source } = attributes;
  return {
    destination: { address: attributes.destination ?? zero, length: header.destinationLength },
    table: attributes.table ?? header.table,
    type: typeNames[header.type] ?? "other",
    protocol: header.protocol,
    scope: header.scope,
    metric: attributes.priority ?? 0,
    hops: hopsOf(header.flags, attributes),
    flags: header.flags,
    ...(nexthopId === undefined ? {} : { nexthopId }),
    ...(preferredSource === undefined ? {} : { source: preferredSource }),
    ...(metrics?.mtu === undefined ? {} : { mtu: metrics.mtu }),
    ...(header.tos === 0 ? {} : { tos: header.tos }),
    ...(source === undefined ? {} : { from: { address: source, length: header.sourceLength } }),
  };
}

const noHops: readonly Hop[] = [];

function hopsOf(flags: number, attributes: RouteBody["attributes"]): readonly Hop[] {
  if (attributes.multipath) {
    return attributes.multipath.map((hop) =>
      hopOf(
        { device: hop.index, gateway: hop.attributes.gateway ?? hop.attributes.via, flags: hop.flags },
        hop.hops + 1,
      ),
    );
  }
  const gateway = attributes.gateway ?? attributes.via;
  if (attributes.device === undefined && gateway === undefined) return noHops;
  return [hopOf({ device: attributes.device, gateway, flags: flags & 0xff }, 1)];
}

function hopOf(
  hop: { device: number | undefined; gateway: IpAddress | undefined; flags: number },
  weight: number,
): Hop {
  return {
    ...(hop.device === undefined || hop.device === 0 ? {} : { device: hop.device }),
    ...(hop.gateway === undefined ? {} : { gateway: hop.gateway }),
    ...(hop.flags === 0 ? {} : { flags: hop.flags }),
    ...(weight === 1 ? {} : { weight }),
  };
}

export function routeBodyOf(route: Route): RouteBody {
  const isIpv4 = typeof route.destination.address === "number";
  const [only] = route.hops;
  const single = route.hops.length === 1 ? only : undefined;
  return {
    header: {
      family: isIpv4 ? AddressFamily.ipv4 : AddressFamily.ipv6,
      destinationLength: route.destination.length,
      sourceLength: route.from?.length ?? 0,
      tos: route.tos ?? 0,
      table: route.table < 256 ? route.table : 0,
      protocol: route.protocol,
      scope: route.scope,
      type: route.type === "other" ? 0 : routeTypes[route.type],
      flags: (single?.flags ?? 0) & NextHopFlag.onlink,
    },
    attributes: {
      destination: route.destination.address,
      source: route.from?.address,
      table: route.table < 256 ? undefined : route.table,
      priority: route.metric === 0 ? undefined : route.metric,
      preferredSource: route.source,
      metrics: route.mtu === undefined ? undefined : { mtu: route.mtu },
      nexthopId: route.nexthopId,
      ...(route.nexthopId !== undefined ? {} : hopAttributesOf(route.hops, isIpv4)),
    },
  };
}

function hopAttributesOf(hops: readonly Hop[], isIpv4: boolean) {
  const [first] = hops;
  if (!first) return {};
  if (hops.length === 1) return { device: first.device, ...gatewayOf(first, isIpv4) };
  return {
    multipath: hops.map((hop) => ({
      flags: (hop.flags ?? 0) & NextHopFlag.onlink,
      hops: (hop.weight ?? 1) - 1,
      index: hop.device ?? 0,
      attributes: gatewayOf(hop, isIpv4),
    })),
  };
}

function gatewayOf({ gateway }: Hop, isIpv4: boolean): { gateway?: IpAddress; via?: IpAddress } {
  if (gateway === undefined) return {};
  return (typeof gateway === "number") === isIpv4 ? { gateway } : { via: gateway };
}
