import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openMessage, peerFacts, sessionConfig } from "../../testing/bgp-samples.ts";
import { notification } from "../message/errors.ts";
import { CeaseReason } from "../message/iana.ts";
import { cease } from "../message/notification-text.ts";
import { idle, step } from "./machine.ts";
import { judgeOpen, type LocalFacts, openOf } from "./negotiate.ts";
import type { Effect, Event, State, TimerName } from "./types.ts";

const facts: LocalFacts = { ...peerFacts(), dials: true, redialSeconds: 0.25 };
const passive: LocalFacts = {
  ...peerFacts({ session: sessionConfig({ passive: true }) }),
  dials: false,
  redialSeconds: 0.25,
};

const judgement = judgeOpen(openMessage(), facts);
assert.ok(judgement.isAccepted);
const { negotiated } = judgement;

const states = {
  Idle: idle,
  Connect: { name: "connect" },
  Active: { name: "active" },
  OpenSent: { name: "openSent", initiator: "local" },
  OpenConfirm: { name: "openConfirm", initiator: "local", negotiated },
  Established: { name: "established", initiator: "local", negotiated },
} satisfies Record<string, State>;
type StateName = keyof typeof states;

const shutdown = cease(CeaseReason.administrativeShutdown, "bye");
const expired = (timer: TimerName): Event => ({ type: "timerExpired", timer });
const events = {
  "1 ManualStart": { type: "started" },
  "2 ManualStop": { type: "stopped", cease: shutdown, why: "stopped" },
  "9 ConnectRetryTimer_Expires": expired("connectRetry"),
  "10 HoldTimer_Expires": expired("hold"),
  "11 KeepaliveTimer_Expires": expired("keepalive"),
  "16 Tcp_CR_Acked": { type: "tcpConnectionAcknowledged" },
  "17 TcpConnectionConfirmed": { type: "tcpConnectionConfirmed" },
  "18 TcpConnectionFails": { type: "tcpConnectionFailed", why: "reset" },
  "19 BGPOpen": { type: "openReceived", open: openMessage() },
  "21 BGPHeaderErr": { type: "malformedReceived", answer: notification(1, 2), why: "bad length" },
  "22 BGPOpenMsgErr": { type: "openReceived", open: openMessage({ asn: 65001 }) },
  "23 OpenCollisionDump": { type: "collisionLost" },
  "24 NotifMsgVerErr": { type: "notificationReceived", notification: notification(2, 1) },
  "25 NotifMsg": { type: "notificationReceived", notification: notification(6, 4) },
  "26 KeepAliveMsg": { type: "keepaliveReceived" },
  "27 UpdateMsg": { type: "updateReceived" },
  "28 UpdateMsgErr": { type: "malformedReceived", answer: notification(3, 1), why: "bad list" },
  "SendHoldTimer_Expires (RFC 9687)": expired("sendHold"),
} satisfies Record<string, Event>;
type EventName = keyof typeof events;

/** `drop`: every timer is stopped, the connection is closed, the ending is told. */
function briefly(effects: readonly Effect[]): string {
  const words = effects.map((effect): string => {
    switch (effect.type) {
      case "send": {
        const { message } = effect;
        return message.type === "notification" ? `${message.code}/${message.subcode}` : message.type;
      }
      case "setTimer":
        return `${effect.timer}=${effect.afterSeconds}`;
      case "cancelTimer":
        return `${effect.timer}=0`;
      case "ended":
        return `ended:${effect.ending.cause}`;
      default:
        return effect.type;
    }
  });
  return words.join(" ").replace("connectRetry=0 hold=0 keepalive=0 sendHold=0 close ended:", "drop:");
}

/** RFC 4271 section 8.2.2, a row for each event: state → next state and what is done. `-`: nothing. */
const table: Record<EventName, Record<StateName, string>> = {
  "1 ManualStart": {
    Idle: "connect connectRetry=5 dial",
    Connect: "-",
    Active: "-",
    OpenSent: "-",
    OpenConfirm: "-",
    Established: "-",
  },
  "2 ManualStop": {
    Idle: "-",
    Connect: "idle drop:stopped",
    Active: "idle drop:stopped",
    OpenSent: "idle 6/2 drop:stopped",
    OpenConfirm: "idle 6/2 drop:stopped",
    Established: "idle 6/2 drop:stopped",
  },
  "9 ConnectRetryTimer_Expires": {
    Idle: "-",
    Connect: "connect close connectRetry=5 dial",
    Active: "connect connectRetry=5 dial",
    OpenSent: "idle 5/1 drop:sent",
    OpenConfirm: "idle 5/2 drop:sent",
    Established: "idle 5/3 drop:sent",
  },
  "10 HoldTimer_Expires": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle 4/0 drop:sent",
    OpenConfirm: "idle 4/0 drop:sent",
    Established: "idle 4/0 drop:sent",
  },
  "11 KeepaliveTimer_Expires": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle 5/1 drop:sent",
    OpenConfirm: "openConfirm keepalive keepalive=10",
    Established: "established keepalive keepalive=10",
  },
  "16 Tcp_CR_Acked": {
    Idle: "-",
    Connect: "openSent connectRetry=0 open hold=240",
    Active: "openSent connectRetry=0 open hold=240",
    OpenSent: "-",
    OpenConfirm: "-",
    Established: "-",
  },
  "17 TcpConnectionConfirmed": {
    Idle: "-",
    Connect: "openSent connectRetry=0 open hold=240",
    Active: "openSent connectRetry=0 open hold=240",
    OpenSent: "-",
    OpenConfirm: "-",
    Established: "-",
  },
  "18 TcpConnectionFails": {
    Idle: "-",
    Connect: "active close connectRetry=0.25 ended:tcp",
    Active: "idle drop:tcp",
    OpenSent: "active hold=0 sendHold=0 close connectRetry=5 ended:tcp",
    OpenConfirm: "idle drop:tcp",
    Established: "idle drop:tcp",
  },
  "19 BGPOpen": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "openConfirm keepalive keepalive=10 hold=30",
    OpenConfirm: "idle 5/2 drop:sent",
    Established: "idle 5/3 drop:sent",
  },
  "21 BGPHeaderErr": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle 1/2 drop:sent",
    OpenConfirm: "idle 1/2 drop:sent",
    Established: "idle 1/2 drop:sent",
  },
  "22 BGPOpenMsgErr": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle 2/2 drop:sent",
    OpenConfirm: "idle 5/2 drop:sent",
    Established: "idle 5/3 drop:sent",
  },
  "23 OpenCollisionDump": {
    Idle: "-",
    Connect: "idle drop:collision",
    Active: "idle drop:collision",
    OpenSent: "idle 6/7 drop:collision",
    OpenConfirm: "idle 6/7 drop:collision",
    Established: "idle 6/7 drop:collision",
  },
  "24 NotifMsgVerErr": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle drop:received",
    OpenConfirm: "idle drop:received",
    Established: "idle drop:received",
  },
  "25 NotifMsg": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle drop:received",
    OpenConfirm: "idle drop:received",
    Established: "idle drop:received",
  },
  "26 KeepAliveMsg": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle 5/1 drop:sent",
    OpenConfirm: "established hold=30 established",
    Established: "established hold=30",
  },
  "27 UpdateMsg": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle 5/1 drop:sent",
    OpenConfirm: "idle 5/2 drop:sent",
    Established: "established hold=30",
  },
  "28 UpdateMsgErr": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle 3/1 drop:sent",
    OpenConfirm: "idle 3/1 drop:sent",
    Established: "idle 3/1 drop:sent",
  },
  "SendHoldTimer_Expires (RFC 9687)": {
    Idle: "-",
    Connect: "idle drop:tcp",
    Active: "idle drop:tcp",
    OpenSent: "idle 8/0 drop:sent",
    OpenConfirm: "idle 8/0 drop:sent",
    Established: "idle 8/0 drop:sent",
  },
};

for (const [event, row] of Object.entries(table) as [EventName, Record<StateName, string>][]) {
  test(`event ${event}`, () => {
    for (const [state, expected] of Object.entries(row) as [StateName, string][]) {
      const { next, effects } = step(states[state], events[event], facts);
      const told = next === states[state] && effects.length === 0 ? "-" : `${next.name} ${briefly(effects)}`.trim();
      assert.equal(told, expected, `${event} in ${state}`);
    }
  });
}

test("a passive machine waits and never dials", () => {
  assert.deepEqual(step(idle, events["1 ManualStart"], passive), { next: { name: "active" }, effects: [] });
  const { next, effects } = step(states.OpenSent, events["18 TcpConnectionFails"], passive);
  assert.equal(`${next.name} ${briefly(effects)}`, "idle drop:tcp");
});

test("a hold time of 0 stops both timers", () => {
  const still = { ...facts, session: sessionConfig({ holdTimeSeconds: 0 }) };
  const { effects } = step(states.OpenSent, events["19 BGPOpen"], still);
  assert.equal(briefly(effects), "keepalive keepalive=0 hold=0");
});

test("a stop without a Cease says nothing", () => {
  const { effects } = step(states.Established, { type: "stopped", why: "restarting" }, facts);
  assert.equal(briefly(effects), "drop:stopped");
});

test("our OPEN is what the session is configured to", () => {
  const open = step(states.Connect, events["16 Tcp_CR_Acked"], facts).effects.find(({ type }) => type === "send");
  assert.deepEqual(open, { type: "send", message: openOf(facts) });
});

test("no history sends after a close, leaves a timer in Idle, or is Established without OPEN and KEEPALIVE", () => {
  const names = Object.keys(events) as EventName[];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...names), { maxLength: 40 }), fc.boolean(), (history, dials) => {
      let state: State = idle;
      let isOpen = false;
      const running = new Set<TimerName>();
      const heard = new Set<string>();
      for (const name of history) {
        const event: Event = events[name];
        if (event.type === "timerExpired") running.delete(event.timer);
        if (event.type.startsWith("tcp") && (state.name === "connect" || state.name === "active")) {
          isOpen = event.type !== "tcpConnectionFailed";
          heard.clear();
        }
        heard.add(event.type);
        const { next, effects } = step(state, event, { ...facts, dials });
        for (const effect of effects) {
          if (effect.type === "send") assert.ok(isOpen, `${name} in ${state.name} sends on a closed connection`);
          if (effect.type === "dial") assert.ok(dials);
          if (effect.type === "close") isOpen = false;
          if (effect.type === "setTimer") running.add(effect.timer);
          if (effect.type === "cancelTimer") running.delete(effect.timer);
          if (effect.type === "established") assert.ok(heard.has("openReceived") && heard.has("keepaliveReceived"));
        }
        if (next.name === "idle") assert.deepEqual([...running], []);
        if (next.name === "idle" || next.name === "active") assert.ok(!isOpen);
        state = next;
      }
    }),
    { numRuns: 2000 },
  );
});
