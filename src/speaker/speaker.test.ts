import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Filter } from "../bgp/filter/types.ts";
import { parseAddress } from "../ip/address.ts";
import { sessionConfig } from "../testing/bgp-samples.ts";
import { RawPeer } from "../testing/raw-peer.ts";
import { type SpeakerHost, SpeakerWorld, textOf } from "../testing/speaker-world.ts";

const reject: Filter = { name: "nothing", terms: [], otherwise: "reject" };
const FIRST = "10.0.0.1";
const SECOND = "10.0.0.2";

const isReady = (left: SpeakerHost, right: SpeakerHost): boolean =>
  left.isUp(right.address) && right.isUp(left.address);

test("two speakers that dial each other share their routes over one session", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  left.originate("192.168.0.0/26", "fd00:1::/64");
  right.originate("192.168.1.0/26");
  await world.until("the routes", () => left.best.size === 1 && right.best.size === 2);
  assert.deepEqual(Object.fromEntries(right.best), { "192.168.0.0/26": FIRST, "fd00:1::/64": FIRST });
  assert.deepEqual(Object.fromEntries(left.best), { "192.168.1.0/26": SECOND });
  left.originate("192.168.0.0/26");
  await world.until("the withdrawal", () => right.best.size === 1);
  assert.equal(left.status(SECOND).flaps, 0);
  world.close();
});

test("nothing runs after a speaker has ended", async () => {
  const world = new SpeakerWorld();
  await world.pair();
  world.close();
  await world.clock.advance(10_000);
  assert.equal(world.clock.pending, 0);
});

test("a configuration that says the same, or another order, changes nothing", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  const dials = world.network.hostOf(left.routerId)?.dials.length;
  left.configure({ sessions: new Map([...left.config.sessions].map(([name, one]) => [name, structuredClone(one)])) });
  await world.clock.advance(5000);
  assert.ok(isReady(left, right));
  assert.equal(world.network.hostOf(left.routerId)?.dials.length, dials);
  world.close();
});

test("another filter is applied to what is known, in both directions, and the session stays", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  left.originate("192.168.0.0/26");
  right.originate("192.168.1.0/26");
  await world.until("the routes", () => left.best.size === 1 && right.best.size === 1);
  left.peer(right, { importFilter: reject, exportFilter: reject });
  await world.until("both to be without", () => left.best.size === 0 && right.best.size === 0);
  left.peer(right);
  await world.until("both to have them again", () => left.best.size === 1 && right.best.size === 1);
  assert.deepEqual([left.status(SECOND).flaps, right.status(FIRST).flaps], [0, 0]);
  world.close();
});

test("a route of elevated priority is used before our own, and our own again when it goes", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  const priority = (value: number): Filter => ({
    name: `LOCAL_PREF ${value}`,
    terms: [{ about: "priority", conditions: [], actions: [{ kind: "setLocalPref", value }] }],
    otherwise: "accept",
  });
  left.peer(right, { importFilter: { name: "all", terms: [], otherwise: "accept", beatsOwnAbove: 1000 } });
  for (const host of [left, right]) host.originate("192.168.0.1/32");
  right.peer(left, { exportFilter: priority(1000) });
  await world.until("the route", () => left.status(SECOND).receivedPrefixes === 1);
  assert.equal(left.best.size, 0, "as high as our own is not higher");
  right.peer(left, { exportFilter: priority(1001) });
  await world.until("the elevated one", () => left.best.get("192.168.0.1/32") === SECOND);
  right.originate();
  await world.until("our own", () => left.best.size === 0);
  world.close();
});

test("another hold time opens the session again, and the peer is told why", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  left.peer(right, { holdTimeSeconds: 30 });
  await world.until("the session", () => left.status(SECOND).negotiated?.holdTimeSeconds === 30 && right.isUp(FIRST));
  assert.match(right.status(FIRST).received?.message ?? "", /Other Configuration Change \(6\/6\)/);
  world.close();
});

const THIRD = "10.0.0.3";
const KEPT_MS = 30_000;

/** The best routes of a host, all of them looked at each time that one changes. */
function watched(host: SpeakerHost): string[][] {
  const seen: string[][] = [];
  host.speaker.onBest((changes) => {
    for (const { prefix, routes } of changes) seen.push([textOf(prefix), ...routes.map(({ session }) => session)]);
  });
  return seen;
}

test("a session that is removed ends, and its peer is told and refused", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  left.configure({ sessions: new Map() });
  left.peer(world.host(THIRD));
  await world.until("the end", () => right.status(FIRST).received !== undefined);
  assert.match(right.status(FIRST).received?.message ?? "", /Peer De-configured \(6\/3\)/);
  await world.until("the peer to come and be refused", () => left.speaker.status().strangers.count > 0);
  assert.equal(left.speaker.status().strangers.last, right.routerId);
  const said = left.log.lines.filter(({ message }) => message.includes("no peer's was refused"));
  assert.equal(said.length, 1);
  world.close();
});

test("routes of a session that is removed stay until another session tells them, without a gap", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  const third = world.host(THIRD);
  right.originate("192.168.0.0/26", "192.168.1.0/26");
  await world.until("the routes", () => left.best.size === 2);
  const seen = watched(left);
  left.configure({ sessions: new Map() });
  await world.clock.advance(10_000);
  assert.deepEqual(seen, []);
  assert.equal(left.speaker.keptSeconds(SECOND), 20);
  assert.deepEqual(left.speaker.status().retired, [{ session: SECOND, prefixes: 2, seconds: 20 }]);
  third.originate("192.168.0.0/26");
  third.peer(left);
  left.peer(third);
  await world.until("the other session", () => seen.length > 0);
  assert.deepEqual(seen, [["192.168.0.0/26", THIRD]]);
  await world.clock.advance(KEPT_MS);
  assert.deepEqual(seen.slice(1), [["192.168.1.0/26"]], "nobody has told it again");
  assert.equal(left.speaker.keptSeconds(SECOND), undefined);
  assert.deepEqual(left.speaker.status().retired, []);
  world.close();
});

test("routes of a session that is removed go after 30 s, however often it is set up and removed", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  right.originate("192.168.1.0/26");
  await world.until("the route", () => left.best.size === 1);
  const { sessions } = left.config;
  right.configure({ sessions: new Map() });
  for (let waited = 0; waited < KEPT_MS - 1000; waited += 2000) {
    assert.equal(left.best.size, 1, `after ${waited} ms`);
    left.configure({ sessions: new Map() });
    await world.clock.advance(1000);
    left.configure({ sessions });
    await world.clock.advance(1000);
  }
  await world.clock.advance(2000);
  assert.equal(left.best.size, 0);
  world.close();
});

test("the peer of a session that is removed keeps its routes as long, where graceful restart was agreed on", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair({ restartTimeSeconds: 120 });
  left.originate("192.168.0.0/26");
  await world.until("the route", () => right.best.size === 1);
  left.configure({ sessions: new Map() });
  await world.until("the end", () => !right.isUp(FIRST));
  await world.clock.advance(KEPT_MS / 2);
  assert.equal(right.best.size, 1);
  right.configure({ sessions: new Map() });
  await world.clock.advance(KEPT_MS / 2 - 2000);
  assert.equal(right.best.size, 1, "its own configuration followed");
  await world.clock.advance(3000);
  assert.equal(right.best.size, 0, "the time began with the end of the session");
  world.close();
});

test("routes of a peer that is gone for good go at once", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  right.originate("192.168.1.0/26");
  await world.until("the route", () => left.best.size === 1);
  left.speaker.letGo([SECOND]);
  await world.clock.advance(1000);
  assert.equal(left.best.size, 1, "the session is there");
  left.configure({ sessions: new Map() });
  left.speaker.letGo([SECOND]);
  await world.clock.advance(100);
  assert.equal(left.best.size, 0);
  world.close();
});

for (const [agreed, changes] of [
  ["with graceful restart", { restartTimeSeconds: 120 }],
  ["without graceful restart", {}],
] as const) {
  test(`routes stay while a session is opened again, ${agreed}`, async () => {
    const world = new SpeakerWorld();
    const [left, right] = await world.pair(changes);
    right.originate("192.168.0.0/26", "192.168.1.0/26");
    await world.until("the routes", () => left.best.size === 2);
    const seen = watched(left);
    left.peer(right, { ...changes, holdTimeSeconds: 30 });
    right.config = { ...right.config, originated: new Map([...right.config.originated].slice(0, 1)) };
    right.speaker.configure(right.config);
    await world.until("the session", () => left.status(SECOND).negotiated?.holdTimeSeconds === 30);
    await world.until("the rest to go", () => left.status(SECOND).stalePrefixes === 0);
    await world.clock.advance(1000);
    assert.deepEqual(seen, [["192.168.1.0/26"]]);
    await world.clock.advance(KEPT_MS);
    assert.equal(seen.length, 1);
    world.close();
  });
}

test("another router id opens everything again under the new one, and what was learned stays meanwhile", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  left.originate("192.168.0.0/26");
  right.originate("192.168.1.0/26", "192.168.2.0/26");
  await world.until("the routes", () => right.best.size === 1 && left.best.size === 2);
  const seen = watched(left);
  const routerId = parseAddress("10.0.0.9");
  assert.ok(typeof routerId === "number");
  left.configure({ routerId });
  await world.until(
    "the new id",
    () => right.status(FIRST).negotiated?.peerRouterId === routerId && right.best.size === 1,
  );
  right.originate("192.168.1.0/26");
  await world.until("the withdrawal", () => seen.length > 0);
  assert.deepEqual(seen, [["192.168.2.0/26"]]);
  world.close();
});

test("a wrong AS is named on both sides, and tried again at longer intervals", async () => {
  const world = new SpeakerWorld();
  const [left, right] = [world.host(FIRST), world.host(SECOND)];
  left.peer(right, { peer: { address: right.routerId, port: 179, asn: 65001 } });
  right.peer(left, { passive: true });
  await world.until("the refusal", () => right.status(FIRST).received !== undefined);
  assert.match(
    left.status(SECOND).sent?.message ?? "",
    /Bad Peer AS \(2\/2\): the peer says that its AS is 64512, configured is 65001/,
  );
  assert.match(right.status(FIRST).received?.message ?? "", /Bad Peer AS \(2\/2\)/);
  const dials = world.network.hostOf(left.routerId)?.dials ?? [];
  await world.clock.advance(600_000);
  assert.ok(dials.length < 25, `${dials.length} attempts in ten minutes`);
  const aloud = left.log.lines.filter(({ level, fields }) => level === "info" && /64512/.test(`${fields["why"]}`));
  assert.equal(aloud.length, 1);
  world.close();
});

test("two hosts with one router id are told so", async () => {
  const world = new SpeakerWorld();
  const [left, right] = [world.host(FIRST), world.host(SECOND)];
  right.configure({ routerId: left.routerId });
  left.peer(right);
  right.peer(left);
  await world.until("the refusal", () => left.status(SECOND).sent !== undefined);
  assert.match(left.status(SECOND).sent?.message ?? "", /our own router id 10\.0\.0\.1/);
  world.close();
});

test("two peers with one router id are named, and so are two sessions to one address", async () => {
  const world = new SpeakerWorld();
  const [left, second, third] = [world.host(FIRST), world.host(SECOND), world.host("10.0.0.3")];
  third.configure({ routerId: second.routerId });
  for (const other of [second, third]) {
    left.peer(other);
    other.peer(left);
  }
  await world.until("both sessions", () => isReady(left, second) && isReady(left, third));
  assert.match(left.status(SECOND).problems.join(), /10\.0\.0\.3 is a peer with the same router id 10\.0\.0\.2/);
  assert.match(left.status("10.0.0.3").problems.join(), /10\.0\.0\.2 is a peer with the same router id/);
  const warnings = left.log.lines.filter(({ message }) => message === "two peers have one router id");
  assert.deepEqual(
    warnings.map(({ fields }) => [[...(fields["sessions"] as string[])].sort(), fields["routerId"]]),
    [[["10.0.0.2", "10.0.0.3"], "10.0.0.2"]],
  );
  left.peer(second, { name: "twin" });
  assert.match(left.status("twin").problems.join(), /10\.0\.0\.2 has the same peer address/);
  left.peer(left, { name: "self" });
  assert.match(left.status("self").problems.join(), /10\.0\.0\.1 is an address of this host/);
  world.close();
});

test("a peer that tells too many prefixes is told so and rests", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  left.peer(right, { maxPrefixes: 2 });
  right.originate("192.168.0.0/26", "192.168.1.0/26", "192.168.2.0/26");
  await world.until("the end", () => right.status(FIRST).received !== undefined);
  assert.match(right.status(FIRST).received?.message ?? "", /Maximum Number of Prefixes Reached \(6\/1\)/);
  assert.match(left.status(SECOND).sent?.message ?? "", /more than 2 prefixes/);
  await world.until("the routes to go", () => left.best.size === 0);
  world.close();
});

test("a limit below what the peer has told already ends the session", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  right.originate("192.168.0.0/26", "192.168.1.0/26");
  await world.until("the routes", () => left.best.size === 2);
  left.peer(right, { maxPrefixes: 1 });
  await world.until("the end", () => right.status(FIRST).received?.subcode === 1);
  world.close();
});

test("what is told to nobody does not hold up what comes behind it", async () => {
  const world = new SpeakerWorld();
  const hub = world.host("10.0.0.9");
  const reader = world.host(SECOND);
  const peer = new RawPeer(world, { at: world.host(THIRD), of: hub });
  hub.peer(reader, { isReflectorClient: true });
  reader.peer(hub);
  await peer.connect();
  await world.until("the reader", () => hub.isUp(SECOND));
  const hidden = Array.from({ length: 5_000 }, (_, at) => `10.${at >> 8}.${at & 255}.0/24`);
  peer.announceOver(SECOND, hidden);
  peer.announce("192.168.0.0/26");
  await world.clock.advance(1_000);
  assert.equal(reader.best.size, 1);
  world.close();
});

test("RFC 9003: a reset tells its text", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  left.speaker.reset(SECOND, "new cables");
  await world.until("the text", () => right.status(FIRST).received !== undefined);
  assert.match(right.status(FIRST).received?.message ?? "", /Administrative Reset \(6\/4\): "new cables"/);
  await world.until("the session again", () => isReady(left, right));
  world.close();
});

test("a peer that falls silent is given up when the hold timer says so, with its routes", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair({ holdTimeSeconds: 9 });
  right.originate("192.168.1.0/26");
  await world.until("the route", () => left.best.size === 1);
  world.network.silence(left.routerId, right.routerId);
  await world.clock.advance(5000);
  assert.ok(left.isUp(SECOND));
  await world.clock.advance(5000);
  assert.ok(!left.isUp(SECOND));
  assert.match(left.status(SECOND).sent?.message ?? "", /Hold Timer Expired \(4\/0\)/);
  await world.until("the route to go", () => left.best.size === 0);
  await world.until("the reason of TCP", () => left.status(SECOND).tcp?.reason === "timedOut");
  world.network.silence(left.routerId, right.routerId, false);
  await world.until("the session again", () => isReady(left, right) && left.best.size === 1);
  world.close();
});

test("routes of a peer that falls silent go with the hold time, though both know graceful restart", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair({ holdTimeSeconds: 9, restartTimeSeconds: 120 });
  right.originate("192.168.1.0/26");
  await world.until("the route", () => left.best.size === 1);
  world.network.silence(left.routerId, right.routerId);
  await world.clock.advance(10_000);
  assert.match(left.status(SECOND).sent?.message ?? "", /Hold Timer Expired/);
  assert.equal(left.best.size, 0);
  world.network.silence(left.routerId, right.routerId, false);
  await world.until("the session again", () => isReady(left, right) && left.best.size === 1);
  world.close();
});

test("a process that stood still beyond the hold time reads what came meanwhile before it gives a peer up", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair({ holdTimeSeconds: 9 });
  right.originate("192.168.1.0/26");
  await world.until("the route", () => left.best.size === 1);
  world.clock.stall(60_000);
  await world.clock.advance(30_000);
  assert.deepEqual([left.status(SECOND).flaps, right.status(FIRST).flaps, left.best.size], [0, 0, 1]);
  world.network.silence(left.routerId, right.routerId);
  world.clock.stall(60_000);
  await world.clock.advance(2_000);
  assert.ok(!left.isUp(SECOND), "nothing had come, and that is soon found");
  world.close();
});

test("the time of day is set back and forth: sessions and routes stay, and timers keep their time", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair({ holdTimeSeconds: 9 });
  right.originate("192.168.1.0/26");
  await world.until("the route", () => left.best.size === 1);
  for (const time of ["2027-01-01T00:00:00Z", "1999-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]) {
    world.clock.setWall(new Date(time));
    await world.clock.advance(60_000);
    assert.deepEqual([left.status(SECOND).flaps, right.status(FIRST).flaps, left.best.size], [0, 0, 1], time);
  }
  world.clock.setWall(new Date("1999-01-01T00:00:00Z"));
  world.network.silence(left.routerId, right.routerId);
  await world.clock.advance(10_000);
  assert.ok(!left.isUp(SECOND));
  assert.equal(left.best.size, 0);
  world.close();
});

test("TCP MD5: sessions come up with one password, change it, and name another as what may be wrong", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair({ password: "one" });
  left.peer(right, { password: "two" });
  await world.until("the failure", () => left.status(SECOND).tcp?.reason === "timedOut");
  assert.match(left.status(SECOND).tcp?.message ?? "", /TCP MD5 password/);
  right.peer(left, { password: "two" });
  await world.until("the session", () => isReady(left, right));
  world.close();
});

test("a port that is taken is named, and taken over when it is free", async () => {
  const world = new SpeakerWorld();
  const left = world.host(FIRST);
  const right = world.host(SECOND);
  const squatter = world.network.hostOf(left.routerId)?.listen({ family: 4, port: 179 }, (stream) => stream.end());
  left.peer(right, { passive: true });
  right.peer(left);
  await world.clock.advance(1000);
  assert.match(left.speaker.status().listeners[0]?.failure ?? "", /port 179 is taken: another BGP daemon/);
  squatter?.close();
  await world.until("the session", () => isReady(left, right));
  assert.equal(left.speaker.status().listeners[0]?.failure, undefined);
  world.close();
});

test("a session with a local address takes its peer's connections there alone", async () => {
  const world = new SpeakerWorld();
  const left = world.host(FIRST);
  const right = world.host(SECOND);
  left.peer(right, { localAddress: parseAddress("10.0.0.8"), passive: true });
  right.peer(left);
  await world.until("the refusal", () => left.speaker.status().strangers.count > 0);
  world.close();
});

test("half-open connections from a peer's address do not keep the peer out, nor disturb others", async () => {
  const world = new SpeakerWorld();
  const hub = world.host(FIRST);
  const [peer, other] = [world.host(SECOND), world.host("10.0.0.3")];
  hub.peer(peer, { passive: true });
  hub.peer(other);
  other.peer(hub);
  await world.until("the other session", () => isReady(hub, other));
  const options = { address: hub.routerId, port: 179, timeoutSeconds: 1 };
  for (let count = 0; count < 20; count++) {
    const garbage = new Uint8Array(count % 2 === 0 ? 0 : 100);
    world.network.hostOf(peer.routerId)?.dial(
      options,
      (stream) => stream.write(garbage),
      ({ message }) => assert.fail(message),
    );
    await world.clock.advance(10);
  }
  peer.peer(hub);
  await world.until("the session", () => isReady(hub, peer));
  assert.equal(hub.status("10.0.0.3").flaps, 0);
  world.close();
});

test("a slow peer holds up nobody else, and has everything when it reads again", async () => {
  const world = new SpeakerWorld();
  const hub = world.host(FIRST);
  const [quick, slow] = [world.host(SECOND), world.host("10.0.0.3")];
  for (const other of [quick, slow]) {
    hub.peer(other);
    other.peer(hub);
  }
  await world.until("both sessions", () => isReady(hub, quick) && isReady(hub, slow));
  world.network.throttle(hub.routerId, slow.routerId, true);
  const prefixes = Array.from({ length: 40_000 }, (_, n) => `100.${n >> 14}.${(n >> 6) & 255}.${(n & 63) * 4}/30`);
  hub.originate(...prefixes);
  await world.until("the quick one", () => quick.best.size === prefixes.length);
  assert.ok(slow.best.size < prefixes.length);
  assert.ok(hub.status("10.0.0.3").waitingOctets < 1 << 20);
  hub.originate(...prefixes.slice(0, 1000));
  await world.until("the withdrawals", () => quick.best.size === 1000);
  world.network.throttle(hub.routerId, slow.routerId, false);
  await world.until("the slow one", () => slow.best.size === 1000);
  assert.equal(hub.status("10.0.0.3").flaps, 0);
  world.close();
});

const graceful = { restartTimeSeconds: 60, holdTimeSeconds: 9 };

test("RFC 4724: routes of a peer that restarts stay, and those it no longer has go with its End-of-RIB", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair(graceful);
  right.originate("192.168.0.0/26", "192.168.1.0/26");
  await world.until("the routes", () => left.best.size === 2);
  right.speaker.close("restart");
  await world.until("the loss", () => !left.isUp(SECOND));
  await world.clock.advance(20_000);
  assert.equal(left.best.size, 2);
  assert.equal(left.status(SECOND).stalePrefixes, 2);
  right.config = { ...right.config, originated: new Map([...right.config.originated].slice(0, 1)) };
  right.start({ deferralSeconds: 30 });
  await world.until("the End-of-RIB", () => left.best.size === 1);
  assert.equal(left.status(SECOND).stalePrefixes, 0);
  world.close();
});

test("RFC 4724: routes of a peer that does not come back go when its time is over", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair(graceful);
  right.originate("192.168.0.0/26");
  await world.until("the route", () => left.best.size === 1);
  right.speaker.close("restart");
  await world.clock.advance(55_000);
  assert.equal(left.best.size, 1);
  await world.clock.advance(10_000);
  assert.equal(left.best.size, 0);
  world.close();
});

test("RFC 4724: a peer that ends by shutdown is not waited for", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  right.originate("192.168.0.0/26");
  await world.until("the route", () => left.best.size === 1);
  right.speaker.close("shutdown");
  await world.until("the route to go", () => left.best.size === 0);
  world.close();
});

test("another import filter is applied to what is kept of a peer that is away", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair(graceful);
  right.originate("192.168.0.0/26");
  await world.until("the route", () => left.best.size === 1);
  right.speaker.close("restart");
  await world.until("the loss", () => !left.isUp(SECOND));
  left.peer(right, { ...graceful, importFilter: reject });
  await world.clock.advance(1000);
  assert.equal(left.best.size, 0);
  left.peer(right, graceful);
  await world.clock.advance(1000);
  assert.equal(left.best.size, 1);
  world.close();
});

test("RFC 8538: who ends for long says so as a hard reset, and its routes go though both know graceful restart", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair(graceful);
  right.originate("192.168.0.0/26");
  await world.until("the route", () => left.best.size === 1);
  right.speaker.close("shutdown");
  await world.until("the loss", () => !left.isUp(SECOND));
  await world.clock.advance(100);
  assert.equal(left.best.size, 0);
  assert.match(left.status(SECOND).received?.message ?? "", /Hard Reset \(6\/9\): .*Administrative Shutdown \(6\/2\)/);
  world.close();
});

test("RFC 8538: routes of a peer that told too many are not kept, and it rests", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair(graceful);
  left.peer(right, { ...graceful, maxPrefixes: 2 });
  right.originate("192.168.0.0/26", "192.168.1.0/26", "192.168.2.0/26");
  await world.until("the end", () => right.status(FIRST).received !== undefined);
  await world.clock.advance(100);
  assert.equal(left.best.size, 0);
  assert.ok(left.status(SECOND).restsUntil);
  const { code, subcode, message } = right.status(FIRST).received ?? {};
  assert.deepEqual([code, subcode], [6, 1], message);
  world.close();
});

test("RFC 4724: a speaker that restarts chooses no routes before all its peers have told theirs, or the time is over", async () => {
  const world = new SpeakerWorld();
  const hub = world.host(FIRST);
  const [one, other] = [world.host(SECOND), world.host("10.0.0.3")];
  for (const peer of [one, other]) {
    hub.peer(peer, graceful);
    peer.peer(hub, graceful);
    peer.originate(`192.168.${peer.routerId & 255}.0/26`);
  }
  await world.until("the routes", () => hub.best.size === 2);
  hub.speaker.close("restart");
  other.speaker.close("shutdown");
  hub.start({ deferralSeconds: 40 });
  await world.until("the first peer", () => hub.isUp(SECOND));
  await world.clock.advance(20_000);
  assert.equal(hub.best.size, 0);
  assert.deepEqual(hub.speaker.status().waitsFor, ["10.0.0.3"]);
  await world.clock.advance(20_000);
  assert.deepEqual([...hub.best.keys()], ["192.168.2.0/26"]);
  world.close();
});

test("route refresh brings what was lost, without a flap", async () => {
  const world = new SpeakerWorld();
  const [left, right] = await world.pair();
  right.originate("192.168.0.0/26");
  await world.until("the route", () => left.best.size === 1);
  const { updatesReceived } = left.status(SECOND).counters;
  assert.ok(left.speaker.refresh(SECOND));
  await world.until("the routes again", () => left.status(SECOND).counters.updatesReceived > updatesReceived);
  assert.equal(left.status(SECOND).stalePrefixes, 0);
  assert.equal(left.best.size, 1);
  assert.ok(!left.speaker.refresh("nobody"));
  world.close();
});

test("whatever breaks, in whatever order, both have one session and all routes in the end", async () => {
  const fault = fc.record({
    after: fc.integer({ min: 50, max: 8000 }),
    kind: fc.constantFrom("reset", "silence", "restart", "kill"),
    delayMs: fc.integer({ min: 1, max: 400 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 5 }), fc.boolean(), async (faults, isGraceful) => {
      const world = new SpeakerWorld();
      const changes = { holdTimeSeconds: 9, connectRetrySeconds: 2, ...(isGraceful ? { restartTimeSeconds: 30 } : {}) };
      const [left, right] = [world.host(FIRST), world.host(SECOND)];
      left.peer(right, changes);
      right.peer(left, changes);
      left.originate("192.168.0.0/26");
      right.originate("192.168.1.0/26");
      for (const { after, kind, delayMs } of faults) {
        world.network.delayMs = delayMs;
        await world.clock.advance(after);
        world.network.silence(left.routerId, right.routerId, kind === "silence");
        if (kind === "reset") world.network.reset(left.routerId, right.routerId);
        if (kind === "restart" || kind === "kill") {
          right.speaker.close(kind === "restart" ? "restart" : "shutdown");
          right.start(kind === "restart" ? { deferralSeconds: 20 } : {});
        }
      }
      world.network.silence(left.routerId, right.routerId, false);
      await world.clock.advance(2000);
      const hasAll = (): boolean => isReady(left, right) && left.best.size === 1 && right.best.size === 1;
      await world.until("everything", hasAll, 300_000);
      const flaps = left.status(SECOND).flaps;
      await world.clock.advance(30_000);
      assert.ok(hasAll() && left.status(SECOND).flaps === flaps);
      world.close();
    }),
    { numRuns: 15 },
  );
});

test("a session to a peer that is not there says what TCP says", async () => {
  const world = new SpeakerWorld();
  const left = world.host(FIRST);
  const session = sessionConfig({ name: "gone", peer: { address: parseAddress("10.0.0.77"), port: 179, asn: 64512 } });
  left.configure({ sessions: new Map([["gone", session]]) });
  await world.until("a failure", () => left.status("gone").tcp !== undefined);
  assert.equal(left.status("gone").tcp?.reason, "unreachable");
  assert.equal(left.status("gone").state, "active");
  world.close();
});
