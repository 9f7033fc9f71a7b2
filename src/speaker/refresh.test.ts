/** Route refresh (RFC 2918, RFC 7313) beside graceful restart, with peers that do what ours would not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Capability } from "../bgp/message/types.ts";
import { RawPeer } from "../testing/raw-peer.ts";
import { type SpeakerHost, SpeakerWorld } from "../testing/speaker-world.ts";

const SECOND = "10.0.0.2";
const OWN = "192.168.0.0/26";
const THEIRS = "192.168.1.0/26";
const enhanced: Capability = { kind: "enhancedRouteRefresh" };
const graceful: Capability = {
  kind: "gracefulRestart",
  isRestarting: false,
  notification: false,
  restartTimeSeconds: 60,
  families: [
    { family: 4, isForwarding: true },
    { family: 6, isForwarding: true },
  ],
};
type Request = ReturnType<typeof message>;
const message = (subtype: "request" | "begin" | "end") => ({ type: "routeRefresh", family: 4, subtype }) as const;

function raw(): { world: SpeakerWorld; hub: SpeakerHost; peer: RawPeer } {
  const world = new SpeakerWorld();
  const hub = world.host("10.0.0.1");
  hub.originate(OWN);
  return { world, hub, peer: new RawPeer(world, { at: world.host(SECOND), of: hub }) };
}

/** The peer has told a route, was lost, and is back with it. */
async function returned(): Promise<ReturnType<typeof raw>> {
  const all = raw();
  const { world, hub, peer } = all;
  await peer.connect(enhanced, graceful);
  peer.announce(THEIRS);
  await world.until("the route", () => hub.best.size === 1);
  peer.hangUp();
  await world.until("the loss", () => !hub.isUp(SECOND));
  await peer.connect(enhanced, graceful);
  assert.equal(hub.status(SECOND).stalePrefixes, 1);
  return all;
}

test("a peer that knows RFC 7313 is told where a refresh begins and ends", async () => {
  const { world, peer } = raw();
  await peer.connect(enhanced);
  await world.clock.advance(100);
  peer.heard.length = 0;
  peer.say(message("request"));
  await world.clock.advance(100);
  assert.deepEqual(peer.heard, ["begin 4", `+ ${OWN}`, "end 4"]);
  world.close();
});

test("a peer that knows RFC 2918 alone is told no marks: it would take them for requests", async () => {
  const { world, peer } = raw();
  await peer.connect();
  await world.clock.advance(100);
  peer.heard.length = 0;
  peer.say(message("request"));
  await world.clock.advance(100);
  assert.deepEqual(peer.heard, [`+ ${OWN}`]);
  world.close();
});

test("RFC 7313 section 4: a refresh that is asked for before our End-of-RIB begins after it", async () => {
  const { world, hub, peer } = raw();
  await peer.connect(enhanced, graceful);
  peer.hangUp();
  await world.until("the loss", () => !hub.isUp(SECOND));
  peer.heard.length = 0;
  await peer.connectSaying([message("request")], enhanced, graceful);
  await world.clock.advance(100);
  assert.deepEqual(peer.heard.slice(-3), ["begin 4", `+ ${OWN}`, "end 4"]);
  assert.ok(peer.heard.indexOf("end of RIB 4") < peer.heard.indexOf("begin 4"));
  world.close();
});

test("requests without end from a peer that reads nothing fill no memory", async () => {
  const { world, hub, peer } = raw();
  await peer.connect(enhanced);
  await world.clock.advance(100);
  peer.pause();
  for (let round = 0; round < 20; round++) {
    peer.say(...new Array<Request>(2000).fill(message("request")));
    await world.clock.advance(50);
  }
  assert.ok(hub.status(SECOND).waitingOctets < 1 << 18, `${hub.status(SECOND).waitingOctets} octets wait`);
  world.close();
});

test("RFC 7313 section 4: a refresh that begins before the peer's End-of-RIB is none", async () => {
  const { world, hub, peer } = await returned();
  peer.announce(THEIRS);
  peer.say(message("begin"));
  peer.endOfRib(4);
  await world.clock.advance(100);
  assert.equal(hub.best.size, 1);
  world.close();
});

test("the end of a refresh that never began leaves stale routes to the End-of-RIB", async () => {
  const { world, hub, peer } = await returned();
  peer.say(message("end"));
  await world.clock.advance(100);
  assert.equal(hub.best.size, 1);
  peer.endOfRib(4);
  await world.until("the route to go", () => hub.best.size === 0);
  world.close();
});

test("the time for what a peer told before its restart is not that of a refresh later on", async () => {
  const { world, hub, peer } = await returned();
  peer.announce(THEIRS);
  peer.endOfRib(4);
  for (let seconds = 0; seconds < 350; seconds += 10) {
    peer.say({ type: "keepalive" });
    await world.clock.advance(10_000);
  }
  peer.say(message("begin"));
  await world.clock.advance(20_000);
  assert.equal(hub.best.size, 1);
  peer.say(message("end"));
  await world.until("the route to go", () => hub.best.size === 0);
  world.close();
});
