/**
 * NOTIFICATIONs by name: RFC 4271 section 4.5 and 6, RFC 4486 and 9003 (Cease and its text), RFC 5492 (capabilities), RFC
 * 6608 (state machine), RFC 8538 (hard reset), RFC 9687 (send hold). What a person reads of them is written here too.
 */
import type { Notification } from "../message/types.ts";

/** IANA "BGP Error (Notification) Codes". */
export const ErrorCode = {
  header: 1,
  open: 2,
  update: 3,
  hold: 4,
  machine: 5,
  cease: 6,
  refresh: 7,
  sendHold: 8,
} as const;

/** IANA "OPEN Message Error subcodes". */
export const OpenError = {
  unspecific: 0,
  unsupportedVersion: 1,
  badPeerAs: 2,
  badBgpIdentifier: 3,
  unsupportedOptionalParameter: 4,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
} as const;

/** IANA "BGP Cease NOTIFICATION message subcodes". */
export const Cease = {
  maxPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  configurationChange: 6,
  connectionCollision: 7,
  outOfResources: 8,
  hardReset: 9,
} as const;

/** RFC 6608: the state that a message was unexpected in. */
export const MachineError = { openSent: 1, openConfirm: 2, established: 3 } as const;

const codeNames: Readonly<Record<number, string>> = {
  [ErrorCode.header]: "message header error",
  [ErrorCode.open]: "OPEN message error",
  [ErrorCode.update]: "UPDATE message error",
  [ErrorCode.hold]: "hold timer expired",
  [ErrorCode.machine]: "finite state machine error",
  [ErrorCode.cease]: "cease",
  [ErrorCode.refresh]: "ROUTE-REFRESH message error",
  [ErrorCode.sendHold]: "send hold timer expired",
};

const subcodeNames: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  [ErrorCode.header]: {
    1: "connection not synchronized",
    2: "bad message length",
    3: "bad message type",
  },
  [ErrorCode.open]: {
    [OpenError.unsupportedVersion]: "unsupported version number",
    [OpenError.badPeerAs]: "bad peer AS",
    [OpenError.badBgpIdentifier]: "bad BGP identifier",
    [OpenError.unsupportedOptionalParameter]: "unsupported optional parameter",
    [OpenError.unacceptableHoldTime]: "unacceptable hold time",
    [OpenError.unsupportedCapability]: "unsupported capability",
    11: "role mismatch",
  },
  [ErrorCode.update]: {
    1: "malformed attribute list",
    2: "unrecognized well-known attribute",
    3: "missing well-known attribute",
    4: "attribute flags error",
    5: "attribute length error",
    6: "invalid ORIGIN attribute",
    8: "invalid NEXT_HOP attribute",
    9: "optional attribute error",
    10: "invalid network field",
    11: "malformed AS_PATH",
  },
  [ErrorCode.machine]: {
    [MachineError.openSent]: "unexpected message in OpenSent",
    [MachineError.openConfirm]: "unexpected message in OpenConfirm",
    [MachineError.established]: "unexpected message in Established",
  },
  [ErrorCode.cease]: {
    [Cease.maxPrefixes]: "maximum number of prefixes reached",
    [Cease.administrativeShutdown]: "administrative shutdown",
    [Cease.peerDeconfigured]: "peer de-configured",
    [Cease.administrativeReset]: "administrative reset",
    [Cease.connectionRejected]: "connection rejected",
    [Cease.configurationChange]: "other configuration change",
    [Cease.connectionCollision]: "connection collision resolution",
    [Cease.outOfResources]: "out of resources",
    [Cease.hardReset]: "hard reset",
    10: "BFD down",
  },
  [ErrorCode.refresh]: { 1: "invalid message length" },
};

export function notification(code: number, subcode = 0, data: Uint8Array = new Uint8Array()): Notification {
  return { type: "notification", code, subcode, data };
}

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
  subcode === Cease.administrativeShutdown || subcode === Cease.administrativeReset;

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

/** `OPEN message error: bad peer AS (2/2)`, with the text of a shutdown behind it. */
export function describeNotification(message: Notification): string {
  const { code, subcode } = message;
  const name = codeNames[code] ?? "unknown error";
  const detail = subcodeNames[code]?.[subcode];
  const text = shutdownText(message);
  const words = [name, ...(detail === undefined ? [] : [`: ${detail}`]), ` (${code}/${subcode})`];
  return text === undefined ? words.join("") : `${words.join("")}: "${text}"`;
}
