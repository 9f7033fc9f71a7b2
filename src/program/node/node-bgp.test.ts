/** worker-1's agent with its speaker, against a peer at worker-2, under a clock of the test's: what hours do that nobody waits for. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { parseAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";
import { LinkTable } from "../../kernel/link-table.ts";
import { Rtnetlink } from "../../kernel/rtnetlink.ts";
import { agentHost, put } from "../../testing/agent-host.ts";
import { sessionConfig } from "../../testing/bgp-samples.ts";
import { awsObjects, birdLocal } from "../../testing/bgp-world.ts";
import { Ground, underTest } from "../../testing/driver-ground.ts";
import { MemoryKernel } from "../../testing/memory-kernel/memory-kernel.ts";
import { MemoryStateFile } from "../../testing/memory-state-file.ts";
import { MemoryStore } from "../../testing/memory-store.ts";
import { blockObject, poolObject, resourceObject } from "../../testing/objects.ts";
import { codeOf, SpeakerWorld, SteadyRandom } from "../../testing/speaker-world.ts";
import { BgpKeeper } from "./bgp-keeper.ts";
import { NodeBgp } from "./node-bgp.ts";

const OWN = "10.30.0.206";
const PEER = "10.30.0.56";
const SESSION = "Mesh_10_30_0_56";
const BLOCK = "192.168.133.192/26";
const MORE = "192.168.134.0/26";
const HOUR_MS = 3_600_000;

async function nodes(t: TestContext) {
  const world = new SpeakerWorld();
  const { clock } = world;
  const store = new MemoryStore();
  await put(store, ...awsObjects("Always"));
  const away = store.client();
  const host = agentHost(away, clock);
  const kernel = new MemoryKernel();
  const ground = Ground.withDevices(underTest(kernel));
  ground.addAddress("eth0", `${OWN}/24`);
  const subnet = { hops: [{ device: ground.index("eth0") }], scope: 253, protocol: 2 };
  ground.run({ type: "replaceRoute", route: ground.route("10.30.0.0/24", subnet) });
  const rtnetlink = new Rtnetlink(kernel, clock);
  const links = new LinkTable(rtnetlink);
  await links.start();
  const own = parseAddress(OWN);
  const stateFile = new MemoryStateFile();
  const transport = world.network.host(own);
  const begin = async () => {
    const { log } = host;
    const bgp = new NodeBgp({
      ...{ rtnetlink, links, clock, log, wallClock: clock.wall, random: new SteadyRandom(1), transport },
      keeper: new BgpKeeper({ node: "worker-1", stateFile, clock, log }),
      ownsRoute: () => false,
      password: () => undefined,
      turn: (_name, work) => work(),
      isOwnAddress: (address) => address === own,
    });
    const agent = host.start({ bgp }, birdLocal("worker-1", `${OWN}/24`, "eth0"));
    await bgp.start(agent);
    return { bgp, agent };
  };
  let running = await begin();
  const end = async () => {
    await running.bgp.close();
    await running.agent.close();
  };
  const restart = async () => {
    await end();
    running = await begin();
    return running;
  };
  const peer = world.host(PEER);
  const session = { peer: { address: own, port: 179, asn: 64512 }, holdTimeSeconds: 240, restartTimeSeconds: 120 };
  peer.configure({ sessions: new Map([[OWN, sessionConfig({ name: OWN, localAs: 64512, ...session })]]) });
  peer.originate(BLOCK);
  t.after(async () => {
    await end();
    links.close();
    rtnetlink.close();
    ground.close();
    world.close();
  });
  const learned = () => host.routes().filter((route) => route === BLOCK || route === MORE);
  const flaps = () => running.bgp.status?.sessions.find(({ name }) => name === SESSION)?.flaps;
  await world.until("the route", () => learned().length === 1);
  return { world, clock, store, away, ...running, restart, ground, peer, session, own, learned, flaps };
}

test("the store is away for an hour: sessions and routes stay, what peers tell counts at once, and what was missed is caught up", async (t) => {
  const { world, clock, store, away, agent, peer, own, learned, flaps } = await nodes(t);
  away.isAway = true;
  await clock.advance(HOUR_MS / 2);
  assert.equal(agent.store.state, "away");
  assert.deepEqual([learned(), flaps()], [[BLOCK], 0]);
  peer.originate(BLOCK, MORE);
  await world.until("what is new", () => learned().length === 2);
  peer.originate(BLOCK);
  await world.until("the withdrawal", () => learned().length === 1);
  world.network.silence(own, peer.routerId);
  await world.until("the end of the hold time", () => learned().length === 0, 240_000);
  world.network.silence(own, peer.routerId, false);
  await world.until("the peer", () => learned().length === 1);
  await clock.advance(HOUR_MS / 2);
  assert.deepEqual([learned(), flaps()], [[BLOCK], 1]);
  await put(
    store,
    poolObject("more", "172.16.0.0/16", { ipipMode: "Always" }),
    blockObject("172.16.1.0/26", "worker-1"),
  );
  away.isAway = false;
  await world.until("the own block that was made meanwhile", () => peer.best.has("172.16.1.0/26"));
  assert.deepEqual([learned(), flaps()], [[BLOCK], 1]);
});

test("an agent that begins while the store is away has its sessions, tells its own, and adds nothing before the store is back", async (t) => {
  const { world, clock, away, restart, peer, learned, flaps } = await nodes(t);
  const mine = "192.168.226.64/26";
  await world.until("the own block", () => peer.best.has(mine));
  await clock.advance(10_000);
  away.isAway = true;
  const { bgp, agent } = await restart();
  await world.until("the session", () => peer.isUp(OWN) && peer.status(OWN).stalePrefixes === 0);
  assert.ok(peer.best.has(mine));
  peer.originate(BLOCK, MORE);
  await clock.advance(HOUR_MS / 2);
  assert.ok(peer.isUp(OWN) && peer.best.has(mine), "beyond the time of graceful restart");
  assert.equal(agent.store.state, "away");
  assert.deepEqual(learned(), [BLOCK], "what was applied is there, and nothing new");
  assert.match(JSON.stringify(bgp.whyLearned(codeOf(MORE))), /the store is away since this agent began/);
  assert.ok(agent.dataplane.wanted("routes", `254 ${BLOCK} 0`), "and it would be repaired");
  away.isAway = false;
  await world.until("what was heard meanwhile", () => learned().length === 2);
  peer.originate(MORE);
  await world.until("the withdrawal", () => learned().length === 1);
  assert.equal(flaps(), 0);
});

test("the speaker too looks for next hops beside the interfaces that are ignored", async (t) => {
  const { world, store, learned } = await nodes(t);
  await put(store, resourceObject("BGPConfiguration", "default", { ignoredInterfaces: ["eth*"] }));
  await world.until("the route to go, as nothing else leads to the peer", () => learned().length === 0);
  await put(store, resourceObject("BGPConfiguration", "default", { ignoredInterfaces: ["docker0"] }));
  await world.until("the route again", () => learned().length === 1);
});

test("next hops are forgotten with the last route that leads over them, and asked for again with the next one", async (t) => {
  const { world, bgp, ground, peer, session, learned } = await nodes(t);
  /** The peer tells one route over each of the next hops. */
  const tell = (prefixes: readonly string[], hops: readonly string[]) => {
    const terms = prefixes.map((prefix, at) => ({
      about: prefix,
      conditions: [{ kind: "within", prefix: parsePrefix(prefix) }] as const,
      actions: [{ kind: "setNextHop", address: parseAddress(hops[at] ?? "") }] as const,
    }));
    const exportFilter = { name: "hops", terms, otherwise: "accept" } as const;
    const told = sessionConfig({ name: OWN, localAs: 64512, ...session, exportFilter });
    peer.configure({ sessions: new Map([[OWN, told]]) });
    peer.originate(BLOCK, ...prefixes);
  };
  const isInUse = (hop: string) => bgp.nextHopsInUse.includes(parseAddress(hop));
  const many = Array.from({ length: 50 }, (_, at) => `192.168.${at}.0/26`);
  for (const round of [1, 2, 3, 4]) {
    const hops = many.map((_, at) => `172.30.${round}.${at}`);
    tell(many, hops);
    await world.until("the next hops", () => hops.every(isInUse));
    await world.until("the ones before to be forgotten", () => bgp.nextHopsInUse.length === hops.length + 1);
  }
  tell([], []);
  await world.until("all to be forgotten", () => bgp.nextHopsInUse.length === 1);
  const far = { hops: [{ device: ground.index("eth0") }], scope: 253, protocol: 4 };
  ground.run({ type: "replaceRoute", route: ground.route("172.30.4.0/24", far) });
  tell([MORE], ["172.30.4.7"]);
  await world.until("the way that came meanwhile", () => learned().length === 2);
  ground.run({ type: "deleteRoute", route: ground.route("172.30.4.0/24", far) });
  await world.until("the way to go", () => learned().length === 1);
  assert.ok(isInUse("172.30.4.7"));
});

test("the time of day jumps, and the machine stands still for an hour: nothing is lost", async (t) => {
  const { clock, learned, flaps } = await nodes(t);
  for (const time of ["2036-02-07T06:28:16Z", "1970-01-01T00:00:00Z"]) {
    clock.setWall(new Date(time));
    await clock.advance(600_000);
    assert.deepEqual([learned(), flaps()], [[BLOCK], 0], time);
  }
  clock.stall(HOUR_MS);
  await clock.advance(600_000);
  assert.deepEqual([learned(), flaps()], [[BLOCK], 0]);
});
