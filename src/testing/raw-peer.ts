/** A BGP peer that says what a test has it say, octet for octet, and notes what it is told: for what no speaker of ours would do. */
import { AttributeTable } from "../bgp/message/attribute-table.ts";
import type { DecodeContext } from "../bgp/message/codec-context.ts";
import { Framer } from "../bgp/message/framer.ts";
import { decodeMessage, encodeMessage } from "../bgp/message/message-codec.ts";
import type { Capability, Message } from "../bgp/message/types.ts";
import { encodeAnnouncement, encodeEndOfRib } from "../bgp/message/update-encoder.ts";
import type { Family } from "../ip/address.ts";
import { formatAddress } from "../ip/address.ts";
import type { BgpStream } from "../port/bgp-transport.ts";
import { Writer } from "../wire/writer.ts";
import { openMessage } from "./bgp-samples.ts";
import { attributesOf } from "./bgp-values.ts";
import { codeOf, type SpeakerHost, type SpeakerWorld, textOf } from "./speaker-world.ts";

type Sayable = Exclude<Message, { type: "update" }>;

export class RawPeer {
  /** What it was told, a word or two for each message. */
  readonly heard: string[] = [];
  readonly #world: SpeakerWorld;
  readonly #of: SpeakerHost;
  readonly #at: SpeakerHost;
  readonly #context: DecodeContext = {
    fourOctetAs: true,
    extendedMessage: false,
    families: [4, 6],
    enhancedRouteRefresh: true,
    peerType: "internal",
    attributes: new AttributeTable(),
  };
  #stream: BgpStream | undefined;

  /** Speaks from the address of one host, whose speaker has no session, to another, which waits for it. */
  constructor(world: SpeakerWorld, { at, of }: { readonly at: SpeakerHost; readonly of: SpeakerHost }) {
    this.#world = world;
    this.#at = at;
    this.#of = of;
    of.peer(at, { passive: true, restartTimeSeconds: 60 });
  }

  /** Opens a session with these capabilities beside the plain ones. */
  connect(...capabilities: readonly Capability[]): Promise<void> {
    return this.connectSaying([], ...capabilities);
  }

  /** The same, and says more at once. */
  async connectSaying(more: readonly Sayable[], ...capabilities: readonly Capability[]): Promise<void> {
    const options = { address: this.#of.routerId, port: 179, timeoutSeconds: 1 };
    const framer = new Framer();
    this.#world.network.hostOf(this.#at.routerId)?.dial(
      options,
      (stream) => {
        this.#stream = stream;
        const data = (octets: Uint8Array): void => {
          framer.push(octets);
          for (let next = framer.next(); next; next = framer.next()) this.#hear(next);
        };
        stream.start({ data, drained: () => undefined, closed: () => undefined });
        const open = openMessage({ routerId: this.#at.routerId });
        this.say({ ...open, capabilities: [...open.capabilities, ...capabilities] }, { type: "keepalive" }, ...more);
      },
      ({ message }) => this.heard.push(message),
    );
    await this.#world.until("a session with the raw peer", () => this.#of.isUp(formatAddress(this.#at.routerId)));
  }

  /** All at once. */
  say(...messages: readonly Sayable[]): void {
    this.#stream?.write(Buffer.concat(messages.map(encodeMessage)));
  }

  announce(...prefixes: readonly string[]): void {
    this.announceOver(this.#at.address, prefixes);
  }

  /** With another's address as their next hop. */
  announceOver(nextHop: string, prefixes: readonly string[]): void {
    const writer = new Writer(4096);
    const attributes = attributesOf(nextHop, { localPref: 100 });
    const codes = prefixes.map(codeOf);
    for (let from = 0; from < codes.length; )
      from = encodeAnnouncement(writer, attributes, { prefixes: codes, from }, this.#context);
    this.#stream?.write(writer.finish());
  }

  endOfRib(family: Family): void {
    const writer = new Writer(64);
    encodeEndOfRib(writer, family);
    this.#stream?.write(writer.finish());
  }

  /** Reads no more. */
  pause(): void {
    this.#stream?.pause();
  }

  /** Without a word: as a process that is killed. */
  hangUp(): void {
    this.#stream?.end();
  }

  #hear(octets: Uint8Array): void {
    const decoded = decodeMessage(octets, this.#context);
    if (!decoded.ok) throw decoded.error;
    const { message } = decoded;
    if (message.type === "routeRefresh") this.heard.push(`${message.subtype} ${message.family}`);
    if (message.type !== "update") return;
    for (const { prefixes } of message.announced) this.heard.push(...prefixes.map((prefix) => `+ ${textOf(prefix)}`));
    if (message.endOfRib) this.heard.push(`end of RIB ${message.endOfRib}`);
  }
}
