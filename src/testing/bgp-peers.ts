/**
 * Two peer machines joined by connections that carry messages as values, with delays and cuts as a test draws them. Time is
 * that of a queue of what is due; no octets, no sockets: what is tried is the decisions alone.
 */
import type { Message } from "../bgp/message/types.ts";
import {
  newPeer,
  type PeerEffect,
  type PeerEvent,
  type PeerFacts,
  type PeerState,
  type Slot,
  slotForIncoming,
  stepPeer,
} from "../bgp/session/peer.ts";

interface End {
  readonly at: SimulatedPeer;
  slot: Slot | undefined;
  /** When the last message that went to this end arrives: none overtakes another. */
  arrivesAt: number;
}

interface Line {
  readonly ends: readonly [End, End];
  isCut: boolean;
}

/** One end, and what has become of it. */
export class SimulatedPeer {
  state: PeerState = newPeer;
  readonly facts: PeerFacts;
  readonly effects: PeerEffect[] = [];
  readonly lines: [Line | undefined, Line | undefined] = [undefined, undefined];
  readonly timers = new Map<string, number>();

  constructor(facts: PeerFacts) {
    this.facts = facts;
  }

  get established(): readonly Slot[] {
    return ([0, 1] as const).filter((slot) => this.state.machines[slot].name === "established");
  }
}

export class PeerPair {
  readonly first: SimulatedPeer;
  readonly second: SimulatedPeer;
  /** In milliseconds, drawn anew for every message, dial and close. */
  readonly #delay: () => number;
  readonly #due: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  now = 0;
  /** Lines made so far. */
  readonly lines: Line[] = [];

  constructor(facts: readonly [PeerFacts, PeerFacts], delay: () => number) {
    this.first = new SimulatedPeer(facts[0]);
    this.second = new SimulatedPeer(facts[1]);
    this.#delay = delay;
  }

  schedule(at: number, run: () => void): void {
    this.#due.push({ at, order: this.#order++, run });
  }

  /** Runs all that is due up to a time in milliseconds. */
  runUntil(end: number): void {
    for (;;) {
      let next = -1;
      for (const [index, { at, order }] of this.#due.entries()) {
        const best = this.#due[next];
        if (at <= end && (!best || at < best.at || (at === best.at && order < best.order))) next = index;
      }
      const [due] = next < 0 ? [] : this.#due.splice(next, 1);
      if (!due) break;
      this.now = due.at;
      due.run();
    }
    this.now = end;
  }

  tell(peer: SimulatedPeer, event: PeerEvent): void {
    const { next, effects } = stepPeer(peer.state, event, peer.facts);
    peer.state = next;
    for (const effect of effects) {
      peer.effects.push(effect);
      this.#carryOut(peer, effect);
    }
  }

  /** Both ends hear of it, after a delay each. */
  cut(line: Line): void {
    if (line.isCut) return;
    line.isCut = true;
    for (const end of line.ends) this.schedule(this.now + this.#delay(), () => this.#fail(line, end, "cut"));
  }

  #carryOut(peer: SimulatedPeer, effect: PeerEffect): void {
    if (effect.type === "setPeerTimer") {
      const type = effect.timer === "stable" ? "stableTimerExpired" : "idleHoldTimerExpired";
      this.#setTimer(peer, effect.timer, effect.afterSeconds, { type });
    }
    if (effect.type === "cancelPeerTimer") peer.timers.delete(effect.timer);
    if (effect.type !== "connection") return;
    const { slot, effect: order } = effect;
    if (order.type === "setTimer") {
      const event = { type: "timerExpired", timer: order.timer } as const;
      this.#setTimer(peer, `${slot} ${order.timer}`, order.afterSeconds, { type: "connection", slot, event });
    } else if (order.type === "cancelTimer") peer.timers.delete(`${slot} ${order.timer}`);
    else if (order.type === "dial") this.#dial(peer, slot);
    else if (order.type === "send") this.#send(peer, slot, order.message);
    else this.#close(peer, slot);
  }

  #setTimer(peer: SimulatedPeer, name: string, afterSeconds: number, event: PeerEvent): void {
    const at = this.now + afterSeconds * 1000;
    peer.timers.set(name, at);
    this.schedule(at, () => {
      if (peer.timers.get(name) !== at) return;
      peer.timers.delete(name);
      this.tell(peer, event);
    });
  }

  #dial(peer: SimulatedPeer, slot: Slot): void {
    const remote = peer === this.first ? this.second : this.first;
    const line: Line = {
      ends: [
        { at: peer, slot, arrivesAt: 0 },
        { at: remote, slot: undefined, arrivesAt: 0 },
      ],
      isCut: false,
    };
    this.lines.push(line);
    peer.lines[slot] = line;
    this.schedule(this.now + this.#delay(), () => {
      if (line.isCut) return;
      const taken = slotForIncoming(remote.state);
      if (taken === undefined) {
        line.isCut = true;
        this.#fail(line, line.ends[0], "refused");
        return;
      }
      if (remote.state.machines[taken].name === "openSent") {
        this.tell(remote, { type: "connection", slot: taken, event: { type: "collisionLost" } });
      }
      line.ends[1].slot = taken;
      remote.lines[taken] = line;
      // The dialler may send from now on, and so may the other.
      this.tell(peer, { type: "connection", slot, event: { type: "tcpConnectionAcknowledged" } });
      this.tell(remote, { type: "connection", slot: taken, event: { type: "tcpConnectionConfirmed" } });
    });
  }

  #send(peer: SimulatedPeer, slot: Slot, message: Message): void {
    const line = peer.lines[slot];
    const end = line?.ends.find(({ at }) => at !== peer);
    if (!line || !end) throw new Error("a message without a connection");
    this.#arrive(line, end, () => {
      if (end.slot === undefined) return;
      this.tell(end.at, { type: "connection", slot: end.slot, event: eventOf(message) });
    });
  }

  #close(peer: SimulatedPeer, slot: Slot): void {
    const line = peer.lines[slot];
    peer.lines[slot] = undefined;
    if (!line || line.isCut) return;
    const end = line.ends.find(({ at }) => at !== peer);
    if (end?.slot === undefined) line.isCut = true;
    else this.#arrive(line, end, () => this.#fail(line, end, "closed"));
  }

  #arrive(line: Line, end: End, run: () => void): void {
    end.arrivesAt = Math.max(end.arrivesAt, this.now + this.#delay());
    this.schedule(end.arrivesAt, () => {
      if (!line.isCut && end.slot !== undefined && end.at.lines[end.slot] === line) run();
    });
  }

  #fail(line: Line, end: End, why: string): void {
    if (end.slot === undefined || end.at.lines[end.slot] !== line) return;
    end.at.lines[end.slot] = undefined;
    this.tell(end.at, { type: "connection", slot: end.slot, event: { type: "tcpConnectionFailed", why } });
  }
}

function eventOf(message: Message) {
  switch (message.type) {
    case "open":
      return { type: "openReceived", open: message } as const;
    case "keepalive":
      return { type: "keepaliveReceived" } as const;
    case "notification":
      return { type: "notificationReceived", notification: message } as const;
    default:
      return { type: "updateReceived" } as const;
  }
}
