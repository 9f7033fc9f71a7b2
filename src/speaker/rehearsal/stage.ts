/** A transport whose peers are played: they come, open their sessions, say what the play says, and heed nothing that they hear. */
import { encodeMessage } from "../../bgp/message/message-codec.ts";
import { BGP_VERSION } from "../../bgp/message/open-codec.ts";
import type { Open } from "../../bgp/message/types.ts";
import type { Ipv4 } from "../../ip/address.ts";
import type { BgpListener, BgpStream, BgpTransport, Dial, StreamHandlers } from "../../port/bgp-transport.ts";

export const BGP_PORT = 179;
const PLAYED_PORT = 49152;

export class Stage implements BgpTransport {
  #incoming: (stream: BgpStream) => void = () => undefined;

  listen(_options: unknown, incoming: (stream: BgpStream) => void): BgpListener {
    this.#incoming = incoming;
    return { port: BGP_PORT, setKey: () => undefined, close: () => undefined };
  }

  /** Who rehearses only listens. */
  dial(): Dial {
    return { cancel: () => undefined };
  }

  /** A peer at `remote` comes to `local`. */
  enter(remote: Ipv4, local: Ipv4, open: Omit<Open, "type" | "version" | "routerId">): PlayedPeer {
    const peer = new PlayedPeer(remote, local);
    this.#incoming(peer);
    peer.say(encodeMessage({ type: "open", version: BGP_VERSION, routerId: remote, ...open }));
    peer.say(encodeMessage({ type: "keepalive" }));
    return peer;
  }
}

export class PlayedPeer implements BgpStream {
  readonly local;
  readonly remote;
  readonly pendingOctets = 0;
  readonly isAcknowledged = true;
  #handlers: StreamHandlers | undefined;

  constructor(remote: Ipv4, local: Ipv4) {
    this.local = { address: local, port: BGP_PORT };
    this.remote = { address: remote, port: PLAYED_PORT };
  }

  say(octets: Uint8Array): void {
    this.#handlers?.data(octets);
  }

  protect(): void {}

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
  }

  write(): void {}

  pause(): void {}

  resume(): void {}

  end(): void {
    this.#handlers = undefined;
  }
}
