import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PeerPair, type SimulatedPeer } from "../../testing/bgp-peers.ts";
import { openMessage, peerFacts, routerIdOf, sessionConfig } from "../../testing/bgp-samples.ts";
import type { SessionConfig } from "../config.ts";
import { CeaseReason } from "../message/iana.ts";
import { cease } from "../message/notification-text.ts";
import {
  furthestOf,
  idleHoldSeconds,
  newPeer,
  type PeerEffect,
  type PeerEvent,
  type PeerFacts,
  type PeerState,
  type Slot,
  slotForIncoming,
  stepPeer,
} from "./peer.ts";
import type { Event } from "./types.ts";

const facts = peerFacts();
const higher = openMessage();
const lower = openMessage({ routerId: routerIdOf("9.0.0.1") });

/** Tells a peer one event after the other; gives the state and the effects of the last. */
function told(
  events: readonly PeerEvent[],
  local: PeerFacts = facts,
): { state: PeerState; effects: readonly PeerEffect[] } {
  let state = newPeer;
  let effects: readonly PeerEffect[] = [];
  for (const event of events) ({ next: state, effects } = stepPeer(state, event, local));
  return { state, effects };
}

const on = (slot: Slot, event: Event): PeerEvent => ({ type: "connection", slot, event });
const started: PeerEvent = { type: "started" };
const dialled = on(0, { type: "tcpConnectionAcknowledged" });
const taken = on(1, { type: "tcpConnectionConfirmed" });
const keepalive = (slot: Slot): PeerEvent => on(slot, { type: "keepaliveReceived" });
const open = (slot: Slot, message = higher): PeerEvent => on(slot, { type: "openReceived", open: message });
const reset = (slot: Slot): PeerEvent => on(slot, { type: "tcpConnectionFailed", why: "reset" });

const names = ({ machines }: PeerState): string[] => machines.map(({ name }) => name);

/** The NOTIFICATIONs among effects, with the slot that sends them. */
const notifications = (effects: readonly PeerEffect[]): string[] =>
  effects.flatMap((effect) => {
    if (effect.type !== "connection" || effect.effect.type !== "send") return [];
    const { message } = effect.effect;
    return message.type === "notification" ? [`${effect.slot}: ${message.code}/${message.subcode}`] : [];
  });

const rests = (effects: readonly PeerEffect[]): number[] =>
  effects.flatMap((effect) =>
    effect.type === "setPeerTimer" && effect.timer === "idleHold" ? [effect.afterSeconds] : [],
  );

const lost = (effects: readonly PeerEffect[]): string[] =>
  effects.flatMap((effect) => (effect.type === "sessionLost" ? [effect.ending.cause] : []));

test("of two connections in OpenConfirm that of the higher router id stays, whichever OPEN came first", () => {
  for (const [message, kept] of [
    [higher, 1],
    [lower, 0],
  ] as const) {
    for (const first of [0, 1] as const) {
      const second = first === 0 ? 1 : 0;
      const { state, effects } = told([started, dialled, taken, open(first, message), open(second, message)]);
      assert.equal(state.machines[kept].name, "openConfirm");
      assert.equal(state.machines[kept === 0 ? 1 : 0].name, "idle");
      assert.deepEqual(notifications(effects), [`${kept === 0 ? 1 : 0}: 6/7`]);
      assert.deepEqual(rests(effects), []);
    }
  }
});

test("RFC 6286: equal router ids let the higher AS decide", () => {
  const session = (asn: number): SessionConfig => sessionConfig({ peer: { ...sessionConfig().peer, asn } });
  for (const [asn, kept] of [
    [65000, 1],
    [64000, 0],
  ] as const) {
    const same = openMessage({ asn, routerId: facts.routerId });
    const { state } = told([started, dialled, taken, open(0, same), open(1, same)], {
      ...facts,
      session: session(asn),
    });
    assert.equal(state.machines[kept].name, "openConfirm");
  }
});

test("an Established session stays when the peer opens another connection", () => {
  const { state, effects } = told([started, dialled, open(0), keepalive(0), taken, open(1)]);
  assert.deepEqual(names(state), ["established", "idle"]);
  assert.deepEqual(notifications(effects), ["1: 6/7"]);
});

const graceful = openMessage({
  capabilities: [
    { kind: "multiprotocol", family: 4 },
    { kind: "gracefulRestart", isRestarting: false, notification: true, restartTimeSeconds: 120, families: [] },
  ],
});
const gracefulFacts = { ...facts, session: sessionConfig({ restartTimeSeconds: 120 }) };

test("RFC 4724: another connection of a peer that restarts gracefully takes over, without a NOTIFICATION", () => {
  const { state, effects } = told(
    [started, dialled, open(0, graceful), keepalive(0), taken, open(1, graceful)],
    gracefulFacts,
  );
  assert.deepEqual(names(state), ["idle", "openConfirm"]);
  assert.deepEqual(notifications(effects), []);
  assert.deepEqual(lost(effects), ["tcp"]);
});

test("RFC 4724: a connection that was there before the session was Established is a collision, not a restart", () => {
  const { state } = told([started, dialled, taken, open(0, graceful), keepalive(0), open(1, graceful)], gracefulFacts);
  assert.deepEqual(names(state), ["established", "idle"]);
});

test("an OPEN that is refused does not end the other connection", () => {
  const { state } = told([started, dialled, open(0), keepalive(0), taken, open(1, openMessage({ asn: 1 }))]);
  assert.deepEqual(names(state), ["established", "idle"]);
});

test("a session that dials takes the peer's connection while it waits to dial again", () => {
  const { state } = told([started, reset(0)]);
  assert.equal(slotForIncoming(state), 0);
  assert.equal(slotForIncoming(told([started]).state), 1);
  assert.equal(slotForIncoming(newPeer), undefined);
});

test("a dial that failed is tried again soon, later each time, until a session was there", () => {
  const redial = on(0, { type: "timerExpired", timer: "connectRetry" });
  const waits = (events: readonly PeerEvent[]): number[] =>
    told(events).effects.flatMap((effect) =>
      effect.type === "connection" && effect.effect.type === "setTimer" ? [effect.effect.afterSeconds] : [],
    );
  const events: PeerEvent[] = [started];
  const seen = Array.from({ length: 6 }, () => {
    const after = waits([...events, reset(0)]);
    events.push(reset(0), redial);
    return after;
  });
  assert.deepEqual(seen.flat(), [0.25, 0.5, 1, 2, 4, 5]);
  const established = [...events, dialled, open(0), keepalive(0)];
  const lostAgain: PeerEvent[] = [...established, reset(0), { type: "idleHoldTimerExpired" }, reset(0)];
  assert.deepEqual(waits(lostAgain), [0.25]);
});

test("connections on which the peer says nothing do not keep it out", () => {
  const passive = peerFacts({ session: sessionConfig({ passive: true }) });
  const { state } = told([started, on(0, { type: "tcpConnectionConfirmed" }), taken], passive);
  assert.deepEqual(names(state), ["openSent", "openSent"]);
  const slot = slotForIncoming(state);
  assert.equal(slot, 0);
  const replaced = stepPeer(state, on(0, { type: "collisionLost" }), passive);
  assert.deepEqual(notifications(replaced.effects), ["0: 6/7"]);
  const { next } = stepPeer(replaced.next, on(0, { type: "tcpConnectionConfirmed" }), passive);
  assert.deepEqual([next.phase, ...names(next)], ["running", "openSent", "openSent"]);
});

test("errors of the protocol rest longer each time, up to the longest, and refuse the peer meanwhile", () => {
  const failing = [on(0, { type: "tcpConnectionAcknowledged" }), open(0, openMessage({ asn: 1 }))];
  const again: PeerEvent = { type: "idleHoldTimerExpired" };
  const seen: number[] = [];
  const events: PeerEvent[] = [started];
  for (let round = 0; round < 8; round++) {
    events.push(...failing);
    const { state, effects } = told(events);
    seen.push(...rests(effects));
    assert.equal(slotForIncoming(state), undefined);
    assert.equal(state.phase, "holding");
    events.push(again);
  }
  assert.deepEqual(seen, [1, 2, 4, 8, 16, 32, 60, 60]);
  assert.equal(told([...events, { type: "stableTimerExpired" }]).state.idleHoldSeconds, idleHoldSeconds.first);
});

test("a peer that ends the session, or falls silent, may come back at once", () => {
  for (const ending of [
    on(0, { type: "notificationReceived", notification: cease(CeaseReason.administrativeReset) }),
    on(0, { type: "timerExpired", timer: "hold" }),
  ]) {
    const { state, effects } = told([started, dialled, open(0), keepalive(0), ending]);
    assert.deepEqual([state.phase, slotForIncoming(state), ...rests(effects)], ["holding", 0, 1]);
  }
});

test("an error on the peer's connection ends our dialling too", () => {
  const { state, effects } = told([started, taken, open(1, openMessage({ asn: 1 }))]);
  assert.deepEqual([state.phase, ...names(state)], ["holding", "idle", "idle"]);
  assert.deepEqual(rests(effects), [1]);
});

test("after a loss of TCP the peer may come back at once", () => {
  const { state, effects } = told([started, dialled, open(0), keepalive(0), reset(0)]);
  assert.equal(state.phase, "holding");
  assert.deepEqual(lost(effects), ["tcp"]);
  const slot = slotForIncoming(state);
  assert.equal(slot, 0);
  const back = stepPeer(state, on(0, { type: "tcpConnectionConfirmed" }), facts);
  assert.equal(furthestOf(back.next).name, "openSent");
  assert.equal(back.next.phase, "running");
});

test("a stop tells both connections and forgets what was", () => {
  const { state, effects } = told([
    started,
    dialled,
    taken,
    { type: "stopped", cease: cease(CeaseReason.peerDeconfigured), why: "gone" },
  ]);
  assert.deepEqual(state, newPeer);
  assert.deepEqual(notifications(effects), ["0: 6/3", "1: 6/3"]);
});

const restartable = (routerId: string, passive: boolean): PeerFacts => ({
  ...peerFacts({ routerId: routerIdOf(routerId) }),
  session: sessionConfig({ restartTimeSeconds: 120, passive, holdTimeSeconds: 9 }),
});

/** Timers, connections and machines of a peer fit each other. */
function assertSound(peer: SimulatedPeer): void {
  for (const slot of [0, 1] as const) {
    const { name } = peer.state.machines[slot];
    if (name === "idle" || name === "active") assert.equal(peer.lines[slot], undefined, `${name} holds a connection`);
    if (name === "idle") assert.ok(![...peer.timers.keys()].some((timer) => timer.startsWith(`${slot} `)));
  }
  assert.ok(peer.established.length < 2);
}

test("two peers find one session, whatever delays and cuts come between, and keep it when they stop", () => {
  fc.assert(
    fc.property(
      fc.infiniteStream(fc.nat(2000)),
      fc.array(fc.tuple(fc.nat(60_000), fc.nat(9)), { maxLength: 12 }),
      fc.constantFrom("neither", "first", "second"),
      fc.boolean(),
      (delays, cuts, passive, firstIsHigher) => {
        const ids = firstIsHigher ? ["10.0.0.9", "10.0.0.2"] : ["10.0.0.2", "10.0.0.9"];
        const pair = new PeerPair(
          [restartable(ids[0]!, passive === "first"), restartable(ids[1]!, passive === "second")],
          () => delays.next().value as number,
        );
        pair.schedule(0, () => pair.tell(pair.first, started));
        pair.schedule(delays.next().value as number, () => pair.tell(pair.second, started));
        for (const [at, which] of cuts) {
          pair.schedule(at, () => {
            const line = pair.lines.at(-1 - which);
            if (line) pair.cut(line);
          });
        }
        for (let at = 0; at < 300_000; at += 1000) {
          pair.runUntil(at);
          assertSound(pair.first);
          assertSound(pair.second);
        }
        const before = [pair.first, pair.second].map(({ effects }) => effects.length);
        for (const [index, peer] of [pair.first, pair.second].entries()) {
          const [slot] = peer.established;
          assert.ok(slot !== undefined, `peer ${index} is ${names(peer.state)}`);
        }
        const [a] = pair.first.established;
        const [b] = pair.second.established;
        assert.equal(pair.first.lines[a!], pair.second.lines[b!], "both mean the same connection");
        pair.runUntil(400_000);
        for (const [index, peer] of [pair.first, pair.second].entries()) {
          const news = peer.effects.slice(before[index]).map(({ type }) => type);
          assert.ok(!news.includes("sessionLost"), `peer ${index} lost a session that nobody cut`);
        }
      },
    ),
    { numRuns: 200 },
  );
});
