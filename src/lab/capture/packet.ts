/**
 * Packets as a capture shows them: layers down to where this reader's knowledge, or the captured octets, end. Made
 * for looking, not for forwarding: nothing is checked but lengths.
 */
import { addressFromOctets, type IpAddress } from "../../ip/address.ts";
import { Reader, ShortReadError } from "../../wire/reader.ts";

/** Lower case, `66:aa:99:2f:dc:24`. */
export type MacText = string;

export interface EthernetFrame {
  readonly source: MacText;
  readonly destination: MacText;
  readonly etherType: number;
  readonly payload: Arp | IpPacket | Opaque;
}

export interface Arp {
  readonly kind: "arp";
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: MacText;
  readonly sender: IpAddress;
  readonly target: IpAddress;
}

export interface IpPacket {
  readonly kind: "ip";
  readonly version: 4 | 6;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Of the whole packet, in octets, by its header. */
  readonly length: number;
  readonly ttl: number;
  readonly dontFragment: boolean;
  /** Of the payload: 1 ICMP, 4 IP-in-IP, 6 TCP, 17 UDP. */
  readonly protocol: number;
  readonly payload: Payload;
}

export type Payload =
  | {
      readonly kind: "icmp";
      readonly type: number;
      readonly code: number;
      readonly ident: number;
      readonly sequence: number;
    }
  | {
      readonly kind: "tcp";
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly flags: number;
      /** Octets of data. */
      readonly data: number;
    }
  | { readonly kind: "udp"; readonly sourcePort: number; readonly destinationPort: number; readonly data: number }
  | {
      readonly kind: "vxlan";
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly vni: number;
      readonly frame: EthernetFrame;
    }
  | { readonly kind: "ipip"; readonly inner: IpPacket }
  /** A fragment other than the first carries no transport header. */
  | { readonly kind: "fragment"; readonly offset: number }
  | Opaque;

/** What is not read further: unknown, or cut off. */
export interface Opaque {
  readonly kind: "opaque";
  readonly cut: boolean;
}

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_VLAN = 0x8100;
const VXLAN_PORT = 4789;
/** Tunnels in tunnels end here. */
const DEEPEST = 4;

const unknown: Opaque = { kind: "opaque", cut: false };
const cutOff: Opaque = { kind: "opaque", cut: true };

/** ARPHRD_ETHER and ARPHRD_LOOPBACK frames begin with an Ethernet header. */
export const hasEthernetHeader = (linkType: number): boolean => linkType === 1 || linkType === 772;

/** Reads a frame; octets too short for an Ethernet header give undefined. */
export function readFrame(octets: Uint8Array, depth = 0): EthernetFrame | undefined {
  if (octets.length < 14) return undefined;
  const reader = new Reader(octets);
  const destination = mac(reader.octets(6));
  const source = mac(reader.octets(6));
  let etherType = reader.u16();
  if (etherType === ETHERTYPE_VLAN && reader.left >= 4) {
    reader.skip(2);
    etherType = reader.u16();
  }
  return { source, destination, etherType, payload: networkLayer(etherType, reader.rest(), depth) };
}

/** Reads a bare IP packet (a TUN device has no link header). */
export function readIp(octets: Uint8Array): IpPacket | Opaque {
  const version = (octets[0] ?? 0) >> 4;
  const etherType = version === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
  return networkLayer(etherType, octets, 0) as IpPacket | Opaque;
}

function networkLayer(etherType: number, octets: Uint8Array, depth: number): EthernetFrame["payload"] {
  const read = { [ETHERTYPE_IPV4]: readIpv4, [ETHERTYPE_IPV6]: readIpv6, [ETHERTYPE_ARP]: readArp }[etherType];
  if (!read || depth > DEEPEST) return unknown;
  return unlessCut(() => read(new Reader(octets), depth));
}

/** What was captured may end anywhere. */
function unlessCut<T>(read: () => T): T | Opaque {
  try {
    return read();
  } catch (failure) {
    if (failure instanceof ShortReadError) return cutOff;
    throw failure;
  }
}

/** RFC 826 for Ethernet and IPv4. */
function readArp(reader: Reader): Arp | Opaque {
  const [hardware, protocol, sizes] = [reader.u16(), reader.u16(), reader.u16()];
  if (hardware !== 1 || protocol !== ETHERTYPE_IPV4 || sizes !== 0x0604) return unknown;
  const operation = reader.u16();
  const senderMac = mac(reader.octets(6));
  const sender = address(reader.octets(4));
  reader.skip(6);
  return { kind: "arp", operation, senderMac, sender, target: address(reader.octets(4)) };
}

/** RFC 791. */
function readIpv4(reader: Reader, depth: number): IpPacket {
  const headerOctets = (reader.u8() & 15) * 4;
  reader.skip(1);
  const length = reader.u16();
  reader.skip(2);
  const fragment = reader.u16();
  const ttl = reader.u8();
  const protocol = reader.u8();
  reader.skip(2);
  const source = address(reader.octets(4));
  const destination = address(reader.octets(4));
  reader.skip(Math.max(headerOctets - 20, 0));
  const offset = (fragment & 0x1fff) * 8;
  const body = { data: length - headerOctets, depth };
  return {
    kind: "ip",
    version: 4,
    source,
    destination,
    length,
    ttl,
    dontFragment: (fragment & 0x4000) !== 0,
    protocol,
    payload: offset > 0 ? { kind: "fragment", offset } : unlessCut(() => readPayload(protocol, reader, body)),
  };
}

/** RFC 8200; extension headers are not followed. */
function readIpv6(reader: Reader, depth: number): IpPacket {
  reader.skip(4);
  const data = reader.u16();
  const protocol = reader.u8();
  const ttl = reader.u8();
  const source = address(reader.octets(16));
  const destination = address(reader.octets(16));
  const payload = unlessCut(() => readPayload(protocol, reader, { data, depth }));
  return { kind: "ip", version: 6, source, destination, length: data + 40, ttl, dontFragment: true, protocol, payload };
}

function readPayload(protocol: number, reader: Reader, body: { data: number; depth: number }): Payload {
  switch (protocol) {
    case 1:
    case 58: {
      const [type, code] = [reader.u8(), reader.u8()];
      reader.skip(2);
      return { kind: "icmp", type, code, ident: reader.u16(), sequence: reader.u16() };
    }
    case 4:
      return body.depth >= DEEPEST ? unknown : { kind: "ipip", inner: readIpv4(reader, body.depth + 1) };
    case 6:
      return readTcp(reader, body.data);
    case 17:
      return readUdp(reader, body.depth);
    default:
      return unknown;
  }
}

/** RFC 9293. */
function readTcp(reader: Reader, length: number): Payload {
  const [sourcePort, destinationPort] = [reader.u16(), reader.u16()];
  reader.skip(8);
  const headerOctets = (reader.u8() >> 4) * 4;
  return { kind: "tcp", sourcePort, destinationPort, flags: reader.u8(), data: length - headerOctets };
}

/** RFC 768, and RFC 7348 behind the port of VXLAN. */
function readUdp(reader: Reader, depth: number): Payload {
  const [sourcePort, destinationPort, length] = [reader.u16(), reader.u16(), reader.u16()];
  reader.skip(2);
  const datagram: Payload = { kind: "udp", sourcePort, destinationPort, data: length - 8 };
  if (destinationPort !== VXLAN_PORT || reader.left < 8 + 14) return datagram;
  const isVxlan = (reader.u8() & 0x08) !== 0;
  reader.skip(3);
  const vni = reader.u32() >>> 8;
  const frame = isVxlan ? readFrame(reader.rest(), depth + 1) : undefined;
  return frame ? { kind: "vxlan", sourcePort, destinationPort, vni, frame } : datagram;
}

function address(octets: Uint8Array): IpAddress {
  const found = addressFromOctets(octets);
  if (found === undefined) throw new Error(`an address of ${octets.length} octets`);
  return found;
}

const mac = (octets: Uint8Array): MacText =>
  Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");

/** How one IP packet travels in another, and the packet that it carries. */
export interface Encapsulated {
  readonly encapsulation: "bare" | "vxlan" | "ipip";
  readonly outer: IpPacket;
  readonly inner: IpPacket;
}

/** The innermost IP packet of a frame, with what it is carried in; undefined for frames without any. */
export function encapsulationOf(outer: EthernetFrame["payload"]): Encapsulated | undefined {
  if (outer.kind !== "ip") return undefined;
  const { payload } = outer;
  if (payload.kind === "ipip") return { encapsulation: "ipip", outer, inner: payload.inner };
  if (payload.kind === "vxlan" && payload.frame.payload.kind === "ip") {
    return { encapsulation: "vxlan", outer, inner: payload.frame.payload };
  }
  return { encapsulation: "bare", outer, inner: outer };
}
