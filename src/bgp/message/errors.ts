/** What a peer sent that is no BGP message, and the NOTIFICATION that answers it (RFC 4271 section 6). */
import { CodedError } from "../../base/errors.ts";
import type { Notification } from "./types.ts";

/** By the message whose rules were broken; `badHeader` where it is not known which. */
export type BgpDecodeErrorCode = "badHeader" | "badOpen" | "badUpdate" | "badRouteRefresh";

export interface BgpDecodeErrorDetail {
  /** The path of fields to what is wrong: `update.attributes.MP_REACH_NLRI.nextHop`. */
  readonly field: string;
  /** Octets from the start of the message. */
  readonly offset: number;
  /** What to send before the connection is closed. */
  readonly notification: Notification;
}

/** Ends the session; what RFC 7606 lets a session survive is told in the message instead (`Update.malformed`). */
export class BgpDecodeError extends CodedError<BgpDecodeErrorCode, BgpDecodeErrorDetail> {
  constructor(code: BgpDecodeErrorCode, what: string, detail: BgpDecodeErrorDetail) {
    super(code, `${detail.field}: ${what}, at octet ${detail.offset} of the message`, detail);
  }
}

const NO_OCTETS = new Uint8Array(0);

/** A NOTIFICATION as a value; its data are copied, since they mostly come from a receive buffer. */
export function notification(code: number, subcode: number, data: Uint8Array = NO_OCTETS): Notification {
  return { type: "notification", code, subcode, data: data.length === 0 ? NO_OCTETS : Uint8Array.from(data) };
}
