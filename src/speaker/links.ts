/**
 * The two places for connections that a session has, as its state machine has two: dialling, taking in, writing, and decoding
 * what came. Knows nothing of states.
 */
import type { SessionConfig } from "../bgp/config.ts";
import type { AttributeTable } from "../bgp/message/attribute-table.ts";
import { contextBeforeOpen, type DecodeContext } from "../bgp/message/codec-context.ts";
import { BgpDecodeError } from "../bgp/message/errors.ts";
import { type Decoded, decodeMessage } from "../bgp/message/message-codec.ts";
import type { Slot } from "../bgp/session/peer.ts";
import type { BgpStream, BgpTransport, Protection, TransportFailure } from "../port/bgp-transport.ts";
import type { Clock } from "../port/clock.ts";
import { Connection } from "./connection.ts";
import { SendHold } from "./send-hold.ts";

export interface LinkEvents {
  /** A dial of ours has succeeded. */
  readonly acknowledged: (slot: Slot) => void;
  /** A dial failed, or a connection ended and all that came before is decoded. */
  readonly failed: (slot: Slot, failure: TransportFailure) => void;
  readonly sendHoldExpired: (slot: Slot) => void;
  /** There is something to `read`. */
  readonly readable: () => void;
  /** The peer has taken all that it was sent. */
  readonly writable: () => void;
}

/** A dial ends before the ConnectRetryTimer, however much that is shortened, so that its failure is told. */
const DIAL_SHARE = 0.7;

export class Links {
  readonly #transport: BgpTransport;
  readonly #attributes: AttributeTable;
  readonly #events: LinkEvents;
  readonly #sendHold: SendHold;
  readonly #connections: [Connection | undefined, Connection | undefined] = [undefined, undefined];

  constructor(deps: { transport: BgpTransport; attributes: AttributeTable; clock: Clock }, events: LinkEvents) {
    this.#transport = deps.transport;
    this.#attributes = deps.attributes;
    this.#events = events;
    this.#sendHold = new SendHold(deps.clock, events.sendHoldExpired);
  }

  stream(slot: Slot): BgpStream | undefined {
    return this.#connections[slot]?.stream;
  }

  /** What the connection's OPENs allow so far; undefined: there is none. */
  context(slot: Slot): DecodeContext | undefined {
    return this.#connections[slot]?.context;
  }

  /** Whether something came that was not looked at yet. */
  isUnread(slot: Slot): boolean {
    return this.#connections[slot]?.isUnread ?? false;
  }

  dial(slot: Slot, config: SessionConfig): void {
    const { peer, localAddress, password, connectRetrySeconds } = config;
    const connection = this.#put(slot);
    const options = {
      ...protectionOf(config),
      address: peer.address,
      port: peer.port,
      timeoutSeconds: connectRetrySeconds * DIAL_SHARE,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(password === undefined ? {} : { key: password }),
    };
    connection.dial = this.#transport.dial(
      options,
      (stream) => {
        this.#open(slot, connection, stream);
        this.#events.acknowledged(slot);
      },
      (failure) => {
        this.#connections[slot] = undefined;
        this.#events.failed(slot, failure);
      },
    );
  }

  /** A connection of the peer's. Throws KernelError when it is gone already. */
  take(slot: Slot, stream: BgpStream, config: SessionConfig): void {
    stream.protect(protectionOf(config));
    this.#open(slot, this.#put(slot), stream);
  }

  /** What OPENs agreed on counts from the next message on. Once for each connection. */
  agree(slot: Slot, context: () => DecodeContext): void {
    const connection = this.#connections[slot];
    if (connection && connection.context.families.length === 0) connection.agree(context());
  }

  write(slot: Slot, octets: Uint8Array, { holdTimeSeconds }: SessionConfig): void {
    const stream = this.stream(slot);
    if (!stream) return;
    stream.write(octets);
    this.#sendHold.wrote(slot, stream, octets.length, holdTimeSeconds);
  }

  close(slot: Slot): void {
    this.#sendHold.cancel(slot);
    this.#connections[slot]?.close();
    this.#connections[slot] = undefined;
  }

  /**
   * Tells messages that wait until they have been `octets` octets, of a connection that ends meanwhile no more; whether there may
   * be more.
   */
  read(slot: Slot, octets: number, received: (decoded: Decoded) => void): boolean {
    const connection = this.#connections[slot];
    if (!connection) return false;
    for (const least = connection.waitingOctets - octets; connection.waitingOctets > least; ) {
      const decoded = decodeNext(connection);
      if (!decoded) {
        if (connection.failure) this.#events.failed(slot, connection.failure);
        return false;
      }
      received(decoded);
      if (this.#connections[slot] !== connection) return false;
    }
    return true;
  }

  #put(slot: Slot): Connection {
    const connection = new Connection(contextBeforeOpen(this.#attributes));
    this.#connections[slot] = connection;
    return connection;
  }

  #open(slot: Slot, connection: Connection, stream: BgpStream): void {
    const isCurrent = (): boolean => this.#connections[slot] === connection;
    connection.open(stream, {
      arrived: () => {
        if (isCurrent()) this.#events.readable();
      },
      drained: () => {
        if (!isCurrent()) return;
        this.#sendHold.cancel(slot);
        this.#events.writable();
      },
    });
  }
}

function protectionOf({ ttlSecurityHops, holdTimeSeconds }: SessionConfig): Protection {
  return {
    ...(ttlSecurityHops === undefined ? {} : { ttlSecurityHops }),
    ...(holdTimeSeconds === 0 ? {} : { userTimeoutSeconds: holdTimeSeconds }),
  };
}

/** Undefined: no whole message waits. */
function decodeNext(connection: Connection): Decoded | undefined {
  try {
    const octets = connection.next();
    return octets && decodeMessage(octets, connection.context);
  } catch (error) {
    if (error instanceof BgpDecodeError) return { ok: false, error };
    throw error;
  }
}
