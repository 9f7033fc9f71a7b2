import assert from "node:assert/strict";
import { test } from "node:test";
import { openMessage, peerFacts, routerIdOf, sessionConfig } from "../../testing/bgp-samples.ts";
import type { Open } from "../message/types.ts";
import { judgeOpen, type LocalFacts, type Negotiated, openOf } from "./negotiate.ts";

const facts: LocalFacts = { ...peerFacts(), dials: true, redialSeconds: 0.25 };

function refusal(changes: Partial<Open>): string {
  const judged = judgeOpen(openMessage(changes), facts);
  assert.ok(!judged.isAccepted);
  return `${judged.answer.code}/${judged.answer.subcode} [${judged.answer.data}] ${judged.why}`;
}

function agreed(changes: Partial<Open>, local: LocalFacts = facts): Negotiated {
  const judged = judgeOpen(openMessage(changes), local);
  assert.ok(judged.isAccepted, JSON.stringify(judged));
  return judged.negotiated;
}

test("an OPEN that is not acceptable is answered as RFC 4271 section 6.2 says", () => {
  assert.equal(refusal({ version: 3 }), "2/1 [0,4] the peer speaks BGP version 3, not 4");
  assert.equal(refusal({ asn: 65001 }), "2/2 [] the peer says that its AS is 65001, configured is 64512");
  assert.match(refusal({ routerId: routerIdOf("0.0.0.0") }), /^2\/3 .* 0\.0\.0\.0$/);
  assert.match(refusal({ routerId: routerIdOf("10.0.0.1") }), /^2\/3 .*our own router id 10\.0\.0\.1/);
  assert.match(refusal({ holdTimeSeconds: 2 }), /^2\/6 /);
  assert.match(refusal({ holdTimeSeconds: 1 }), /^2\/6 /);
});

test("RFC 5492: no common family names the ones that were missed", () => {
  const judged = judgeOpen(openMessage({ capabilities: [] }), {
    ...facts,
    session: sessionConfig({ families: [6] }),
  });
  assert.ok(!judged.isAccepted);
  assert.deepEqual([judged.answer.code, judged.answer.subcode, [...judged.answer.data]], [2, 7, [1, 4, 0, 2, 0, 1]]);
});

test("RFC 6286: another AS may have our router id", () => {
  const session = sessionConfig({ peer: { ...sessionConfig().peer, asn: 65001 } });
  agreed({ asn: 65001, routerId: routerIdOf("10.0.0.1") }, { ...facts, session });
});

test("the smaller hold time counts, and a third of it at most between keepalives", () => {
  assert.deepEqual(timesOf(agreed({ holdTimeSeconds: 30 })), [30, 10]);
  assert.deepEqual(timesOf(agreed({ holdTimeSeconds: 240 })), [90, 30]);
  assert.deepEqual(timesOf(agreed({ holdTimeSeconds: 0 })), [0, 0]);
  const quick = { ...facts, session: sessionConfig({ keepaliveSeconds: 4 }) };
  assert.deepEqual(timesOf(agreed({ holdTimeSeconds: 90 }, quick)), [90, 4]);
  const slow = { ...facts, session: sessionConfig({ keepaliveSeconds: 60 }) };
  assert.deepEqual(timesOf(agreed({ holdTimeSeconds: 9 }, slow)), [9, 3]);
});

const timesOf = ({ holdTimeSeconds, keepaliveSeconds }: Negotiated): number[] => [holdTimeSeconds, keepaliveSeconds];

test("RFC 4760: who names no family speaks IPv4", () => {
  assert.deepEqual(agreed({ capabilities: [] }).families, [4]);
  assert.deepEqual(agreed({ capabilities: [{ kind: "multiprotocol", family: 6 }] }).families, [6]);
});

test("what only one end says does not hold", () => {
  const { fourOctetAs, routeRefresh, enhancedRouteRefresh, extendedMessage, gracefulRestart } = agreed({});
  assert.deepEqual(
    [fourOctetAs, routeRefresh, enhancedRouteRefresh, extendedMessage, gracefulRestart],
    [true, true, false, false, undefined],
  );
});

test("RFC 4724: a restarting speaker says so, of the families whose forwarding it kept", () => {
  const session = sessionConfig({ restartTimeSeconds: 5000 });
  const restarting = { ...facts, session, restart: { isRestarting: true, forwarding: [4 as const] } };
  const graceful = openOf(restarting).capabilities.find(({ kind }) => kind === "gracefulRestart");
  assert.deepEqual(graceful, {
    kind: "gracefulRestart",
    isRestarting: true,
    notification: true,
    restartTimeSeconds: 4095,
    families: [
      { family: 4, isForwarding: true },
      { family: 6, isForwarding: false },
    ],
  });
  assert.ok(graceful);
  assert.deepEqual(agreed({ capabilities: [graceful] }, restarting).gracefulRestart, graceful);
});
