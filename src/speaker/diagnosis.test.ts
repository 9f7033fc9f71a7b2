import assert from "node:assert/strict";
import { test } from "node:test";
import { CeaseReason, ErrorCode, OpenError } from "../bgp/message/iana.ts";
import { parseAddress } from "../ip/address.ts";
import { SpeakerWorld } from "../testing/speaker-world.ts";
import { diagnose } from "./diagnosis.ts";
import { noCounters } from "./session-record.ts";
import type { SessionStatus } from "./types.ts";

const said = (seconds: number) => ({ at: new Date(0), monotonicMs: seconds * 1000 });

const down = (changes: Partial<SessionStatus> = {}): SessionStatus => ({
  name: "Mesh_10_0_0_2",
  peer: { address: parseAddress("10.0.0.2"), port: 179, asn: 64512 },
  localAs: 64513,
  passive: false,
  state: "active",
  since: new Date(0),
  flaps: 0,
  receivedPrefixes: 0,
  stalePrefixes: 0,
  toldPrefixes: 0,
  waitingOctets: 0,
  counters: noCounters,
  problems: [],
  ...changes,
});

const kinds = (session: SessionStatus): readonly string[] => diagnose(session, []).map(({ kind }) => kind);

test("what TCP says has a kind and a remedy that names the peer's port or what to set", () => {
  const expected = {
    refused: ["refused", /listenPort/],
    timedOut: ["filtered", /open TCP port 179.*tcpdump -n host 10\.0\.0\.2/],
    unreachable: ["noRoute", /ip route get 10\.0\.0\.2/],
    wrongKey: ["wrongKey", /same password/],
    reset: ["dropped", /neighbour there, with AS 64513/],
    noLocalAddress: ["noLocalAddress", /sourceAddress None/],
  } as const;
  for (const [reason, [kind, remedy]] of Object.entries(expected)) {
    const tcp = { ...said(1), reason: reason as keyof typeof expected, message: "so TCP says" };
    const [found] = diagnose(down({ tcp }), []);
    assert.equal(found?.kind, kind);
    assert.equal(found?.what, "so TCP says");
    assert.match(found?.remedy ?? "", remedy);
  }
});

test("a peer that was up before is not told to be configured", () => {
  const tcp = { ...said(1), reason: "closed", message: "the peer closed the connection" } as const;
  assert.match(diagnose(down({ tcp, flaps: 1 }), [])[0]?.remedy ?? "", /look whether the speaker of 10\.0\.0\.2 runs/);
});

test("what was said last counts, save that an end of TCP without a word says nothing while a refusal is young", () => {
  const tcp = { ...said(200), reason: "closed", message: "the peer closed the connection" } as const;
  const wrong = { code: ErrorCode.openMessage, subcode: OpenError.badPeerAs, message: "OPEN Message Error" };
  assert.deepEqual(kinds(down({ tcp, received: { ...wrong, ...said(1) } })), ["dropped"]);
  assert.deepEqual(kinds(down({ tcp, received: { ...wrong, ...said(199) } })), ["wrongAs"]);
  assert.deepEqual(kinds(down({ tcp: { ...tcp, reason: "refused" }, received: { ...wrong, ...said(199) } })), [
    "refused",
  ]);
  const [found] = diagnose(down({ tcp, sent: { ...wrong, ...said(201) } }), []);
  assert.equal(found?.what, "this node ended it: OPEN Message Error");
  assert.match(found?.remedy ?? "", /says AS 64513 and expects AS 64512/);
});

test("what was said last counts, though the time of day was set back in between", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  right.speaker.close("shutdown");
  await world.until("the end", () => left.status(right.address).received !== undefined);
  world.clock.setWall(new Date("1999-01-01T00:00:00Z"));
  await world.until("a dial", () => left.status(right.address).tcp?.at.getUTCFullYear() === 1999);
  assert.deepEqual(kinds(left.status(right.address)), ["refused"]);
  world.close();
});

test("other NOTIFICATIONs by their codes", () => {
  const kindOf = (code: number, subcode: number): readonly string[] =>
    kinds(down({ received: { ...said(1), code, subcode, message: "" } }));
  assert.deepEqual(kindOf(ErrorCode.openMessage, OpenError.badIdentifier), ["badIdentifier"]);
  assert.deepEqual(kindOf(ErrorCode.openMessage, OpenError.unsupportedVersion), ["badOpen"]);
  assert.deepEqual(kindOf(ErrorCode.holdTimerExpired, 0), ["silent"]);
  assert.deepEqual(kindOf(ErrorCode.cease, CeaseReason.maximumPrefixes), ["tooManyPrefixes"]);
  assert.deepEqual(kindOf(ErrorCode.cease, CeaseReason.administrativeShutdown), ["administrative"]);
  assert.deepEqual(kindOf(ErrorCode.updateMessage, 1), ["protocolError"]);
});

test("a listener that failed is told of sessions of its family, and of those that are up not", () => {
  const listeners = [{ family: 4, port: 179, failure: "address in use" }] as const;
  assert.deepEqual(
    diagnose(down(), listeners).map(({ kind }) => kind),
    ["notListening"],
  );
  const v6 = { address: parseAddress("fd00::2"), port: 179, asn: 64512 };
  assert.deepEqual(
    diagnose(down({ peer: v6, passive: true }), listeners).map(({ kind }) => kind),
    ["waiting"],
  );
  assert.deepEqual(diagnose(down({ state: "established" }), listeners), []);
});

test("two speakers that expect other AS numbers of each other both say so", async () => {
  const world = new SpeakerWorld();
  const [left, right] = [world.host("10.0.0.1", 64512), world.host("10.0.0.2", 64513)];
  left.peer(right, { peer: { address: right.routerId, port: 179, asn: 65000 } });
  right.peer(left);
  await world.until(
    "both to know",
    () => left.status("10.0.0.2").sent !== undefined && right.status("10.0.0.1").received !== undefined,
  );
  assert.deepEqual(kinds(left.status("10.0.0.2")), ["wrongAs"]);
  assert.deepEqual(kinds(right.status("10.0.0.1")), ["wrongAs"]);
  world.close();
});

test("nobody listens, and nothing arrives: refused and filtered", async () => {
  const world = new SpeakerWorld();
  const [left, right] = [world.host("10.0.0.1"), world.host("10.0.0.2")];
  left.peer(right, { peer: { address: right.routerId, port: 1790, asn: 64512 } });
  await world.until("the refusal", () => left.status("10.0.0.2").tcp !== undefined);
  assert.deepEqual(kinds(left.status("10.0.0.2")), ["refused"]);
  world.network.silence(left.routerId, right.routerId);
  await world.until("silence", () => left.status("10.0.0.2").tcp?.reason === "timedOut");
  assert.deepEqual(kinds(left.status("10.0.0.2")), ["filtered"]);
  world.close();
});
