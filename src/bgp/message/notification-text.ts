/** NOTIFICATIONs for people: code and subcode by name, and what the data say (RFC 4271 section 6, RFC 4486, RFC 8538, RFC 9003). */
import { Reader } from "../../wire/reader.ts";
import { attributeName } from "./attribute-rows.ts";
import { CeaseReason, ErrorCode, errorNames, HeaderError, OpenError } from "./iana.ts";
import type { Notification } from "./types.ts";

const MAX_COMMUNICATION_OCTETS = 255;
/** Of data that nobody explains. */
const SHOWN_OCTETS = 32;
/** RFC 8538 section 3.1 puts another NOTIFICATION into the data; one inside of that is nobody's idea. */
const MAX_DEPTH = 1;

/** `Cease, Administrative Shutdown: "for maintenance"`. What a peer wrote is quoted, with control characters escaped. */
export const describeNotification = (notification: Notification): string => describe(notification, 0);

function describe({ code, subcode, data }: Notification, depth: number): string {
  const known = errorNames.get(code);
  const name = known?.name ?? `error ${code}`;
  const reason = known?.subcodes.get(subcode) ?? (subcode === 0 ? undefined : `subcode ${subcode}`);
  const head = reason === undefined ? name : `${name}, ${reason}`;
  if (data.length === 0) return head;
  return `${head}: ${explain({ type: "notification", code, subcode, data }, depth) ?? hexOf(data)}`;
}

/** What the data say; undefined where they are not as their RFC has it, or no RFC gives them a meaning. */
function explain({ code, subcode, data }: Notification, depth: number): string | undefined {
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
      return explainCease(subcode, data, depth);
    default:
      return undefined;
  }
}

function explainCease(subcode: number, data: Uint8Array, depth: number): string | undefined {
  if (subcode === CeaseReason.administrativeShutdown || subcode === CeaseReason.administrativeReset) {
    const text = shutdownCommunication(data);
    return text === undefined ? undefined : quoted(text);
  }
  if (subcode === CeaseReason.maximumPrefixes && data.length === 7) {
    const reader = new Reader(data);
    return `AFI ${reader.u16()}, SAFI ${reader.u8()}, at most ${reader.u32()}`;
  }
  if (subcode === CeaseReason.hardReset && data.length >= 2 && depth < MAX_DEPTH) {
    const [code = 0, inner = 0] = data;
    return describe({ type: "notification", code, subcode: inner, data: data.subarray(2) }, depth + 1);
  }
  return undefined;
}

/** RFC 9003 section 2: what an administrator says beside a shutdown or reset; undefined where it is not one whole text of UTF-8. */
export function shutdownCommunication(data: Uint8Array): string | undefined {
  const [length] = data;
  if (length === undefined || length !== data.length - 1) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data.subarray(1));
  } catch (failure) {
    if (failure instanceof TypeError) return undefined;
    throw failure;
  }
}

/** The data that say it; a text of more than 255 octets is cut behind a whole character. */
export function shutdownData(text: string): Uint8Array {
  const octets = new Uint8Array(1 + MAX_COMMUNICATION_OCTETS);
  const { written } = new TextEncoder().encodeInto(text, octets.subarray(1));
  octets[0] = written;
  return octets.subarray(0, 1 + written);
}

/** Nothing that a peer sends moves the reader's terminal or his log. */
const quoted = (text: string): string =>
  JSON.stringify(text).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character.replaceAll(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );

function hexOf(octets: Uint8Array): string {
  const shown = Buffer.from(octets.subarray(0, SHOWN_OCTETS)).toString("hex");
  return octets.length > SHOWN_OCTETS ? `${shown}… (${octets.length} octets)` : shown;
}
