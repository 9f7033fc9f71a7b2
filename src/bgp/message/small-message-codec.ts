/**
 * The messages of a few octets.
 *
 *     KEEPALIVE      (RFC 4271 section 4.4): nothing behind the header
 *     NOTIFICATION   (RFC 4271 section 4.5): 19 | code | subcode | data
 *     ROUTE-REFRESH  (RFC 2918 section 3, RFC 7313 section 3.2): 19 | AFI:2 | subtype | SAFI |
 */
import type { Writer } from "../../wire/writer.ts";
import type { DecodeContext } from "./codec-context.ts";
import { BgpDecodeError, notification } from "./errors.ts";
import { afiOf, familyOfAfi } from "./family.ts";
import { beginMessage, endMessage, HEADER_OCTETS, MAX_MESSAGE_OCTETS } from "./header.ts";
import { ErrorCode, MessageType, RefreshError, SAFI_UNICAST } from "./iana.ts";
import type { Ignored, Notification, RouteRefresh } from "./types.ts";

const NOTIFICATION_HEAD_OCTETS = HEADER_OCTETS + 2;
const REFRESH_OCTETS = HEADER_OCTETS + 4;

/** RFC 7313 section 3.2, in the order of their numbers. */
const subtypes = ["request", "begin", "end"] as const;

/** Any code, subcode and data are taken: an error in a NOTIFICATION cannot be answered (RFC 4271 section 6.4). */
export const decodeNotification = (octets: Uint8Array, view: DataView): Notification =>
  notification(
    view.getUint8(HEADER_OCTETS),
    view.getUint8(HEADER_OCTETS + 1),
    octets.subarray(NOTIFICATION_HEAD_OCTETS),
  );

/** Throws BgpDecodeError `badRouteRefresh` with the NOTIFICATION of RFC 7313 section 5. */
export function decodeRouteRefresh(octets: Uint8Array, view: DataView, context: DecodeContext): RouteRefresh | Ignored {
  const afi = view.getUint16(HEADER_OCTETS);
  // Reserved, and to be ignored, unless both sides know RFC 7313.
  const number = context.enhancedRouteRefresh ? view.getUint8(HEADER_OCTETS + 2) : 0;
  const safi = view.getUint8(HEADER_OCTETS + 3);
  const subtype = subtypes[number];
  if (subtype === undefined) return ignored(`ROUTE-REFRESH of subtype ${number} (RFC 7313 section 5)`);
  // Longer ones carry filters of RFC 5291, which we do not ask for: the request counts without them.
  if (subtype !== "request" && octets.length !== REFRESH_OCTETS) {
    const answer = notification(ErrorCode.routeRefreshMessage, RefreshError.invalidLength, octets);
    const what = `${octets.length - HEADER_OCTETS} octets, not 4`;
    throw new BgpDecodeError("badRouteRefresh", what, { field: "routeRefresh", offset: 16, notification: answer });
  }
  const family = familyOfAfi(afi, safi);
  if (family === undefined || !context.families.includes(family)) {
    return ignored(`ROUTE-REFRESH of AFI ${afi}, SAFI ${safi}, which this session does not carry (RFC 2918 section 4)`);
  }
  return { type: "routeRefresh", family, subtype };
}

const ignored = (why: string): Ignored => ({ type: "ignored", why });

export function encodeKeepalive(writer: Writer): void {
  endMessage(writer, beginMessage(writer, MessageType.keepalive));
}

/** Data that exceed a message are cut. */
export function encodeNotification(writer: Writer, { code, subcode, data }: Notification): void {
  const at = beginMessage(writer, MessageType.notification);
  writer.u8(code);
  writer.u8(subcode);
  writer.octets(data.subarray(0, MAX_MESSAGE_OCTETS - NOTIFICATION_HEAD_OCTETS));
  endMessage(writer, at);
}

export function encodeRouteRefresh(writer: Writer, { family, subtype }: RouteRefresh): void {
  const at = beginMessage(writer, MessageType.routeRefresh);
  writer.u16(afiOf(family));
  writer.u8(subtypes.indexOf(subtype));
  writer.u8(SAFI_UNICAST);
  endMessage(writer, at);
}
