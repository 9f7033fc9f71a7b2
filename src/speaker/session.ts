/**
 * The driver of one session: takes an event, asks the state machine, carries out the effects. Owns the session's timers and
 * connections; decides nothing. Routes go through `hooks`, and what waits to be decoded is drawn by `read`, in slices.
 */
import type { SessionConfig } from "../bgp/config.ts";
import type { AttributeTable } from "../bgp/message/attribute-table.ts";
import type { DecodeContext } from "../bgp/message/codec-context.ts";
import { encodeMessage } from "../bgp/message/message-codec.ts";
import type { Ignored, Message, Notification, RouteRefresh, Update } from "../bgp/message/types.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
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
import type { BgpStream, BgpTransport } from "../port/bgp-transport.ts";
import type { Clock, Millis, WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { KernelError } from "../port/netlink.ts";
import { Links } from "./links.ts";
import type { MessageTap } from "./message-tap.ts";
import { SessionLog } from "./session-log.ts";
import { SessionRecord } from "./session-record.ts";
import { Timers } from "./timers.ts";

export interface SessionDeps {
  readonly transport: BgpTransport;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly attributes: AttributeTable;
  readonly tap: MessageTap;
  /** 0 … 1, another each time. */
  readonly chance: () => number;
  /** A session has come up. */
  readonly cameUp: (session: Session, negotiated: Negotiated) => void;
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
/**
 * What came counts as heard when it came: a session that is merely slow in decoding asks again after so long, and so does one
 * whose process stood still beyond the hold time, since what came meanwhile waits in the kernel.
 */
const HOLD_GRACE_MS = 1000;

const slots: readonly Slot[] = [0, 1];

export class Session {
  readonly name: string;
  readonly record: SessionRecord;
  config: SessionConfig;
  readonly #deps: SessionDeps;
  readonly #hooks: SessionHooks;
  readonly #log: SessionLog;
  readonly #peerTimers: Timers<PeerTimer>;
  readonly #timers: readonly [Timers<TimerName>, Timers<TimerName>];
  readonly #links: Links;
  readonly #events: PeerEvent[] = [];
  #isStepping = false;
  /** Where an UPDATE of those read together was heard: one of them is enough for the hold timer. */
  #heard: Slot | undefined;
  #peer: PeerState = newPeer;

  constructor(config: SessionConfig, deps: SessionDeps, hooks: SessionHooks) {
    this.name = config.name;
    this.config = config;
    this.#deps = deps;
    this.#hooks = hooks;
    this.#log = new SessionLog(deps.log.child({ session: config.name, peer: formatAddress(config.peer.address) }));
    this.#peerTimers = new Timers(deps.clock, (timer) => this.#peerTimerExpired(timer));
    const timersOf = (slot: Slot) =>
      new Timers<TimerName>(deps.clock, (timer, lateMs) => this.#timerExpired(slot, timer, lateMs));
    this.#timers = [timersOf(0), timersOf(1)];
    this.#links = new Links(deps, {
      acknowledged: (slot) => this.#on(slot, { type: "tcpConnectionAcknowledged" }),
      failed: (slot, failure) => {
        this.record.failed(failure);
        this.#on(slot, { type: "tcpConnectionFailed", why: failure.message });
      },
      sendHoldExpired: (slot) => this.#on(slot, { type: "timerExpired", timer: "sendHold" }),
      readable: () => hooks.readable(this),
      writable: () => hooks.writable(this),
    });
    this.record = new SessionRecord(deps);
  }

  get state(): State {
    return furthestOf(this.#peer);
  }

  /** The connection that the session is established on. */
  get stream(): BgpStream | undefined {
    const slot = this.#establishedSlot;
    return slot === undefined ? undefined : this.#links.stream(slot);
  }

  get #establishedSlot(): Slot | undefined {
    return slots.find((slot) => this.#isEstablished(slot));
  }

  #isEstablished(slot: Slot): boolean {
    return this.#peer.machines[slot].name === "established";
  }

  start(): void {
    this.#tell({ type: "started" });
  }

  /** `notification` left out: the peer is told nothing, and may take it for a restart. */
  stop(why: string, notification?: Notification): void {
    this.#tell({ type: "stopped", why, ...(notification ? { cease: notification } : {}) });
    for (const timers of [this.#peerTimers, ...this.#timers]) timers.cancelAll();
  }

  /** Ends an established session with a NOTIFICATION; it rests and comes again. */
  fail(answer: Notification, why: string): void {
    const slot = this.#establishedSlot;
    if (slot !== undefined) this.#on(slot, { type: "malformedReceived", answer, why });
  }

  /** A connection of the peer's. The stream is this session's from now on, whatever becomes of it. */
  accept(stream: BgpStream): void {
    const slot = slotForIncoming(this.#peer);
    if (slot === undefined) {
      stream.end();
      return;
    }
    if (this.#peer.machines[slot].name === "openSent") this.#on(slot, { type: "collisionLost" });
    try {
      this.#links.take(slot, stream, this.config);
      this.#on(slot, { type: "tcpConnectionConfirmed" });
    } catch (failure) {
      if (!(failure instanceof KernelError)) throw failure;
      this.#log.complain("a connection of the peer's was gone before it was used", failure.message);
      stream.end();
    }
  }

  /** Sends octets of whole UPDATEs, `messages` of them, to an established peer. */
  send(octets: Uint8Array, messages: number): void {
    const slot = this.#establishedSlot;
    if (slot === undefined || messages === 0) return;
    this.record.counters.updatesSent += messages;
    this.record.counters.messagesSent += messages;
    this.#write(slot, octets);
  }

  /** RFC 2918, RFC 7313: to an established peer that understands it. */
  sendRefresh(message: RouteRefresh): void {
    this.#say(message);
  }

  /** Says something that the peer's host must acknowledge; false: the session is not established. */
  sendKeepalive(): boolean {
    return this.#say({ type: "keepalive" });
  }

  /** To an established peer; false: it is none. */
  #say(message: Exclude<Message, Update>): boolean {
    const slot = this.#establishedSlot;
    if (slot === undefined) return false;
    this.#writeMessage(slot, message);
    return true;
  }

  #writeMessage(slot: Slot, message: Exclude<Message, Update>): void {
    this.record.counters.messagesSent++;
    this.#write(slot, encodeMessage(message));
  }

  #write(slot: Slot, octets: Uint8Array): void {
    const { tap } = this.#deps;
    if (tap.isOn) tap.sent(this.name, octets, this.#links.context(slot));
    this.#links.write(slot, octets, this.config);
  }

  /** Takes in messages that wait, until they have been `octets` octets; whether there may be more. */
  read(octets: number): boolean {
    let isMore = false;
    this.#heard = undefined;
    for (const slot of slots) {
      const wantsMore = this.#links.read(slot, octets, (decoded) => {
        this.record.counters.messagesReceived++;
        if (this.#deps.tap.isOn) this.#deps.tap.received(this.name, decoded);
        if (decoded.ok) return this.#received(slot, decoded.message);
        const { message: why, detail } = decoded.error;
        this.#on(slot, { type: "malformedReceived", answer: detail.notification, why });
      });
      if (wantsMore) isMore = true;
    }
    return isMore;
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
        if (this.#heard !== slot || !this.#isEstablished(slot)) this.#on(slot, { type: "updateReceived" });
        this.#heard = slot;
        this.#note(message);
        if (this.#isEstablished(slot)) this.#hooks.update(this, message);
        break;
      case "routeRefresh":
        this.#on(slot, { type: "updateReceived" });
        if (this.#isEstablished(slot)) this.#hooks.refresh(this, message);
        break;
      case "ignored":
        this.#on(slot, { type: "updateReceived" });
        this.#log.complain("a message was ignored", message.why);
    }
  }

  #note({ malformed }: Update): void {
    this.record.counters.updatesReceived++;
    this.record.counters.malformedAttributes += malformed.length;
    for (const { code, action, why } of malformed) {
      this.#log.complain("an attribute was malformed", why, { code, action });
    }
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
    for (const slot of slots) {
      const machine = next.machines[slot];
      if (machine.name === "openConfirm") this.#links.agree(slot, () => this.#contextOf(machine.negotiated));
    }
    for (const effect of effects) this.#carryOut(effect);
    if (this.state.name === before) return;
    this.record.moved();
    this.#log.moved(before, this.state.name);
  }

  #contextOf(negotiated: Negotiated): DecodeContext {
    const { fourOctetAs, extendedMessage, families, enhancedRouteRefresh, peerAs } = negotiated;
    const peerType = peerAs === this.config.localAs ? "internal" : "external";
    const { attributes } = this.#deps;
    return { fourOctetAs, extendedMessage, families, enhancedRouteRefresh, peerType, attributes };
  }

  #carryOut(effect: PeerEffect): void {
    switch (effect.type) {
      case "connection":
        this.#carryOutOn(effect.slot, effect.effect);
        break;
      case "setPeerTimer": {
        const afterMs = this.#jittered(effect.afterSeconds);
        if (effect.timer === "idleHold") this.record.rests(afterMs);
        this.#peerTimers.set(effect.timer, afterMs);
        break;
      }
      case "cancelPeerTimer":
        this.#peerTimers.cancel(effect.timer);
        if (effect.timer === "idleHold") this.record.restsUntil = undefined;
        break;
      case "connectionEnded":
        this.record.ended(effect.ending);
        if (effect.ending.cause !== "collision") this.#log.complain("a connection ended", effect.ending.why);
        break;
      case "sessionEstablished":
        this.#log.established(effect.negotiated);
        this.#hooks.established(this, effect.negotiated);
        this.#deps.cameUp(this, effect.negotiated);
        break;
      case "sessionLost":
        this.record.flaps++;
        this.#log.lost(effect.ending);
        this.#hooks.lost(this, effect.ending, effect.negotiated);
    }
  }

  #carryOutOn(slot: Slot, effect: Exclude<Effect, { type: "ended" | "established" }>): void {
    switch (effect.type) {
      case "dial":
        this.#links.dial(slot, this.config);
        break;
      case "send":
        this.#writeMessage(slot, effect.message);
        break;
      case "setTimer": {
        const { timer, afterSeconds } = effect;
        this.#timers[slot].set(timer, timer === "hold" ? afterSeconds * 1000 : this.#jittered(afterSeconds));
        break;
      }
      case "cancelTimer":
        this.#timers[slot].cancel(effect.timer);
        break;
      case "close":
        this.#links.close(slot);
    }
  }

  #jittered(seconds: number): number {
    return seconds * 1000 * (1 - MOST_JITTER * this.#deps.chance());
  }

  #peerTimerExpired(timer: PeerTimer): void {
    if (timer === "idleHold") this.record.restsUntil = undefined;
    this.#tell({ type: timer === "idleHold" ? "idleHoldTimerExpired" : "stableTimerExpired" });
  }

  #timerExpired(slot: Slot, timer: TimerName, lateMs: Millis): void {
    const mayBeUnread = lateMs > HOLD_GRACE_MS || this.#links.isUnread(slot);
    if (timer === "hold" && mayBeUnread) this.#timers[slot].set(timer, HOLD_GRACE_MS);
    else this.#on(slot, { type: "timerExpired", timer });
  }
}
