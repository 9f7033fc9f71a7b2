/**
 * What a NOTIFICATION tells people: its names, and the text that comes with a shutdown or a reset (RFC 9003).
 */
import { notification } from "../message/errors.ts";
import { CeaseReason, ErrorCode, errorNames } from "../message/iana.ts";
import type { Notification } from "../message/types.ts";

/** RFC 9003 section 2: at most so many octets of UTF-8. */
const TEXT_OCTETS = 255;

/** A Cease; where the subcode carries a text (shutdown, reset), that too, cut at a character (RFC 9003 section 2). */
export function cease(subcode: number, text = ""): Notification {
  if (text === "" || !carriesText(subcode)) return notification(ErrorCode.cease, subcode);
  const octets = new Uint8Array(TEXT_OCTETS + 1);
  const { written } = new TextEncoder().encodeInto(text, octets.subarray(1));
  octets[0] = written;
  return notification(ErrorCode.cease, subcode, octets.slice(0, written + 1));
}

const carriesText = (subcode: number): boolean =>
  subcode === CeaseReason.administrativeShutdown || subcode === CeaseReason.administrativeReset;

/** The text of a shutdown or reset (RFC 9003); undefined where there is none or it is malformed. */
export function shutdownText({ code, subcode, data }: Notification): string | undefined {
  const length = data[0] ?? 0;
  if (code !== ErrorCode.cease || !carriesText(subcode) || length === 0 || data.length < length + 1) return undefined;
  try {
    return printable(new TextDecoder("utf-8", { fatal: true }).decode(data.subarray(1, length + 1)));
  } catch (failure) {
    if (failure instanceof TypeError) return undefined;
    throw failure;
  }
}

/** A peer's text must not act on a terminal. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, " ");

/** `OPEN Message Error: Bad Peer AS (2/2)`, with the text of a shutdown behind it. */
export function describeNotification(message: Notification): string {
  const { code, subcode } = message;
  const { name = "unknown error", subcodes } = errorNames.get(code) ?? {};
  const detail = subcodes?.get(subcode);
  const words = `${name}${detail === undefined ? "" : `: ${detail}`} (${code}/${subcode})`;
  const text = shutdownText(message);
  return text === undefined ? words : `${words}: "${text}"`;
}
