/**
 * Capture files in pcapng, which wireshark and tcpdump read: a section header, one interface, a block for each packet.
 * draft-ietf-opsawg-pcapng, sections 4.1 to 4.3; little-endian.
 */
import { Writer } from "../../wire/writer.ts";

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const OPTION_INTERFACE_NAME = 2;
/** LINKTYPE_* of www.tcpdump.org/linktypes.html. */
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;
/** Length unknown, since the file is written as it comes. */
const UNKNOWN_LENGTH = 0xffffffff;

export interface CaptureInterface {
  readonly name: string;
  readonly hasEthernetHeader: boolean;
  /** Octets kept of each packet; 0: all. */
  readonly snapOctets: number;
}

/** What stands before the first packet. */
export function pcapHeader({ name, hasEthernetHeader, snapOctets }: CaptureInterface): Uint8Array {
  const writer = new Writer();
  block(writer, SECTION_HEADER, () => {
    writer.u32Host(BYTE_ORDER_MAGIC);
    writer.u16Host(1);
    writer.u16Host(0);
    writer.u32Host(UNKNOWN_LENGTH);
    writer.u32Host(UNKNOWN_LENGTH);
  });
  block(writer, INTERFACE_DESCRIPTION, () => {
    writer.u16Host(hasEthernetHeader ? LINKTYPE_ETHERNET : LINKTYPE_RAW);
    writer.u16Host(0);
    writer.u32Host(snapOctets);
    const text = new TextEncoder().encode(name);
    writer.u16Host(OPTION_INTERFACE_NAME);
    writer.u16Host(text.length);
    padded(writer, text);
    writer.u16Host(OPTION_END);
    writer.u16Host(0);
  });
  return writer.finish();
}

export interface CapturedPacket {
  readonly octets: Uint8Array;
  /** On the wire. */
  readonly length: number;
  readonly timeMicros: bigint;
}

export function pcapPacket({ octets, length, timeMicros }: CapturedPacket): Uint8Array {
  const writer = new Writer(octets.length + 64);
  block(writer, ENHANCED_PACKET, () => {
    writer.u32Host(0);
    writer.u32Host(Number(timeMicros >> 32n));
    writer.u32Host(Number(timeMicros & 0xffffffffn));
    writer.u32Host(octets.length);
    writer.u32Host(length);
    padded(writer, octets);
  });
  return writer.finish();
}

function block(writer: Writer, type: number, body: () => void): void {
  const at = writer.length;
  writer.u32Host(type);
  writer.u32Host(0);
  body();
  const length = writer.length - at + 4;
  writer.patchU32Host(at + 4, length);
  writer.u32Host(length);
}

function padded(writer: Writer, octets: Uint8Array): void {
  writer.octets(octets);
  writer.zeros((4 - (octets.length % 4)) % 4);
}
