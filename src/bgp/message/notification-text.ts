/** NOTIFICATIONs for people: code and subcode by name, and what the data say (RFC 4271 section 6, RFC 4486, RFC 8538, RFC 9003). */
import { Reader } from "../../wire/reader.ts";
import { attributeName } from "./attribute-rows.ts";
import { notification } from "./errors.ts";
import { CeaseReason, ErrorCode, errorNames, HeaderError, OpenError } from "./iana.ts";
import type { Notification } from "./types.ts";

/** RFC 9003 section 2, of UTF-8. */
const MAX_TEXT_OCTETS = 255;
/** Of data that nobody explains. */
const SHOWN_OCTETS = 32;
/** RFC 8538 section 3.1 puts another NOTIFICATION into the data; one inside of that is nobody's idea. */
const MAX_DEPTH = 1;

/** `Cease: Administrative Shutdown (6/2): "for maintenance"`: names, numbers, and what the data say. */
export const describeNotification = (message: Notification): string => describe(message, 0);

function describe(message: Notification, depth: number): string {
  const { code, subcode, data } = message;
  const { name = "unknown error", subcodes } = errorNames.get(code) ?? {};
  const reason = subcodes?.get(subcode);
  const head = `${name}${reason === undefined ? "" : `: ${reason}`} (${code}/${subcode})`;
  return data.length === 0 ? head : `${head}: ${explain(message, depth) ?? hexOf(data)}`;
}

/** What the data say; undefined where they are not as their RFC has it, or no RFC gives them a meaning. */
function explain(message: Notification, depth: number): string | undefined {
  const { code, subcode, data } = message;
  const [first = 0, second = 0] = data;
  switch (code) {
    case ErrorCode.messageHeader:
      if (subcode === HeaderError.badLength && data.length === 2) return `length ${first * 256 + second}`;
      return subcode === HeaderError.badType && data.length === 1 ? `type ${first}` : undefined;
    case ErrorCode.openMessage:
      if (subcode !== OpenError.unsupportedVersion || data.length !== 2) return undefined;
      return `version ${first * 256 + second} would do`;
    case ErrorCode.updateMessage:
      return data.length < 3 ? undefined : `${attributeName(second)} ${hexOf(data)}`;
    case ErrorCode.cease:
      return explainCease(message, depth);
    default:
      return undefined;
  }
}

function explainCease(message: Notification, depth: number): string | undefined {
  const { subcode, data } = message;
  if (carriesText(subcode)) {
    const text = shutdownText(message);
    return text === undefined ? undefined : `"${text}"`;
  }
  if (subcode === CeaseReason.maximumPrefixes && data.length === 7) {
    const reader = new Reader(data);
    return `AFI ${reader.u16()}, SAFI ${reader.u8()}, at most ${reader.u32()}`;
  }
  if (subcode === CeaseReason.hardReset && data.length >= 2 && depth < MAX_DEPTH) {
    return describe(reasonOf(message), depth + 1);
  }
  return undefined;
}

const carriesText = (subcode: number): boolean =>
  subcode === CeaseReason.administrativeShutdown || subcode === CeaseReason.administrativeReset;

/** A Cease; where the subcode carries a text (shutdown, reset) that too, cut behind a whole character where it is too long (RFC 9003). */
export function cease(subcode: number, text = ""): Notification {
  if (text === "" || !carriesText(subcode)) return notification(ErrorCode.cease, subcode);
  const octets = new Uint8Array(1 + MAX_TEXT_OCTETS);
  const { written } = new TextEncoder().encodeInto(text, octets.subarray(1));
  octets[0] = written;
  return notification(ErrorCode.cease, subcode, octets.subarray(0, 1 + written));
}

/** RFC 8538 section 3.1: the reason inside of a Cease that asks for a session without what was known before. */
export function hardReset({ code, subcode, data }: Notification): Notification {
  return notification(ErrorCode.cease, CeaseReason.hardReset, Uint8Array.from([code, subcode, ...data]));
}

/** What a NOTIFICATION says, or the one inside where it is a hard reset. */
export function reasonOf(message: Notification): Notification {
  const { code, subcode, data } = message;
  const [innerCode, innerSubcode] = data;
  if (code !== ErrorCode.cease || subcode !== CeaseReason.hardReset) return message;
  if (innerCode === undefined || innerSubcode === undefined) return message;
  return notification(innerCode, innerSubcode, data.subarray(2));
}

/**
 * What an administrator says beside a shutdown or reset (RFC 9003 section 2), without characters that would act on a
 * terminal; undefined where there is none, or it is cut short or no UTF-8.
 */
export function shutdownText({ code, subcode, data }: Notification): string | undefined {
  const length = data[0] ?? 0;
  if (code !== ErrorCode.cease || !carriesText(subcode) || length === 0 || data.length < length + 1) return undefined;
  try {
    return printable(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data.subarray(1, length + 1)));
  } catch (failure) {
    if (failure instanceof TypeError) return undefined;
    throw failure;
  }
}

/** Control characters, line separators and changes of the writing direction become spaces. */
const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, " ");

function hexOf(octets: Uint8Array): string {
  const shown = Buffer.from(octets.subarray(0, SHOWN_OCTETS)).toString("hex");
  return octets.length > SHOWN_OCTETS ? `${shown}… (${octets.length} octets)` : shown;
}
