import assert from "node:assert/strict";
import { test } from "node:test";
import { awsObjects, bgpWorld, birdLocal } from "../testing/bgp-world.ts";
import { resourceObject } from "../testing/objects.ts";
import { keys } from "./keys.ts";
import { explain } from "./provenance.ts";

const { compiler } = bgpWorld(birdLocal("worker-1", "10.30.0.206/24", "ens5"), [
  ...awsObjects("CrossSubnet"),
  resourceObject("BGPConfiguration", "default", { asNumber: 65000 }),
  resourceObject("BGPPeer", "racks", { peerSelector: "all()" }),
  resourceObject("BGPPeer", "tor", { peerIP: "10.30.0.1", asNumber: 65100 }),
  resourceObject("BGPFilter", "mine", { exportV4: [{ action: "Accept" }] }),
]);

/** The rule, then the objects without their revisions. */
const story = (key: string): string => {
  const { rule, objects } = explain(key, compiler.view);
  return `${rule}: ${objects.map((object) => object.replace(/@\d+$/, "")).join(" ")}`;
};

test("a session names what pairs the nodes, both nodes, and the configuration", () => {
  assert.match(
    story(keys.bgpNode("worker-2")),
    /meshed.*: BGPPeer\(racks\) Node\(worker-2\) Node\(worker-1\) BGPConfiguration\(default\)$/,
  );
  assert.match(story(keys.bgpPeer("tor")), /: BGPPeer\(tor\) Node\(worker-1\) BGPConfiguration\(default\)$/);
  assert.match(story(keys.bgpFilter("mine")), /: BGPFilter\(mine\)$/);
});

test("a route that was heard names its pool and the pool's mode", () => {
  assert.match(story(keys.learned("192.168.97.192/26")), /ipipMode CrossSubnet\): IPPool\(default-ipv4-ippool\)$/);
  assert.match(story(keys.learned("10.200.0.0/16")), /where the kernel's table sends its next hop: $/);
});

test("what there is one of is told by its rule", () => {
  assert.match(story(keys.ipipDevice), /IP-in-IP device while any pool uses IP-in-IP/);
  assert.match(story(keys.bgpRouter), /router id/);
  assert.match(story(keys.bgpExport), /announces its blocks/);
});
