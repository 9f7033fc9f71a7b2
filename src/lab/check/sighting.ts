/** Frames that were seen on the wires of the underlay, as far as they belong to probes between pods. */
import type { IpAddress } from "../../ip/address.ts";
import type { Frame } from "../../port/packet-tap.ts";
import { type EthernetFrame, encapsulationOf, hasEthernetHeader, type IpPacket, readFrame } from "../capture/packet.ts";
import { printFrame } from "../capture/print.ts";
import type { WirePacket } from "../underlay/nic-filter.ts";

/** One frame at one wire. */
export interface Sighting {
  readonly router: string;
  /** The router's device. */
  readonly ifIndex: number;
  /** Whether the router sent it towards the host; else it came from there. */
  readonly outgoing: boolean;
  readonly destinationMac: string;
  readonly encapsulation: "bare" | "vxlan" | "ipip";
  readonly outer: WirePacket & { readonly length: number };
  readonly line: string;
}

/** What tells the packets of a probe, there and back: the pods, the protocol, the identifier or client port. */
export type ProbeKey = string;

export const probeKey = (from: IpAddress, to: IpAddress, protocol: number, ident: number): ProbeKey =>
  `${from} ${to} ${protocol} ${ident}`;

export interface Seen {
  readonly key: ProbeKey;
  readonly way: "there" | "back";
  readonly sighting: Sighting;
}

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;

/** What a frame tells of a probe to the echo services on `echoPort`; undefined for all other frames. */
export function seenIn(frame: Frame, router: string, echoPort: number): Seen | undefined {
  if (!hasEthernetHeader(frame.linkType)) return undefined;
  const read = readFrame(frame.octets);
  const found = read && encapsulationOf(read.payload);
  if (!found) return undefined;
  const probe = probeOf(found.inner, echoPort);
  if (!probe) return undefined;
  return {
    ...probe,
    sighting: {
      router,
      ifIndex: frame.ifIndex,
      outgoing: frame.outgoing,
      destinationMac: read.destination,
      encapsulation: found.encapsulation,
      outer: { ...wirePacketOf(found.outer), length: found.outer.length },
      line: lineOf(read),
    },
  };
}

function probeOf(inner: IpPacket, echoPort: number): { key: ProbeKey; way: "there" | "back" } | undefined {
  const { source, destination, protocol, payload } = inner;
  if (payload.kind === "icmp" && (payload.type === ECHO_REQUEST || payload.type === ECHO_REPLY)) {
    return payload.type === ECHO_REQUEST
      ? { key: probeKey(source, destination, protocol, payload.ident), way: "there" }
      : { key: probeKey(destination, source, protocol, payload.ident), way: "back" };
  }
  if (payload.kind !== "tcp" && payload.kind !== "udp") return undefined;
  if (payload.destinationPort === echoPort) {
    return { key: probeKey(source, destination, protocol, payload.sourcePort), way: "there" };
  }
  if (payload.sourcePort === echoPort) {
    return { key: probeKey(destination, source, protocol, payload.destinationPort), way: "back" };
  }
  return undefined;
}

function wirePacketOf({ source, destination, protocol, payload }: IpPacket): WirePacket {
  const port = "destinationPort" in payload ? { destinationPort: payload.destinationPort } : {};
  return { source, destination, protocol, ...port };
}

const lineOf = (frame: EthernetFrame): string => printFrame(frame);
