/**
 * Where people listen to what sessions say. While nobody does, nothing is made of any message: what is sent is read back from
 * its octets only for a listener, since UPDATEs are encoded once for many sessions.
 */
import type { DecodeContext } from "../bgp/message/codec-context.ts";
import { Framer } from "../bgp/message/framer.ts";
import { MAX_EXTENDED_MESSAGE_OCTETS } from "../bgp/message/header.ts";
import { type Decoded, decodeMessage } from "../bgp/message/message-codec.ts";

export interface TappedMessage {
  readonly session: string;
  readonly direction: "sent" | "received";
  readonly decoded: Decoded;
}

export class MessageTap {
  readonly #listeners = new Set<(tapped: TappedMessage) => void>();

  /** Whether it is worth telling anything. */
  get isOn(): boolean {
    return this.#listeners.size > 0;
  }

  /** Tells of every message from now on; the answer ends that. */
  listen(listener: (tapped: TappedMessage) => void): () => void {
    // One of its own for each call, so that two who listen with one function are two.
    const own = (tapped: TappedMessage): void => listener(tapped);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  received(session: string, decoded: Decoded): void {
    this.#tell({ session, direction: "received", decoded });
  }

  /** Octets of whole messages that go out on a connection whose OPENs agreed on `context`. */
  sent(session: string, octets: Uint8Array, context: DecodeContext | undefined): void {
    if (!context) return;
    const framer = new Framer();
    if (context.extendedMessage) framer.limit = MAX_EXTENDED_MESSAGE_OCTETS;
    framer.push(octets);
    for (let message = framer.next(); message; message = framer.next())
      this.#tell({ session, direction: "sent", decoded: decodeMessage(message, context) });
  }

  #tell(tapped: TappedMessage): void {
    for (const listener of this.#listeners) listener(tapped);
  }
}
