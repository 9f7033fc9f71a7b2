/**
 * The driver of one session: takes an event, asks the state machine, carries out the effects. Owns the timers and connections
 * of the session; decides nothing. Routes go through `hooks`, and what waits to be decoded is drawn by `read`, in slices.
 */
import type { SessionConfig } from "../bgp/config.ts";
import type { AttributeTable } from "../bgp/message/attribute-table.ts";
import { contextBeforeOpen, type DecodeContext } from "../bgp/message/codec-context.ts";
import { BgpDecodeError } from "../bgp/message/errors.ts";
import { CeaseReason } from "../bgp/message/iana.ts";
import { type Decoded, decodeMessage, encodeMessage } from "../bgp/message/message-codec.ts";
import type { Ignored, Message, Notification, RouteRefresh, Update } from "../bgp/message/types.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import { cease } from "../bgp/session/notification.ts";
import {
  furthestOf,
  newPeer,
  type PeerEffect,
  type PeerEvent,
  type PeerFacts,
  type PeerState,
  type PeerTimer,
  type Slot,
  slotForIncoming,
  stepPeer,
} from "../bgp/session/peer.ts";
import type { Effect, Ending, Event, State, TimerName } from "../bgp/session/types.ts";
import { formatAddress } from "../ip/address.ts";
import type { BgpStream, BgpTransport, TransportFailure } from "../port/bgp-transport.ts";
import type { Clock, WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { KernelError } from "../port/netlink.ts";
import { Connection } from "./connection.ts";
import { SendHold } from "./send-hold.ts";
import { SessionRecord } from "./session-record.ts";
import { Timers } from "./timers.ts";

export interface SessionDeps {
  readonly transport: BgpTransport;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly attributes: AttributeTable;
  /** 0 … 1, another each time. */
  readonly chance: () => number;
  /** What the machine knows besides the session's configuration; asked each time. */
  readonly facts: () => Omit<PeerFacts, "session">;
}

export interface SessionHooks {
  established(session: Session, negotiated: Negotiated): void;
  lost(session: Session, ending: Ending, negotiated: Negotiated): void;
  update(session: Session, update: Update): void;
  refresh(session: Session, message: RouteRefresh): void;
  /** There is something to read. */
  readable(session: Session): void;
  /** The peer has taken what it was sent. */
  writable(session: Session): void;
}

/** RFC 4271 section 10: timers but the hold timer are shortened by up to a quarter. */
const MOST_JITTER = 0.25;
/** A dial ends before the ConnectRetryTimer, so that its failure is told. */
const DIAL_SHARE = 0.7;
/** RFC 4271 section 10: before the hold timer closes a session whose octets wait here, they are decoded. */
const HOLD_GRACE_MS = 1000;

type SessionTimer = PeerTimer | `${Slot} ${TimerName}`;

export class Session {
  readonly name: string;
  readonly record: SessionRecord;
  config: SessionConfig;
  readonly #deps: SessionDeps;
  readonly #hooks: SessionHooks;
  readonly #log: Log;
  readonly #timers: Timers<SessionTimer>;
  readonly #sendHold: SendHold;
  readonly #connections: [Connection | undefined, Connection | undefined] = [undefined, undefined];
  readonly #events: PeerEvent[] = [];
  #isStepping = false;
  #peer: PeerState = newPeer;
  /** So that one failure after the other of the same kind is logged once. */
  #lastComplaint = "";

  constructor(config: SessionConfig, deps: SessionDeps, hooks: SessionHooks) {
    this.name = config.name;
    this.config = config;
    this.#deps = deps;
    this.#hooks = hooks;
    this.#log = deps.log.child({ session: config.name, peer: formatAddress(config.peer.address) });
    this.#timers = new Timers(deps.clock, (name) => this.#expired(name));
    this.#sendHold = new SendHold(deps.clock, (slot) => this.#on(slot, { type: "timerExpired", timer: "sendHold" }));
    this.record = new SessionRecord(deps.wallClock);
  }

  get state(): State {
    return furthestOf(this.#peer);
  }

  /** The connection that the session is established on. */
  get stream(): BgpStream | undefined {
    const slot = this.#establishedSlot;
    return slot === undefined ? undefined : this.#connections[slot]?.stream;
  }

  get #establishedSlot(): Slot | undefined {
    const { machines } = this.#peer;
    return machines[0].name === "established" ? 0 : machines[1].name === "established" ? 1 : undefined;
  }

  start(): void {
    this.#tell({ type: "started" });
  }

  /** `notification` left out: the peer is told nothing, and may take it for a restart. */
  stop(why: string, notification?: Notification): void {
    this.#tell({ type: "stopped", why, ...(notification ? { cease: notification } : {}) });
    this.#timers.cancelAll();
  }

  /** Ends what there is with a NOTIFICATION; the session rests and comes again. */
  fail(answer: Notification, why: string): void {
    const slot = this.#establishedSlot;
    if (slot !== undefined) this.#on(slot, { type: "malformedReceived", answer, why });
  }

  /** A connection of the peer's. The stream is this session's from now on, whatever becomes of it. */
  accept(stream: BgpStream): void {
    const slot = slotForIncoming(this.#peer);
    if (slot === undefined) {
      stream.start({ data: () => undefined, drained: () => undefined, closed: () => undefined });
      stream.write(encodeMessage(cease(CeaseReason.connectionRejected)));
      stream.end();
      return;
    }
    try {
      stream.protect(this.#protection);
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      this.#log.debug("an incoming connection was gone already", { why: failure.message });
      stream.end();
      return;
    }
    const connection = this.#newConnection(slot);
    this.#open(slot, connection, stream);
    this.#on(slot, { type: "tcpConnectionConfirmed" });
  }

  /** Sends octets of `messages` whole UPDATEs to an established peer. */
  send(octets: Uint8Array, messages: number): void {
    const slot = this.#establishedSlot;
    if (slot === undefined) return;
    this.record.counters.updatesSent += messages;
    this.record.counters.messagesSent += messages;
    this.#write(slot, octets);
  }

  /** RFC 2918, RFC 7313: to a peer that understands it. */
  sendRefresh(message: RouteRefresh): void {
    const slot = this.#establishedSlot;
    if (slot === undefined) return;
    this.record.counters.messagesSent++;
    this.#write(slot, encodeMessage(message));
  }

  /** Decodes at most `limit` messages that wait; whether there are more. */
  read(limit: number): boolean {
    let isMore = false;
    for (const slot of [0, 1] as const) {
      const connection = this.#connections[slot];
      if (connection && this.#readFrom(slot, connection, limit)) isMore = true;
    }
    return isMore;
  }

  #readFrom(slot: Slot, connection: Connection, limit: number): boolean {
    for (let count = 0; count < limit; count++) {
      const decoded = decodeNext(connection);
      if (!decoded) {
        if (connection.failure) this.#failed(slot, connection.failure);
        return false;
      }
      this.record.counters.messagesReceived++;
      if (decoded.ok) this.#received(slot, decoded.message);
      else {
        const { message: why, detail } = decoded.error;
        this.#on(slot, { type: "malformedReceived", answer: detail.notification, why });
      }
      if (this.#connections[slot] !== connection) return false;
    }
    return true;
  }

  #received(slot: Slot, message: Message | Ignored): void {
    switch (message.type) {
      case "open":
        this.#on(slot, { type: "openReceived", open: message });
        break;
      case "keepalive":
        this.#on(slot, { type: "keepaliveReceived" });
        break;
      case "notification":
        this.#on(slot, { type: "notificationReceived", notification: message });
        break;
      case "update":
        this.#on(slot, { type: "updateReceived" });
        this.record.counters.updatesReceived++;
        this.#malformed(message);
        if (this.#establishedSlot === slot) this.#hooks.update(this, message);
        break;
      case "routeRefresh":
        this.#on(slot, { type: "updateReceived" });
        if (this.#establishedSlot === slot) this.#hooks.refresh(this, message);
        break;
      case "ignored":
        this.#on(slot, { type: "updateReceived" });
        this.#log.debug("a message was ignored", { why: message.why });
    }
  }

  #malformed({ malformed }: Update): void {
    if (malformed.length === 0) return;
    this.record.counters.malformedAttributes += malformed.length;
    for (const { code, action, why } of malformed) this.#complain("an attribute was malformed", { code, action, why });
  }

  #on(slot: Slot, event: Event): void {
    this.#tell({ type: "connection", slot, event });
  }

  /** One event after the other: what an effect brings about waits for its turn. */
  #tell(event: PeerEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) this.#step(next);
    } finally {
      this.#isStepping = false;
    }
  }

  #step(event: PeerEvent): void {
    const before = this.state.name;
    const { next, effects } = stepPeer(this.#peer, event, { ...this.#deps.facts(), session: this.config });
    this.#peer = next;
    for (const slot of [0, 1] as const) this.#agree(slot);
    for (const effect of effects) this.#carryOut(effect);
    const after = this.state.name;
    if (after === before) return;
    this.record.moved();
    this.#log.debug("the session's state changed", { from: before, to: after });
  }

  /** What the OPENs agreed on counts from the next message on. */
  #agree(slot: Slot): void {
    const machine = this.#peer.machines[slot];
    const connection = this.#connections[slot];
    if (machine.name !== "openConfirm" || !connection || connection.context.families.length > 0) return;
    connection.agree(this.#contextOf(machine.negotiated));
  }

  #contextOf(negotiated: Negotiated): DecodeContext {
    return {
      fourOctetAs: negotiated.fourOctetAs,
      extendedMessage: negotiated.extendedMessage,
      families: negotiated.families,
      enhancedRouteRefresh: negotiated.enhancedRouteRefresh,
      peerType: negotiated.peerAs === this.config.localAs ? "internal" : "external",
      attributes: this.#deps.attributes,
    };
  }

  #carryOut(effect: PeerEffect): void {
    switch (effect.type) {
      case "connection":
        this.#carryOutOn(effect.slot, effect.effect);
        break;
      case "setPeerTimer": {
        const afterMs = this.#jittered(effect.afterSeconds);
        if (effect.timer === "idleHold") this.record.rests(afterMs);
        this.#timers.set(effect.timer, afterMs);
        break;
      }
      case "cancelPeerTimer":
        this.#timers.cancel(effect.timer);
        if (effect.timer === "idleHold") this.record.restsUntil = undefined;
        break;
      case "connectionEnded":
        this.record.ended(effect.ending);
        if (effect.ending.cause !== "collision") this.#complain("a connection ended", { why: effect.ending.why });
        break;
      case "sessionEstablished": {
        const { holdTimeSeconds, peerAs, families } = effect.negotiated;
        this.#lastComplaint = "";
        this.#log.info("session established", { asn: peerAs, holdTimeSeconds, families });
        this.#hooks.established(this, effect.negotiated);
        break;
      }
      case "sessionLost":
        this.record.flaps++;
        this.#log.warn("session lost", { why: effect.ending.why });
        this.#hooks.lost(this, effect.ending, effect.negotiated);
    }
  }

  #carryOutOn(slot: Slot, effect: Exclude<Effect, { type: "ended" | "established" }>): void {
    switch (effect.type) {
      case "dial":
        this.#dial(slot);
        break;
      case "send":
        if (effect.message.type === "update") throw new Error("the machine sends no routes");
        this.record.counters.messagesSent++;
        this.#write(slot, encodeMessage(effect.message));
        break;
      case "setTimer": {
        const { timer, afterSeconds } = effect;
        this.#timers.set(`${slot} ${timer}`, timer === "hold" ? afterSeconds * 1000 : this.#jittered(afterSeconds));
        break;
      }
      case "cancelTimer":
        if (effect.timer === "sendHold") this.#sendHold.cancel(slot);
        else this.#timers.cancel(`${slot} ${effect.timer}`);
        break;
      case "close":
        this.#connections[slot]?.close();
        this.#connections[slot] = undefined;
    }
  }

  #jittered(seconds: number): number {
    return seconds * 1000 * (1 - MOST_JITTER * this.#deps.chance());
  }

  #expired(name: SessionTimer): void {
    if (name === "idleHold") {
      this.record.restsUntil = undefined;
      this.#tell({ type: "idleHoldTimerExpired" });
    } else if (name === "stable") this.#tell({ type: "stableTimerExpired" });
    else {
      const slot: Slot = name.startsWith("0") ? 0 : 1;
      const timer = name.slice(2) as TimerName;
      if (timer === "hold" && this.#connections[slot]?.isUnread) this.#timers.set(name, HOLD_GRACE_MS);
      else this.#on(slot, { type: "timerExpired", timer });
    }
  }

  get #protection() {
    const { ttlSecurityHops, holdTimeSeconds } = this.config;
    return {
      ...(ttlSecurityHops === undefined ? {} : { ttlSecurityHops }),
      ...(holdTimeSeconds === 0 ? {} : { userTimeoutSeconds: holdTimeSeconds }),
    };
  }

  #newConnection(slot: Slot): Connection {
    const connection = new Connection(contextBeforeOpen(this.#deps.attributes));
    this.#connections[slot] = connection;
    return connection;
  }

  #dial(slot: Slot): void {
    const { peer, localAddress, password, connectRetrySeconds } = this.config;
    const connection = this.#newConnection(slot);
    const options = {
      ...this.#protection,
      address: peer.address,
      port: peer.port,
      timeoutSeconds: connectRetrySeconds * DIAL_SHARE,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(password === undefined ? {} : { key: password }),
    };
    connection.dial = this.#deps.transport.dial(
      options,
      (stream) => {
        this.#open(slot, connection, stream);
        this.#on(slot, { type: "tcpConnectionAcknowledged" });
      },
      (failure) => {
        this.#connections[slot] = undefined;
        this.#failed(slot, failure);
      },
    );
  }

  #open(slot: Slot, connection: Connection, stream: BgpStream): void {
    connection.open(stream, {
      arrived: () => {
        if (this.#connections[slot] === connection) this.#hooks.readable(this);
      },
      drained: () => {
        this.#sendHold.cancel(slot);
        if (this.#connections[slot] === connection) this.#hooks.writable(this);
      },
    });
  }

  #write(slot: Slot, octets: Uint8Array): void {
    const stream = this.#connections[slot]?.stream;
    if (!stream) return;
    stream.write(octets);
    this.#sendHold.wrote(slot, stream, octets.length, this.config.holdTimeSeconds);
  }

  #failed(slot: Slot, failure: TransportFailure): void {
    this.record.failed(failure);
    this.#on(slot, { type: "tcpConnectionFailed", why: failure.message });
  }

  #complain(message: string, fields: { readonly why: string; readonly [name: string]: unknown }): void {
    const complaint = `${message} ${fields.why}`;
    if (complaint === this.#lastComplaint) this.#log.debug(message, fields);
    else this.#log.info(message, fields);
    this.#lastComplaint = complaint;
  }
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
