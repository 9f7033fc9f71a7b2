/**
 * The state machine of one connection (RFC 4271 section 8.2.2): pure, total, without clock and without chance. Each row of
 * the RFC is one line here; where we differ, the line says why.
 */

import { notification } from "../message/errors.ts";
import { CeaseReason, ErrorCode, MachineError } from "../message/iana.ts";
import { cease, describeNotification } from "../message/notification-text.ts";
import type { Notification } from "../message/types.ts";
import { hardened } from "./graceful.ts";
import { judgeOpen, type LocalFacts, openOf } from "./negotiate.ts";
import type { Effect, Ending, Event, Initiator, State, Step, TimerName } from "./types.ts";

/** RFC 4271 section 8.2.2: "a large value", suggested are 4 minutes. */
const OPEN_HOLD_SECONDS = 240;

const timers: readonly TimerName[] = ["connectRetry", "hold", "keepalive", "sendHold"];

export const idle: State = { name: "idle" };

const stay = (next: State, ...effects: readonly Effect[]): Step => ({ next, effects });
const send = (message: Extract<Effect, { type: "send" }>["message"]): Effect => ({ type: "send", message });
const setTimer = (timer: TimerName, afterSeconds: number): Effect => ({ type: "setTimer", timer, afterSeconds });
/** A time of 0 is none. */
const timerOf = (timer: TimerName, seconds: number): Effect =>
  seconds === 0 ? { type: "cancelTimer", timer } : setTimer(timer, seconds);
const keepalive = send({ type: "keepalive" });

/** To Idle: every timer is stopped, the connection is dropped, and the ending is told. */
const end = (ending: Ending, ...before: readonly Effect[]): Step => ({
  next: idle,
  effects: [
    ...before,
    ...timers.map((timer): Effect => ({ type: "cancelTimer", timer })),
    { type: "close" },
    { type: "ended", ending },
  ],
});

const endTelling = (message: Notification, why = describeNotification(message)): Step =>
  end({ cause: "sent", notification: message, why }, send(message));

export function step(state: State, event: Event, facts: LocalFacts): Step {
  switch (state.name) {
    case "idle":
      return event.type === "started" ? start(facts) : stay(state);
    case "connect":
      return inConnect(state, event, facts);
    case "active":
      return inActive(state, event, facts);
    case "openSent":
      return inOpenSent(state, event, facts);
    case "openConfirm":
      return inOpenConfirm(state, event);
    case "established":
      return inEstablished(state, event);
  }
}

/** A passive machine has no ConnectRetryTimer: what it would do, to dial, is forbidden. */
function start({ session, dials }: LocalFacts): Step {
  if (!dials) return stay({ name: "active" });
  return stay({ name: "connect" }, setTimer("connectRetry", session.connectRetrySeconds), { type: "dial" });
}

function opened(facts: LocalFacts, initiator: Initiator): Step {
  return stay(
    { name: "openSent", initiator },
    { type: "cancelTimer", timer: "connectRetry" },
    send(openOf(facts)),
    setTimer("hold", OPEN_HOLD_SECONDS),
  );
}

function inConnect(state: State, event: Event, facts: LocalFacts): Step {
  const retry = setTimer("connectRetry", facts.session.connectRetrySeconds);
  switch (event.type) {
    case "started":
      return stay(state);
    case "timerExpired":
      if (event.timer === "connectRetry") return stay(state, { type: "close" }, retry, { type: "dial" });
      return unexpectedEarly(event);
    case "tcpConnectionAcknowledged":
      return opened(facts, "local");
    case "tcpConnectionConfirmed":
      return opened(facts, "peer");
    case "tcpConnectionFailed":
      // The RFC goes to Idle unless DelayOpen is used. Idle would refuse the peer that dials us, so that two speakers that
      // start together might miss each other: Active it is, as with DelayOpen.
      return stay({ name: "active" }, { type: "close" }, setTimer("connectRetry", facts.redialSeconds), {
        type: "ended",
        ending: tcpEnding(event.why),
      });
    default:
      return unexpectedEarly(event);
  }
}

function inActive(state: State, event: Event, facts: LocalFacts): Step {
  switch (event.type) {
    case "started":
      return stay(state);
    case "timerExpired":
      if (event.timer === "connectRetry") return start(facts);
      return unexpectedEarly(event);
    case "tcpConnectionAcknowledged":
      return opened(facts, "local");
    case "tcpConnectionConfirmed":
      return opened(facts, "peer");
    default:
      return unexpectedEarly(event);
  }
}

/** Connect and Active: to Idle without a word, since nothing was said yet. */
function unexpectedEarly(event: Event): Step {
  switch (event.type) {
    case "stopped":
      return end({ cause: "stopped", why: event.why });
    case "collisionLost":
      return end({ cause: "collision", why: "another connection to the peer is used" });
    case "tcpConnectionFailed":
      return end(tcpEnding(event.why));
    default:
      return end({ cause: "tcp", why: `${event.type} before there was a connection` });
  }
}

const tcpEnding = (why: string): Ending => ({ cause: "tcp", why });

function inOpenSent(state: Extract<State, { name: "openSent" }>, event: Event, facts: LocalFacts): Step {
  switch (event.type) {
    case "tcpConnectionFailed":
      if (!facts.dials) return end(tcpEnding(event.why));
      return stay(
        { name: "active" },
        { type: "cancelTimer", timer: "hold" },
        { type: "cancelTimer", timer: "sendHold" },
        { type: "close" },
        setTimer("connectRetry", facts.session.connectRetrySeconds),
        { type: "ended", ending: tcpEnding(event.why) },
      );
    case "openReceived": {
      const judgement = judgeOpen(event.open, facts);
      if (!judgement.isAccepted) return endTelling(judgement.answer, judgement.why);
      const { negotiated } = judgement;
      return stay(
        { name: "openConfirm", initiator: state.initiator, negotiated },
        keepalive,
        timerOf("keepalive", negotiated.keepaliveSeconds),
        timerOf("hold", negotiated.holdTimeSeconds),
      );
    }
    default:
      return onceOpened(state, event, MachineError.openSent);
  }
}

function inOpenConfirm(state: Extract<State, { name: "openConfirm" }>, event: Event): Step {
  const { negotiated, initiator } = state;
  switch (event.type) {
    case "keepaliveReceived":
      return stay({ name: "established", initiator, negotiated }, timerOf("hold", negotiated.holdTimeSeconds), {
        type: "established",
        negotiated,
      });
    case "timerExpired":
      if (event.timer === "keepalive")
        return stay(state, keepalive, setTimer("keepalive", negotiated.keepaliveSeconds));
      return onceOpened(state, event, MachineError.openConfirm);
    default:
      return onceOpened(state, event, MachineError.openConfirm);
  }
}

function inEstablished(state: Extract<State, { name: "established" }>, event: Event): Step {
  const { keepaliveSeconds, holdTimeSeconds } = state.negotiated;
  switch (event.type) {
    case "keepaliveReceived":
    case "updateReceived":
      return stay(state, timerOf("hold", holdTimeSeconds));
    case "timerExpired":
      if (event.timer === "keepalive") return stay(state, keepalive, setTimer("keepalive", keepaliveSeconds));
      return onceOpened(state, event, MachineError.established);
    case "stopped":
      return onceOpened(
        state,
        event.cease ? { ...event, cease: hardened(event.cease, state.negotiated) } : event,
        MachineError.established,
      );
    case "malformedReceived":
      return onceOpened(
        state,
        { ...event, answer: hardened(event.answer, state.negotiated) },
        MachineError.established,
      );
    default:
      return onceOpened(state, event, MachineError.established);
  }
}

/** The rows that OpenSent, OpenConfirm and Established share; what has no row is a machine error (RFC 6608). */
function onceOpened(state: State, event: Event, subcode: number): Step {
  switch (event.type) {
    case "started":
    // Of another connection: the peer machine's business (section 6.8).
    case "tcpConnectionAcknowledged":
    case "tcpConnectionConfirmed":
      return stay(state);
    case "stopped": {
      const { why } = event;
      if (!event.cease) return end({ cause: "stopped", why });
      return end({ cause: "stopped", notification: event.cease, why }, send(event.cease));
    }
    case "collisionLost":
      return end(
        { cause: "collision", why: "another connection to the peer is used" },
        send(cease(CeaseReason.collisionResolution)),
      );
    case "tcpConnectionFailed":
      return end(tcpEnding(event.why));
    case "malformedReceived":
      return endTelling(event.answer, event.why);
    // Also in OpenSent, where the RFC answers with another one: a NOTIFICATION is not answered.
    case "notificationReceived": {
      const why = describeNotification(event.notification);
      return end({ cause: "received", notification: event.notification, why });
    }
    case "timerExpired":
      if (event.timer === "hold") return endTelling(notification(ErrorCode.holdTimerExpired, 0));
      if (event.timer === "sendHold") return endTelling(notification(ErrorCode.sendHoldTimerExpired, 0));
      return endTelling(notification(ErrorCode.finiteStateMachine, subcode));
    case "openReceived":
    case "keepaliveReceived":
    case "updateReceived":
      return endTelling(notification(ErrorCode.finiteStateMachine, subcode));
  }
}
