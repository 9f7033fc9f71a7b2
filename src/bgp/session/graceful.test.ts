import assert from "node:assert/strict";
import { test } from "node:test";
import { openMessage, peerFacts, sessionConfig } from "../../testing/bgp-samples.ts";
import { notification } from "../message/errors.ts";
import { CeaseReason, ErrorCode } from "../message/iana.ts";
import { cease } from "../message/notification-text.ts";
import { droppedAtReturn, isRetiredByPeer, keptAfterLoss } from "./graceful.ts";
import { type GracefulRestart, judgeOpen, type Negotiated } from "./negotiate.ts";
import type { Ending } from "./types.ts";

const facts = { ...peerFacts({ session: sessionConfig({ restartTimeSeconds: 120 }) }), dials: true, redialSeconds: 1 };

function negotiated(graceful?: Partial<GracefulRestart>): Negotiated {
  const families = [
    { family: 4, isForwarding: true },
    { family: 6, isForwarding: false },
  ] as const;
  const capability: GracefulRestart = {
    kind: "gracefulRestart",
    isRestarting: true,
    notification: false,
    restartTimeSeconds: 60,
    families,
    ...graceful,
  };
  const plain = openMessage().capabilities;
  const judged = judgeOpen(openMessage({ capabilities: graceful ? [...plain, capability] : plain }), facts);
  assert.ok(judged.isAccepted);
  return judged.negotiated;
}

const reset: Ending = { cause: "tcp", why: "reset" };
const told: Ending = { cause: "received", notification: cease(CeaseReason.administrativeShutdown), why: "bye" };
const hard: Ending = { cause: "received", notification: cease(CeaseReason.hardReset), why: "hard" };
const stopped: Ending = { cause: "stopped", why: "removed" };

test("only the peer's own word that we are configured no longer retires a session", () => {
  const deconfigured = cease(CeaseReason.peerDeconfigured);
  assert.ok(isRetiredByPeer({ cause: "received", notification: deconfigured, why: "gone" }));
  assert.ok(!isRetiredByPeer({ cause: "sent", notification: deconfigured, why: "gone" }));
  for (const other of [reset, told, hard, stopped]) assert.ok(!isRetiredByPeer(other), other.why);
});

test("a loss of TCP keeps the families that the peer named, without graceful restart nothing", () => {
  assert.deepEqual(keptAfterLoss(reset, negotiated({})), [4, 6]);
  assert.deepEqual(keptAfterLoss(reset, negotiated({ families: [] })), []);
  assert.deepEqual(keptAfterLoss(reset, negotiated()), []);
});

test("RFC 8538: a NOTIFICATION keeps routes where the peer has the N bit, a hard reset and our own stop never", () => {
  assert.deepEqual(keptAfterLoss(told, negotiated({ notification: true })), [4, 6]);
  assert.deepEqual(keptAfterLoss(told, negotiated({ notification: false })), []);
  for (const ending of [hard, stopped]) assert.deepEqual(keptAfterLoss(ending, negotiated({ notification: true })), []);
});

test("silence for the hold time keeps nothing, whoever says so", () => {
  for (const code of [ErrorCode.holdTimerExpired, ErrorCode.sendHoldTimerExpired]) {
    for (const cause of ["sent", "received"] as const) {
      const ending: Ending = { cause, notification: notification(code, 0), why: "silence" };
      assert.deepEqual(keptAfterLoss(ending, negotiated({ notification: true })), []);
    }
  }
});

test("a peer that is back without its forwarding, or without the family, loses its stale routes at once", () => {
  assert.deepEqual(droppedAtReturn([4, 6], negotiated({})), [6]);
  assert.deepEqual(droppedAtReturn([4, 6], negotiated()), [4, 6]);
  assert.deepEqual(droppedAtReturn([], negotiated({})), []);
});
