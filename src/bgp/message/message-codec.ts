/** Every message, by its type. The one place where what a decoder throws becomes an answer. */
import { Writer } from "../../wire/writer.ts";
import type { DecodeContext } from "./codec-context.ts";
import { BgpDecodeError } from "./errors.ts";
import { MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS, readWholeHeader } from "./header.ts";
import { MessageType } from "./iana.ts";
import { decodeOpen, encodeOpen } from "./open-codec.ts";
import {
  decodeNotification,
  decodeRouteRefresh,
  encodeKeepalive,
  encodeNotification,
  encodeRouteRefresh,
} from "./small-message-codec.ts";
import type { Ignored, Message, Update } from "./types.ts";
import { decodeUpdate } from "./update-decoder.ts";

export type Decoded =
  | { readonly ok: true; readonly message: Message | Ignored }
  /** The session ends with `error.detail.notification`. */
  | { readonly ok: false; readonly error: BgpDecodeError };

/**
 * One whole message as `Framer` gives it. The value keeps nothing of the octets. Total: any octets give a message or an error.
 */
export function decodeMessage(octets: Uint8Array, context: DecodeContext): Decoded {
  try {
    return { ok: true, message: decodeByType(octets, context) };
  } catch (error) {
    if (error instanceof BgpDecodeError) return { ok: false, error };
    throw error;
  }
}

function decodeByType(octets: Uint8Array, context: DecodeContext): Message | Ignored {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const limit = context.extendedMessage ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS;
  switch (readWholeHeader(view, limit)) {
    case MessageType.open:
      return decodeOpen(octets);
    case MessageType.update:
      return decodeUpdate(octets, view, context);
    case MessageType.notification:
      return decodeNotification(octets, view);
    case MessageType.keepalive:
      return { type: "keepalive" };
    default:
      return decodeRouteRefresh(octets, view, context);
  }
}

/** Everything but routes, which `update-encoder.ts` packs. The octets are the caller's. */
export function encodeMessage(message: Exclude<Message, Update>): Uint8Array {
  const writer = new Writer();
  switch (message.type) {
    case "open":
      encodeOpen(writer, message);
      break;
    case "notification":
      encodeNotification(writer, message);
      break;
    case "keepalive":
      encodeKeepalive(writer);
      break;
    case "routeRefresh":
      encodeRouteRefresh(writer, message);
      break;
  }
  return writer.finish();
}
