/** Links: ifinfomsg and IFLA_* (linux/if_link.h). */
import type { IpAddress } from "../../ip/address.ts";
import {
  type AttributeCodec,
  AttributeSet,
  type AttributesIn,
  flag,
  hardwareAddress,
  i32,
  ipAddress,
  nested,
  octets,
  text,
  u8,
  u16Network,
  u32,
} from "../attributes.ts";
import { BodyCodec, type BodyIn } from "./body.ts";
import { LinkFlag, type OperState, operStates } from "./codes.ts";

/** The kernel's number of a device in its namespace. */
export type IfIndex = number;

const ifinfomsg = { family: "u8", pad: "u8", type: "u16", index: "i32", flags: "u32", change: "u32" } as const;

/** IFLA_VXLAN_*. */
export const vxlanAttributes = new AttributeSet({
  id: [1, u32],
  group: [2, ipAddress],
  link: [3, u32],
  local: [4, ipAddress],
  ttl: [5, u8],
  tos: [6, u8],
  learning: [7, u8],
  ageing: [8, u32],
  limit: [9, u32],
  portRange: [10, octets],
  proxy: [11, u8],
  rsc: [12, u8],
  l2miss: [13, u8],
  l3miss: [14, u8],
  port: [15, u16Network],
  group6: [16, ipAddress],
  local6: [17, ipAddress],
  udpChecksum: [18, u8],
  udpZeroChecksum6Tx: [19, u8],
  udpZeroChecksum6Rx: [20, u8],
  gbp: [23, flag],
  collectMetadata: [25, u8],
  label: [26, u32],
  df: [29, u8],
} as const);

/** IFLA_INFO_*. `data` depends on the kind. */
const infoAttributes = new AttributeSet({ kind: [1, text], data: [2, octets], slaveKind: [4, text] } as const);

export const linkAttributes = new AttributeSet({
  address: [1, hardwareAddress],
  broadcast: [2, hardwareAddress],
  name: [3, text],
  mtu: [4, u32],
  link: [5, u32],
  master: [10, u32],
  txQueueLength: [13, u32],
  operState: [16, u8],
  linkMode: [17, u8],
  info: [18, nested(infoAttributes)],
  namespacePid: [19, u32],
  alias: [20, text],
  namespaceFd: [28, u32],
  extendedMask: [29, u32],
  promiscuity: [30, u32],
  carrier: [33, u8],
  linkNamespaceId: [37, i32],
  newIfIndex: [49, i32],
  alternativeName: [53, text],
} as const);
export type LinkAttributes = AttributesIn<typeof linkAttributes>;

export const linkBody = new BodyCodec(ifinfomsg, linkAttributes);
export type LinkBody = BodyIn<typeof linkBody>;

/** VETH_INFO_PEER: a whole link body as an attribute. */
const peer: AttributeCodec<LinkBody> = {
  decode: (view, at, length) => linkBody.decodeAt(view, at, at + length),
  encode: (writer, { header, attributes }) => linkBody.encode(writer, header, attributes),
  nested: true,
};
export const vethAttributes = new AttributeSet({ peer: [1, peer] } as const);

export interface VxlanData {
  readonly vni: number;
  readonly port: number;
  readonly local?: IpAddress;
  /** The device that outer packets leave by. */
  readonly parent?: IfIndex;
  readonly group?: IpAddress;
  readonly learning: boolean;
  readonly udpChecksum: boolean;
  /** One device for all tunnels, told where to by each route. */
  readonly flowBased: boolean;
  readonly l2miss: boolean;
  readonly gbp: boolean;
}

/** A device as the kernel shows it. */
export interface Link {
  readonly index: IfIndex;
  readonly name: string;
  /** ARPHRD_*: 1 Ethernet, 772 loopback. */
  readonly hardwareType: number;
  /** Empty where the device has none. */
  readonly mac: string;
  /** Octets. */
  readonly mtu: number;
  /** IFF_*. */
  readonly flags: number;
  /** Set up by an administrator. */
  readonly up: boolean;
  /** Up and with a carrier. */
  readonly running: boolean;
  readonly operState: OperState;
  /** `veth`, `vxlan`, `bridge`, …; undefined for hardware and loopback. */
  readonly kind?: string;
  /** The bridge (or bond, …) that it belongs to. */
  readonly master?: IfIndex;
  /** A veth's peer, a VXLAN's parent; an index in `peerNamespace` where that is set. */
  readonly peer?: IfIndex;
  /** The kernel's id of the other namespace as seen from this one, −1 when it has none. */
  readonly peerNamespace?: number;
  readonly vxlan?: VxlanData;
}

export function linkOf({ header, attributes }: LinkBody): Link {
  const kind = attributes.info?.kind;
  const data = attributes.info?.data;
  return {
    index: header.index,
    name: attributes.name ?? "",
    hardwareType: header.type,
    mac: attributes.address ?? "",
    mtu: attributes.mtu ?? 0,
    flags: header.flags,
    up: (header.flags & LinkFlag.up) !== 0,
    running: (header.flags & LinkFlag.running) !== 0,
    operState: operStates[attributes.operState ?? 0] ?? "unknown",
    ...(kind === undefined ? {} : { kind }),
    ...(attributes.master === undefined ? {} : { master: attributes.master }),
    ...(attributes.link === undefined ? {} : { peer: attributes.link }),
    ...(attributes.linkNamespaceId === undefined ? {} : { peerNamespace: attributes.linkNamespaceId }),
    ...(kind === "vxlan" && data !== undefined ? { vxlan: vxlanOf(data) } : {}),
  };
}

function vxlanOf(octets: Uint8Array): VxlanData {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const data = vxlanAttributes.decode(view, 0, octets.byteLength);
  const local = data.local ?? data.local6;
  const group = data.group ?? data.group6;
  return {
    vni: data.id ?? 0,
    port: data.port ?? 0,
    ...(local === undefined ? {} : { local }),
    ...(data.link === undefined ? {} : { parent: data.link }),
    ...(group === undefined ? {} : { group }),
    learning: data.learning === 1,
    udpChecksum: data.udpChecksum === 1,
    flowBased: data.collectMetadata === 1,
    l2miss: data.l2miss === 1,
    gbp: data.gbp === true,
  };
}
