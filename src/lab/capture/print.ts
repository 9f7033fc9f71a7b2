/** One line for a packet, as people read them: who to whom, in what, and what it says. */
import { formatAddress } from "../../ip/address.ts";
import type { EthernetFrame, IpPacket, Opaque, Payload } from "./packet.ts";

const TCP_FLAGS = ["F", "S", "R", "P", ".", "U"] as const;

const icmpNames: Readonly<Record<number, string>> = {
  0: "echo reply",
  3: "unreachable",
  5: "redirect",
  8: "echo request",
  11: "time exceeded",
};
const unreachableCodes: Readonly<Record<number, string>> = {
  0: "net",
  1: "host",
  2: "protocol",
  3: "port",
  4: "need to fragment",
  13: "prohibited",
};

export function printFrame(frame: EthernetFrame): string {
  const { payload } = frame;
  if (payload.kind === "ip") return printIp(payload);
  if (payload.kind === "arp") {
    const { sender, target, operation, senderMac } = payload;
    return operation === 1
      ? `ARP who has ${formatAddress(target)}, tell ${formatAddress(sender)}`
      : `ARP ${formatAddress(sender)} is at ${senderMac}`;
  }
  const type = `EtherType 0x${frame.etherType.toString(16).padStart(4, "0")}`;
  return `${frame.source} > ${frame.destination} ${type}${cut(payload)}`;
}

export function printIp(packet: IpPacket): string {
  const { payload } = packet;
  const way = `${end(packet.source, payload, "sourcePort")} > ${end(packet.destination, payload, "destinationPort")}`;
  const details = `(ttl ${packet.ttl}${packet.dontFragment ? ", DF" : ""}, ${packet.length} octets)`;
  switch (payload.kind) {
    case "ipip":
      return `${way} IPIP ${details} | ${printIp(payload.inner)}`;
    case "vxlan":
      return `${way} VXLAN ${payload.vni} ${details} | ${printFrame(payload.frame)}`;
    default:
      return `${way} ${printPayload(packet, payload)} ${details}`;
  }
}

function end(address: IpPacket["source"], payload: Payload, port: "sourcePort" | "destinationPort"): string {
  const text = formatAddress(address);
  return port in payload ? `${text}:${(payload as { readonly [K in typeof port]: number })[port]}` : text;
}

function printPayload(packet: IpPacket, payload: Exclude<Payload, { kind: "ipip" | "vxlan" }>): string {
  switch (payload.kind) {
    case "icmp":
      return packet.version === 6 ? `ICMPv6 type ${payload.type}` : printIcmp(payload);
    case "tcp":
      return `TCP [${TCP_FLAGS.filter((_, bit) => (payload.flags & (1 << bit)) !== 0).join("")}] ${payload.data} octets of data`;
    case "udp":
      return `UDP ${payload.data} octets of data`;
    case "fragment":
      return `fragment at ${payload.offset} of protocol ${packet.protocol}`;
    default:
      return `protocol ${packet.protocol}${cut(payload)}`;
  }
}

function printIcmp({ type, code, ident, sequence }: Extract<Payload, { kind: "icmp" }>): string {
  const name = icmpNames[type] ?? `type ${type}`;
  if (type === 0 || type === 8) return `ICMP ${name} id ${ident} seq ${sequence}`;
  if (type === 3) return `ICMP ${name}: ${unreachableCodes[code] ?? `code ${code}`}`;
  return `ICMP ${name}`;
}

const cut = (payload: EthernetFrame["payload"] | Opaque): string =>
  payload.kind === "opaque" && payload.cut ? " (cut off)" : "";
