/**
 * OPEN (RFC 4271 section 4.2), with RFC 5492 capabilities and RFC 9072 where they exceed 255 octets.
 *
 *     19        20            22          24               28                29
 *     | version | AS or 23456 | hold time | BGP identifier | octets that follow | parameters: | type | length | value |
 *
 *     RFC 9072, where octets 28 and 29 are 255:  28  255  255  | length:2 | parameters: | type | length:2 | value |
 */
import { ipv4Of } from "../../ip/address.ts";
import { Reader, ShortReadError } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { twoOctetAsn } from "./asn.ts";
import { decodeCapability, encodeCapability } from "./capability-codec.ts";
import { BgpDecodeError, notification } from "./errors.ts";
import { beginMessage, endMessage, HEADER_OCTETS } from "./header.ts";
import { ErrorCode, MessageType, OpenError, OptionalParameter } from "./iana.ts";
import type { Capability, Open } from "./types.ts";

export const BGP_VERSION = 4;

const SHORT_PARAMETERS_MOST = 254;

/** Throws BgpDecodeError `badOpen` with the NOTIFICATION of RFC 4271 section 6.2. */
export function decodeOpen(octets: Uint8Array): Open {
  const reader = new Reader(octets);
  reader.skip(HEADER_OCTETS);
  const version = reader.u8();
  if (version !== BGP_VERSION) {
    throw openError("version", `${version}, not ${BGP_VERSION}`, 19, OpenError.unsupportedVersion, [0, BGP_VERSION]);
  }
  const shortAsn = reader.u16();
  const holdTimeSeconds = reader.u16();
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2) {
    throw openError("holdTime", `${holdTimeSeconds} seconds, not 0 or 3 and more`, 22, OpenError.unacceptableHoldTime);
  }
  const routerId = ipv4Of(reader.u32());
  if (routerId === 0) throw openError("routerId", "0", 24, OpenError.badIdentifier);
  const capabilities = decodeParameters(octets, reader);
  const asn = capabilities.find(({ kind }) => kind === "fourOctetAs");
  const open: Open = {
    type: "open",
    version,
    asn: asn?.kind === "fourOctetAs" ? asn.asn : shortAsn,
    holdTimeSeconds,
    routerId,
    capabilities,
  };
  // RFC 7607 section 2.
  if (open.asn === 0 || shortAsn === 0) throw openError("asn", "0", 20, OpenError.badPeerAs);
  return open;
}

function decodeParameters(octets: Uint8Array, reader: Reader): Capability[] {
  const at = reader.offset;
  try {
    const shortLength = reader.u8();
    const isExtended = shortLength > 0 && octets[reader.offset] === OptionalParameter.extendedLength;
    if (isExtended) reader.skip(1);
    const length = isExtended ? reader.u16() : shortLength;
    if (length !== reader.left) {
      throw openError("parameters.length", `${length} with ${reader.left} octets left`, at, OpenError.unspecific);
    }
    const capabilities: Capability[] = [];
    while (reader.left > 0) {
      const type = reader.u8();
      if (type !== OptionalParameter.capabilities) {
        throw openError("parameters.type", `${type}`, reader.offset - 1, OpenError.unsupportedParameter);
      }
      const valueLength = isExtended ? reader.u16() : reader.u8();
      decodeCapabilities(reader.sub(valueLength), reader.offset - valueLength, capabilities);
    }
    return capabilities;
  } catch (failure) {
    if (!(failure instanceof ShortReadError)) throw failure;
    throw openError("parameters", `cut short, ${failure.message}`, reader.offset, OpenError.unspecific);
  }
}

/** `at`: where the reader begins in the message. */
function decodeCapabilities(reader: Reader, at: number, into: Capability[]): void {
  while (reader.left > 0) {
    const offset = at + reader.offset;
    const capability = decodeCapability(reader);
    if (typeof capability === "string") throw openError("capabilities", capability, offset, OpenError.unspecific);
    into.push(capability);
  }
}

function openError(field: string, what: string, offset: number, subcode: number, data?: number[]): BgpDecodeError {
  const answer = notification(ErrorCode.openMessage, subcode, Uint8Array.from(data ?? []));
  return new BgpDecodeError("badOpen", what, { field: `open.${field}`, offset, notification: answer });
}

/** All capabilities go into one parameter, as RFC 5492 section 4 prefers. */
export function encodeOpen(writer: Writer, open: Open): void {
  const at = beginMessage(writer, MessageType.open);
  writer.u8(open.version);
  writer.u16(twoOctetAsn(open.asn));
  writer.u16(open.holdTimeSeconds);
  writer.u32(open.routerId);
  const body = new Writer();
  for (const capability of open.capabilities) encodeCapability(body, capability);
  const capabilities = body.finish();
  if (capabilities.length + 2 > SHORT_PARAMETERS_MOST) {
    writer.u8(OptionalParameter.extendedLength);
    writer.u8(OptionalParameter.extendedLength);
    writer.u16(capabilities.length + 3);
    writer.u8(OptionalParameter.capabilities);
    writer.u16(capabilities.length);
  } else if (capabilities.length > 0) {
    writer.u8(capabilities.length + 2);
    writer.u8(OptionalParameter.capabilities);
    writer.u8(capabilities.length);
  } else {
    writer.u8(0);
  }
  writer.octets(capabilities);
  endMessage(writer, at);
}
