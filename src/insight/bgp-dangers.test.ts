import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPrefix, type Prefix } from "../ip/prefix.ts";
import { awsObjects, bgpNodeObject, bgpWorld, birdLocal } from "../testing/bgp-world.ts";
import { poolObject } from "../testing/objects.ts";
import { type BgpPeers, bgpDangers, type PeerState, type Reach } from "./bgp-dangers.ts";

const { compiler, put } = bgpWorld(birdLocal("worker-1", "10.30.0.206/24", "ens5"), awsObjects("Always"));
const { view } = compiler;

const peer = (node: string, changes: Partial<PeerState> = {}): PeerState => ({
  session: `Mesh_${node}`,
  node,
  state: "Established",
  isUnanswered: false,
  received: 1,
  stale: 0,
  problems: [],
  ...changes,
});
const of = (...peers: readonly PeerState[]): BgpPeers => ({ peers, retired: [] });
const nobody = () => undefined;
/** Nobody waits: what is lost stays so. */
const impatient = {
  yield: async () => undefined,
  after: (_ms: number, fire: () => void) => {
    queueMicrotask(fire);
    return { cancel: () => undefined };
  },
};
const dangersOf = (peers: BgpPeers, leadsTo: Reach["leadsTo"], whyNot: Reach["whyNot"] = nobody) =>
  bgpDangers(peers, view, { leadsTo, whyNot }, impatient);
const everywhere = () => true;
const notTo =
  (...cidrs: readonly string[]) =>
  (prefix: Prefix) =>
    !cidrs.includes(formatPrefix(prefix));

test("peers that are up and told all are no danger", async () => {
  assert.deepEqual(await dangersOf(of(peer("worker-2")), everywhere), { dangers: [], reports: [] });
});

test("a peer that is up and answers nothing is named with what it told", async () => {
  const { dangers } = await dangersOf(of(peer("worker-2", { isUnanswered: true, received: 3 })), everywhere);
  assert.deepEqual(dangers, [
    "Mesh_worker-2 (worker-2) does not answer: what goes over it may be lost; it told 3 prefixes, kept for the hold time",
  ]);
});

test("one that is down is named with why, with what is kept, and with what nothing leads to", async () => {
  const down = { state: "Active", why: "connection refused" };
  assert.deepEqual((await dangersOf(of(peer("worker-2", { ...down, stale: 2 })), everywhere)).dangers, [
    "Mesh_worker-2 (worker-2) is down (Active): connection refused; of what it told before, 2 prefixes kept for its restart time",
  ]);
  const lost = notTo("192.168.133.192/26");
  assert.deepEqual(await dangersOf(of(peer("worker-2", down)), lost), {
    dangers: ["Mesh_worker-2 (worker-2) is down (Active): connection refused; no route leads to 192.168.133.192/26"],
    reports: [],
  });
});

test("a block that nobody told is a danger, though every peer is up; own ones, and those that BGP does not carry, are not", async () => {
  const lost = notTo("192.168.133.192/26", "192.168.226.64/26");
  const untold = ["no route leads to 192.168.133.192/26 of node worker-2: nobody told it"];
  assert.deepEqual(await dangersOf(of(peer("worker-2")), lost), { dangers: untold, reports: [] });
  for (const other of [{ vxlanMode: "Always" }, { disableBGPExport: true }]) {
    put(poolObject("default-ipv4-ippool", "192.168.0.0/16", { ipipMode: "Never", vxlanMode: "Never", ...other }));
    assert.deepEqual((await dangersOf(of(), lost)).dangers, []);
  }
  put(poolObject("default-ipv4-ippool", "192.168.0.0/16", { ipipMode: "Always", vxlanMode: "Never" }));
});

test("one that is told a moment later is none, and one that was told and is not used is with the reason", async () => {
  let looks = 0;
  const late = (prefix: Prefix) => formatPrefix(prefix) !== "192.168.133.192/26" || looks++ > 0;
  assert.deepEqual((await dangersOf(of(peer("worker-2")), late)).dangers, []);
  assert.equal(looks, 2);
  const lost = notTo("192.168.133.192/26");
  const rejected = "Mesh_worker-2 told it, and rule 1 of importV4 of BGPFilter(imp) rejects it";
  assert.deepEqual((await dangersOf(of(peer("worker-2")), lost, () => rejected)).dangers, [
    `no route leads to 192.168.133.192/26 of node worker-2: ${rejected}`,
  ]);
});

test("a reflector that no BGPPeer knows is named for what took it out of the mesh", async () => {
  put(bgpNodeObject("worker-2", "10.30.0.56/24", "192.168.133.192", { routeReflectorClusterID: "244.0.0.1" }));
  const { dangers } = await dangersOf(of(), notTo("192.168.133.192/26"));
  assert.match(
    dangers.join(),
    /^no route leads to .* of node worker-2: nobody told it; the mesh leaves out node worker-2/,
  );
  put(bgpNodeObject("worker-2", "10.30.0.56/24", "192.168.133.192"));
});

test("conflicts of a session are named though it is up", async () => {
  const problems = ["Mesh_worker-3 is a peer with the same router id"];
  assert.deepEqual((await dangersOf(of(peer("worker-2", { problems })), everywhere)).dangers, [
    `Mesh_worker-2 (worker-2): ${problems[0]}`,
  ]);
});

test("what is kept of sessions that are configured no longer is noted", async () => {
  const retired = [
    { session: "Mesh_10_0_0_2", prefixes: 1, seconds: 20 },
    { session: "Mesh_10_0_0_3", prefixes: 2, seconds: 1 },
  ];
  assert.deepEqual(await dangersOf({ peers: [], retired }, everywhere), {
    dangers: [],
    reports: [
      "Mesh_10_0_0_2 is configured no longer: 1 prefix of it kept until others tell them, for 20 s at most",
      "Mesh_10_0_0_3 is configured no longer: 2 prefixes of it kept until others tell them, for 1 s at most",
    ],
  });
  const otherwise = peer("worker-2", { session: "Mesh_10_0_0_3", state: "Idle", stale: 2 });
  assert.deepEqual(await dangersOf({ peers: [otherwise], retired: retired.slice(1) }, everywhere), {
    dangers: [
      "Mesh_10_0_0_3 (worker-2) is down (Idle); of what it told before, 2 prefixes kept until others tell them, for 1 s at most",
    ],
    reports: [],
  });
});
