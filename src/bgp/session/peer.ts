/**
 * One peer: two machines, since both ends may dial at once, and what stands above them: which connection survives a collision
 * (RFC 4271 section 6.8, RFC 6286 section 2.3), how long a failed session rests (DampPeerOscillations, section 8.1.1), and
 * when a new connection says that the peer has restarted (RFC 4724 section 5). Pure as the machines are.
 *
 * Machine 0 dials. A connection of the peer's goes to a machine that waits for one (Active), else to one that is free, else it
 * takes the place of an older one of the peer's that has said nothing.
 */

import { CeaseReason, ErrorCode } from "../message/iana.ts";
import { reasonOf } from "../message/notification-text.ts";
import type { Notification } from "../message/types.ts";
import { idle, step } from "./machine.ts";
import type { LocalFacts, Negotiated } from "./negotiate.ts";
import type { Effect, Ending, Event, State } from "./types.ts";

export type Slot = 0 | 1;

export interface PeerState {
  /** `holding`: rests after a failure (IdleHoldTimer). */
  readonly phase: "stopped" | "holding" | "running";
  /** Rests from an error that the peer would only repeat: dialling in is refused too. After any other loss it may come at once. */
  readonly isRefusing: boolean;
  /** The next rest. */
  readonly idleHoldSeconds: number;
  /** Dials that failed since the session was last Established. */
  readonly failedDials: number;
  readonly machines: readonly [State, State];
  /** The machine whose connection the peer opened while the other was Established. */
  readonly successor?: Slot;
}

export type PeerEvent =
  | { readonly type: "started" }
  /** `cease` left out: the peer is told nothing, as before a graceful restart. */
  | { readonly type: "stopped"; readonly cease?: Notification; readonly why: string }
  /** Event 13: IdleHoldTimer_Expires. */
  | { readonly type: "idleHoldTimerExpired" }
  /** The session has lasted: earlier failures are forgotten. */
  | { readonly type: "stableTimerExpired" }
  | { readonly type: "connection"; readonly slot: Slot; readonly event: Event };

export type PeerEffect =
  | {
      readonly type: "connection";
      readonly slot: Slot;
      readonly effect: Exclude<Effect, { type: "ended" | "established" }>;
    }
  /** Replaces one of that name. Before jitter. */
  | { readonly type: "setPeerTimer"; readonly timer: PeerTimer; readonly afterSeconds: number }
  | { readonly type: "cancelPeerTimer"; readonly timer: PeerTimer }
  /** A connection, or an attempt at one, ended. */
  | { readonly type: "connectionEnded"; readonly slot: Slot; readonly ending: Ending }
  | { readonly type: "sessionEstablished"; readonly slot: Slot; readonly negotiated: Negotiated }
  | { readonly type: "sessionLost"; readonly ending: Ending; readonly negotiated: Negotiated };

export type PeerTimer = "idleHold" | "stable";

export interface PeerStep {
  readonly next: PeerState;
  readonly effects: readonly PeerEffect[];
}

/** What RFC 4271 leaves to us: the first rest, doubled from failure to failure up to the longest, and when it is forgotten. */
export const idleHoldSeconds = { first: 1, longest: 60, forgottenAfter: 300 } as const;

/**
 * The first wait after a dial that failed, doubled each time up to the ConnectRetryTime: where both ends start together, the
 * one that dials may be a moment too early, and a peer that waits for it never dials itself.
 */
const FIRST_REDIAL_SECONDS = 0.25;

export const newPeer: PeerState = {
  phase: "stopped",
  isRefusing: false,
  idleHoldSeconds: idleHoldSeconds.first,
  failedDials: 0,
  machines: [idle, idle],
};

const slots: readonly Slot[] = [0, 1];
const otherOf = (slot: Slot): Slot => (slot === 0 ? 1 : 0);

/**
 * Where a connection of the peer's goes; undefined: it is refused. A machine in OpenSent is told `collisionLost` first: of two
 * connections that the peer opened, it has given up the one on which it said nothing.
 */
export function slotForIncoming({ phase, isRefusing, machines }: PeerState): Slot | undefined {
  if (phase === "stopped" || isRefusing) return undefined;
  const isSilent = (state: State): boolean => state.name === "openSent" && state.initiator === "peer";
  return (
    slots.find((slot) => machines[slot].name === "active") ??
    slots.find((slot) => machines[slot].name === "idle") ??
    slots.find((slot) => isSilent(machines[slot]))
  );
}

/** The state that a person is shown: that of the machine that got further. */
export function furthestOf({ machines: [first, second] }: PeerState): State {
  return progress[first.name] >= progress[second.name] ? first : second;
}

const progress: Readonly<Record<State["name"], number>> = {
  idle: 0,
  connect: 1,
  active: 2,
  openSent: 3,
  openConfirm: 4,
  established: 5,
};

const isOpen = (state: State): boolean => progress[state.name] >= progress.openSent;

/** Facts are those of the peer; which machine dials is decided here. */
export type PeerFacts = Omit<LocalFacts, "dials" | "redialSeconds">;

const factsOf = (slot: Slot, facts: PeerFacts, { failedDials }: PeerState): LocalFacts => ({
  ...facts,
  dials: slot === 0 && !facts.session.passive,
  redialSeconds: Math.min(FIRST_REDIAL_SECONDS * 2 ** failedDials, facts.session.connectRetrySeconds),
});

export function stepPeer(state: PeerState, event: PeerEvent, facts: PeerFacts): PeerStep {
  const run = new Run(state, facts);
  switch (event.type) {
    case "started":
      if (state.phase === "stopped") run.start();
      break;
    case "stopped":
      run.stop(event);
      break;
    case "idleHoldTimerExpired":
      if (state.phase === "holding") run.start();
      break;
    case "stableTimerExpired":
      run.forget();
      break;
    case "connection":
      run.take(event.slot, event.event);
      break;
  }
  return run.result;
}

/** One step under way. */
class Run {
  #state: PeerState;
  readonly #facts: PeerFacts;
  readonly #effects: PeerEffect[] = [];

  constructor(state: PeerState, facts: PeerFacts) {
    this.#state = state;
    this.#facts = facts;
  }

  get result(): PeerStep {
    return { next: this.#state, effects: this.#effects };
  }

  start(): void {
    this.#effects.push({ type: "cancelPeerTimer", timer: "idleHold" });
    this.#state = { ...this.#state, phase: "running", isRefusing: false };
    if (!this.#state.machines.some(isOpen)) this.#step(0, { type: "started" });
  }

  stop({ cease, why }: Extract<PeerEvent, { type: "stopped" }>): void {
    this.#state = { ...this.#state, phase: "stopped" };
    for (const slot of slots) this.#step(slot, { type: "stopped", ...(cease ? { cease } : {}), why });
    this.#state = { ...newPeer };
    this.#effects.push({ type: "cancelPeerTimer", timer: "idleHold" }, { type: "cancelPeerTimer", timer: "stable" });
  }

  forget(): void {
    this.#state = { ...this.#state, idleHoldSeconds: idleHoldSeconds.first };
  }

  take(slot: Slot, event: Event): void {
    if (event.type === "tcpConnectionConfirmed") this.#accept(slot);
    if (event.type === "openReceived" && this.#collides(slot, event)) return;
    this.#step(slot, event);
    const { machines } = this.#state;
    if (machines[slot].name === "openConfirm") this.#stopDialling(otherOf(slot));
  }

  /** A machine that was free exists for this connection from now on; a rest is over when the peer comes. */
  #accept(slot: Slot): void {
    const { machines, phase } = this.#state;
    if (phase === "holding") {
      this.#effects.push({ type: "cancelPeerTimer", timer: "idleHold" });
      this.#state = { ...this.#state, phase: "running" };
    }
    if (machines[slot].name === "idle") this.#set(slot, { name: "active" });
    if (machines[otherOf(slot)].name === "established") this.#state = { ...this.#state, successor: slot };
  }

  /** RFC 4271 section 6.8. True: this connection has lost, and the OPEN is not looked at. */
  #collides(slot: Slot, event: Extract<Event, { type: "openReceived" }>): boolean {
    const other = otherOf(slot);
    const mine = this.#state.machines[slot];
    const theirs = this.#state.machines[other];
    if (mine.name !== "openSent" || (theirs.name !== "openConfirm" && theirs.name !== "established")) return false;
    if (step(mine, event, factsOf(slot, this.#facts, this.#state)).next.name !== "openConfirm") return false;
    if (theirs.name === "established") {
      const hasRestarted = this.#state.successor === slot && theirs.negotiated.gracefulRestart !== undefined;
      const why = "the peer has restarted: it opened another connection";
      this.#step(hasRestarted ? other : slot, hasRestarted ? { type: "tcpConnectionFailed", why } : lost);
      return !hasRestarted;
    }
    const { routerId, session } = this.#facts;
    const { peerRouterId, peerAs } = theirs.negotiated;
    const isHigher = routerId === peerRouterId ? session.localAs > peerAs : routerId > peerRouterId;
    // Two connections of one initiator: the peer has given the first one up.
    const isMineKept = mine.initiator === theirs.initiator || isHigher === (mine.initiator === "local");
    this.#step(isMineKept ? other : slot, lost);
    return !isMineKept;
  }

  #stopDialling(slot: Slot): void {
    const { name } = this.#state.machines[slot];
    if (name === "connect" || name === "active") this.#step(slot, lost);
  }

  #set(slot: Slot, next: State): void {
    const [first, second] = this.#state.machines;
    this.#state = { ...this.#state, machines: slot === 0 ? [next, second] : [first, next] };
  }

  #step(slot: Slot, event: Event): void {
    const before = this.#state.machines[slot];
    const { next, effects } = step(before, event, factsOf(slot, this.#facts, this.#state));
    this.#set(slot, next);
    for (const effect of effects) this.#relay(slot, effect, before);
  }

  #relay(slot: Slot, effect: Effect, before: State): void {
    switch (effect.type) {
      case "established": {
        const { negotiated } = effect;
        this.#state = { ...this.#state, failedDials: 0 };
        this.#effects.push({ type: "sessionEstablished", slot, negotiated });
        this.#effects.push({ type: "setPeerTimer", timer: "stable", afterSeconds: idleHoldSeconds.forgottenAfter });
        break;
      }
      case "ended":
        this.#ended(slot, effect.ending, before);
        break;
      default:
        this.#effects.push({ type: "connection", slot, effect });
    }
  }

  #ended(slot: Slot, ending: Ending, before: State): void {
    this.#effects.push({ type: "connectionEnded", slot, ending });
    if (before.name === "connect") this.#state = { ...this.#state, failedDials: this.#state.failedDials + 1 };
    if (before.name === "established") {
      this.#effects.push({ type: "cancelPeerTimer", timer: "stable" });
      this.#effects.push({ type: "sessionLost", ending, negotiated: before.negotiated });
    }
    if (this.#state.successor !== undefined) {
      const { successor: _, ...state } = this.#state;
      this.#state = state;
    }
    if (this.#state.phase === "running" && ending.cause !== "collision") this.#rest(slot, ending);
  }

  /** Nothing is under way any more, or the peer and we do not agree: a rest, longer each time. */
  #rest(slot: Slot, ending: Ending): void {
    const isError = ending.cause === "sent" || ending.cause === "received";
    const { machines } = this.#state;
    const other = machines[otherOf(slot)];
    if (isOpen(other) || (!isError && (other.name !== "idle" || machines[slot].name !== "idle"))) return;
    const seconds = this.#state.idleHoldSeconds;
    const idleHold = Math.min(seconds * 2, idleHoldSeconds.longest);
    this.#state = { ...this.#state, phase: "holding", isRefusing: isRepeated(ending), idleHoldSeconds: idleHold };
    this.#stopDialling(otherOf(slot));
    this.#effects.push({ type: "setPeerTimer", timer: "idleHold", afterSeconds: seconds });
  }
}

const lost: Event = { type: "collisionLost" };

/**
 * Whether the peer would do the same again at once: it breaks the protocol, or tells too many prefixes. One that has fallen
 * silent, or that has itself ended the session, is welcome; if both ends refused, they might never meet.
 */
function isRepeated({ cause, notification }: Ending): boolean {
  if (cause !== "sent" || !notification) return false;
  const { code, subcode } = reasonOf(notification);
  return repeated.has(code) || (code === ErrorCode.cease && subcode === CeaseReason.maximumPrefixes);
}

const repeated: ReadonlySet<number> = new Set([
  ErrorCode.messageHeader,
  ErrorCode.openMessage,
  ErrorCode.updateMessage,
  ErrorCode.finiteStateMachine,
]);
