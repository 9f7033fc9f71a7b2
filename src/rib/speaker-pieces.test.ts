import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../base/json.ts";
import type { Stored } from "../port/store.ts";
import { formatPrefixCode } from "../testing/bgp-words.ts";
import { awsObjects, type BgpWorld, bgpNodeObject, bgpWorld, birdLocal } from "../testing/bgp-world.ts";
import { compileAll } from "../testing/compile-all.ts";
import { blockObject, resourceObject } from "../testing/objects.ts";
import { type Passwords, SpeakerPieces } from "./speaker-pieces.ts";

const local = birdLocal("worker-1", "10.30.0.206/24", "ens5");
const peer = (name: string, spec: JsonObject): Stored => resourceObject("BGPPeer", name, spec);
const noPasswords: Passwords = () => undefined;

class Speaker {
  readonly at: BgpWorld;
  readonly pieces = new SpeakerPieces();

  constructor(...objects: readonly Stored[]) {
    this.at = bgpWorld(local, [...awsObjects("Always"), ...objects]);
  }

  wish(passwords: Passwords = noPasswords) {
    this.at.compiler.flush(10_000, (key, { bgp }) => this.pieces.set(key, bgp));
    const { config, pieces, reports } = this.pieces.wish(passwords);
    return { reports, pieces, config: config ?? assert.fail(reports.join()) };
  }
}

test("a node's speaker has its mesh and its blocks", () => {
  const { config, pieces, reports } = new Speaker().wish();
  assert.deepEqual([...config.sessions.keys()].sort(), ["Mesh_10_30_0_136", "Mesh_10_30_0_56", "Mesh_10_30_1_66"]);
  assert.equal(pieces.get("Mesh_10_30_0_56")?.node, "worker-2");
  assert.deepEqual(
    [...config.originated].map(([prefix, { about }]) => [formatPrefixCode(prefix), about]),
    [["192.168.226.64/26", "block 192.168.226.64/26"]],
  );
  assert.deepEqual(reports, []);
});

test("all sessions with one policy share the very same filters, and one more node changes no other session", () => {
  const speaker = new Speaker();
  const before = speaker.wish().config.sessions;
  const filters = [...before.values()].map(({ exportFilter }) => exportFilter);
  assert.equal(new Set(filters).size, 1);
  speaker.at.put(bgpNodeObject("worker-9", "10.30.0.99/24", "192.168.7.64"));
  const after = speaker.wish().config.sessions;
  assert.equal(after.size, 4);
  for (const [name, session] of before) assert.equal(after.get(name), session, name);
});

test("one block more changes what is exported, and no session is compiled for it", () => {
  const speaker = new Speaker();
  const before = speaker.wish().config.sessions.get("Mesh_10_30_0_56");
  speaker.at.put(blockObject("192.168.9.0/26", "worker-1"));
  const compiled: string[] = [];
  speaker.at.compiler.flush(1_000, (key, { bgp }) => {
    compiled.push(key);
    speaker.pieces.set(key, bgp);
  });
  assert.deepEqual(compiled.sort(), ["bgp export", "block 192.168.9.0/26"]);
  const after = speaker.wish().config.sessions.get("Mesh_10_30_0_56");
  assert.equal(after?.importFilter, before?.importFilter);
  assert.notEqual(after?.exportFilter, before?.exportFilter);
  assert.ok(after?.exportFilter.terms.some(({ about }) => about === "own block 192.168.9.0/26"));
});

test("filters of a session stand between the priority and what Calico exports; import accepts the rest", () => {
  const filter = resourceObject("BGPFilter", "mine", {
    exportV4: [{ action: "Reject", cidr: "192.168.9.0/24", matchOperator: "In" }],
    importV4: [{ action: "Reject", peerType: "eBGP" }],
  });
  const tor = peer("tor", { peerIP: "10.30.0.1", asNumber: 65100, filters: ["mine", "gone"] });
  const { config, reports } = new Speaker(filter, tor).wish();
  const session = config.sessions.get("Global_10_30_0_1");
  assert.deepEqual(
    session?.exportFilter.terms.slice(0, 3).map(({ about }) => about),
    [
      "priority 1024 of local routes",
      "rule 1 of exportV4 of BGPFilter(mine)",
      "tunnel devices *.cali lead to no internal peer",
    ],
  );
  assert.equal(session.exportFilter.otherwise, "reject");
  assert.deepEqual(
    session.importFilter.terms.map(({ about }) => about),
    ["rule 1 of importV4 of BGPFilter(mine)"],
  );
  assert.equal(session.importFilter.otherwise, "accept");
  assert.equal(session.importFilter.beatsOwnAbove, 2_147_482_623, "the LOCAL_PREF of priority 1024");
  assert.deepEqual(reports, ["BGPPeer(tor) names BGPFilter(gone), which does not exist"]);
});

test("of two peers with one address and port the one for all nodes is used, then the first by name; both are named", () => {
  const spec = { peerIP: "10.30.0.1", asNumber: 65100 };
  const speaker = new Speaker(peer("b", { ...spec, node: "worker-1" }), peer("a", { ...spec, node: "worker-1" }));
  const first = speaker.wish();
  assert.equal(first.config.sessions.size, 4);
  assert.deepEqual(first.reports, ["BGPPeer(b) and BGPPeer(a) both lead to 10.30.0.1 port 179: BGPPeer(a) is used"]);
  speaker.at.put(peer("z", { ...spec, asNumber: 65200 }));
  const { config, reports } = speaker.wish();
  assert.equal(config.sessions.get("Global_10_30_0_1")?.peer.asn, 65200);
  assert.equal(reports.length, 2);
  speaker.at.put(peer("z", { ...spec, peerIP: "10.30.0.2" }));
  assert.deepEqual(speaker.wish().reports, first.reports, "whoever came first");
});

test("a peer beside the mesh is used in its place, a mirrored half gives way without a word", () => {
  const beside = new Speaker(peer("p", { peerIP: "10.30.0.56", asNumber: 64512, node: "worker-1" })).wish();
  assert.deepEqual([...beside.config.sessions.keys()].sort(), [
    "Mesh_10_30_0_136",
    "Mesh_10_30_1_66",
    "Node_10_30_0_56",
  ]);
  assert.deepEqual(beside.reports, [
    "the node-to-node mesh with node worker-2 and BGPPeer(p) both lead to 10.30.0.56 port 179: BGPPeer(p) is used",
  ]);
  const meshOff = resourceObject("BGPConfiguration", "default", { nodeToNodeMeshEnabled: false });
  const mirrored = new Speaker(meshOff, peer("all", { peerSelector: "all()" })).wish();
  assert.deepEqual([...mirrored.config.sessions.keys()].sort(), [
    "Global_10_30_0_136",
    "Global_10_30_0_56",
    "Global_10_30_1_66",
  ]);
  assert.deepEqual(mirrored.reports, []);
});

test("a session waits for a password that is not there, and says where it is looked for", () => {
  const ref = { secretKeyRef: { name: "bgp", key: "tor" } };
  const speaker = new Speaker(peer("tor", { peerIP: "10.30.0.1", asNumber: 65100, password: ref }));
  const waiting = speaker.wish();
  assert.equal(waiting.config.sessions.has("Global_10_30_0_1"), false);
  assert.deepEqual(waiting.reports, [
    "Global_10_30_0_1 of BGPPeer(tor): waiting for a password: write it to /etc/calico/secrets/bgp/tor on this node",
  ]);
  const told = speaker.wish(({ name, key }) => `${name} ${key}`);
  assert.equal(told.config.sessions.get("Global_10_30_0_1")?.password, "bgp tor");
  assert.match(speaker.wish(() => "x".repeat(81)).reports.join(), /has 81 octets, and TCP takes 1 to 80/);
  assert.match(speaker.wish(() => "").reports.join(), /has 0 octets/);
});

test("two nodes with one address are one session, and both are named", () => {
  const twin = bgpNodeObject("worker-9", "10.30.0.56/24", "192.168.7.64");
  const { config, reports } = new Speaker(twin).wish();
  assert.equal(config.sessions.size, 3);
  assert.deepEqual(reports, [
    "the node-to-node mesh with node worker-9 and the node-to-node mesh with node worker-2 both lead to 10.30.0.56 port 179: the node-to-node mesh with node worker-2 is used",
  ]);
});

test("two nodes with one address are named too where both halves answer another's peering, as on a reflector", () => {
  const twin = bgpNodeObject("worker-9", "10.30.0.56/24", "192.168.7.64");
  const meshOff = resourceObject("BGPConfiguration", "default", { nodeToNodeMeshEnabled: false });
  const reflector = peer("rr", { nodeSelector: "!has(rr)", peerIP: "10.30.0.206", asNumber: 64512 });
  const { config, reports } = new Speaker(twin, meshOff, reflector).wish();
  assert.ok(config.sessions.has("Node_10_30_0_56"));
  const mirrored = (node: string) => `BGPPeer(rr), mirrored with node ${node}`;
  assert.deepEqual(reports, [
    `${mirrored("worker-9")} and ${mirrored("worker-2")} both lead to 10.30.0.56 port 179: ${mirrored("worker-2")} is used`,
  ]);
});

test("two nodes with one address and ports of their own are one session too, whoever came first", () => {
  const twin = bgpNodeObject("worker-0", "10.30.0.56/24", "192.168.7.64");
  const port = resourceObject("BGPConfiguration", "node.worker-2", { listenPort: 1790 });
  for (const order of [
    [twin, port],
    [port, twin],
  ]) {
    const { config, reports } = new Speaker(...order).wish();
    assert.equal(config.sessions.size, 3);
    assert.equal(config.sessions.get("Mesh_10_30_0_56")?.peer.port, 179);
    assert.match(reports.join(), /with node worker-2 and .* with node worker-0 both lead to 10\.30\.0\.56/);
  }
});

test("what all sessions wait for is said once", () => {
  const meshed = resourceObject("BGPConfiguration", "default", {
    nodeMeshPassword: { secretKeyRef: { name: "bgp", key: "mesh" } },
  });
  assert.deepEqual(new Speaker(meshed).wish().reports, [
    "Mesh_10_30_0_136 and 2 more of the node-to-node mesh: waiting for a password: write it to /etc/calico/secrets/bgp/mesh on this node",
  ]);
});

test("a prefix with two sources is announced until the last is gone", () => {
  const pieces = new SpeakerPieces();
  const speaker = new Speaker();
  speaker.wish();
  const fragments = compileAll(speaker.at.compiler.view);
  for (const [key, { bgp }] of fragments) pieces.set(key, bgp);
  const [block] = fragments.get("block 192.168.226.64/26")?.bgp?.originated ?? assert.fail();
  const announced = () => [...(pieces.wish(noPasswords).config?.originated.values() ?? [])].map(({ about }) => about);
  assert.equal(pieces.set("endpoint x", { originated: [[block?.[0] ?? assert.fail(), { about: "another" }]] }), true);
  assert.deepEqual(announced(), ["block 192.168.226.64/26"]);
  assert.equal(pieces.set("block 192.168.226.64/26", undefined), true);
  assert.deepEqual(announced(), ["another"]);
  assert.equal(pieces.set("endpoint x", undefined), true);
  assert.deepEqual(announced(), []);
  assert.equal(pieces.set("endpoint x", undefined), false);
});
