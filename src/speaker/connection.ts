/**
 * One TCP connection of a session: from the dial or the listener to its end. Holds what came and was not decoded yet, bounded
 * by not reading on, and knows what the OPENs allow on it.
 */
import type { DecodeContext } from "../bgp/message/codec-context.ts";
import { Framer } from "../bgp/message/framer.ts";
import { MAX_EXTENDED_MESSAGE_OCTETS } from "../bgp/message/header.ts";
import type { BgpStream, Dial, StreamHandlers, TransportFailure } from "../port/bgp-transport.ts";

/** Reading stops above the first and goes on below the second. */
const INPUT_OCTETS = { most: 1 << 18, low: 1 << 16 } as const;

export interface ConnectionEvents {
  /** There is something to decode. */
  readonly arrived: () => void;
  /** All that was written has gone. */
  readonly drained: () => void;
}

export class Connection {
  context: DecodeContext;
  #dial: Dial | undefined;
  #stream: BgpStream | undefined;
  readonly #framer = new Framer();
  #isPaused = false;
  #isUnread = false;
  /** What the peer's side of TCP said last; told when all that came before is decoded. */
  #failure: TransportFailure | undefined;

  constructor(context: DecodeContext) {
    this.context = context;
  }

  /** It is being dialled. */
  set dial(dial: Dial) {
    this.#dial = dial;
  }

  get stream(): BgpStream | undefined {
    return this.#stream;
  }

  open(stream: BgpStream, { arrived, drained }: ConnectionEvents): void {
    this.#dial = undefined;
    this.#stream = stream;
    const handlers: StreamHandlers = {
      data: (octets) => {
        this.#framer.push(octets);
        this.#isUnread = true;
        if (this.#framer.waitingOctets > INPUT_OCTETS.most && !this.#isPaused) {
          this.#isPaused = true;
          stream.pause();
        }
        arrived();
      },
      drained,
      closed: (failure) => {
        this.#failure = failure;
        arrived();
      },
    };
    stream.start(handlers);
  }

  /** Octets that came and were not decoded yet. */
  get waitingOctets(): number {
    return this.#framer.waitingOctets;
  }

  /** Whether something came that `next` was not asked for yet. */
  get isUnread(): boolean {
    return this.#isUnread;
  }

  /** The end that TCP told of; its turn is when `next` has nothing more. */
  get failure(): TransportFailure | undefined {
    return this.#failure;
  }

  /** What the OPENs agreed on holds from the next message on. */
  agree(context: DecodeContext): void {
    this.context = context;
    if (context.extendedMessage) this.#framer.limit = MAX_EXTENDED_MESSAGE_OCTETS;
  }

  /** The next whole message; undefined until more arrives. Throws BgpDecodeError `badHeader`. */
  next(): Uint8Array | undefined {
    const message = this.#framer.next();
    this.#isUnread = message !== undefined;
    if (this.#isPaused && this.#framer.waitingOctets < INPUT_OCTETS.low) {
      this.#isPaused = false;
      this.#stream?.resume();
    }
    return message;
  }

  close(): void {
    this.#dial?.cancel();
    this.#stream?.end();
  }
}
