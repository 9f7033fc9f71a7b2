import assert from "node:assert/strict";
import { test } from "node:test";
import type { Stored } from "../../port/store.ts";
import { awsObjects, type BgpWorld, bgpWorld, birdLocal } from "../../testing/bgp-world.ts";
import { compileAll } from "../../testing/compile-all.ts";
import { endpointObject, resourceObject } from "../../testing/objects.ts";
import { isEndDeleted } from "./deleted-end.ts";

const pod = (labels: Record<string, string>): Stored =>
  endpointObject("worker-1", "router", "192.168.226.70", "calirouter", labels);

function world(): BgpWorld {
  return bgpWorld(birdLocal("worker-1", "10.30.0.206/24", "ens5"), [
    ...awsObjects("Always"),
    pod({ role: "router" }),
    resourceObject("BGPPeer", "pods", { localWorkloadSelector: "has(role)", asNumber: 65001 }),
    resourceObject("BGPPeer", "tor", { peerIP: "10.30.0.1", asNumber: 65100 }),
  ]);
}

/** Sessions of before whose ends are deleted by what happens then. */
function deletedBy({ compiler, intent }: BgpWorld, happens: (intent: BgpWorld["intent"]) => void): readonly string[] {
  const before = [...compileAll(compiler.view).values()].flatMap(({ bgp }) => bgp?.sessions ?? []);
  assert.equal(before.length, 5);
  happens(intent);
  return before.filter((piece) => isEndDeleted(piece, compiler.view)).map(({ session }) => session.name);
}

test("a node or a pod that is gone is deleted", () => {
  const node = (intent: BgpWorld["intent"]) =>
    intent.event({ type: "removed", key: { kind: "Node", name: "worker-2" } });
  assert.deepEqual(deletedBy(world(), node), ["Mesh_10_30_0_56"]);
  const router = (intent: BgpWorld["intent"]) => intent.event({ type: "removed", key: pod({}).key });
  assert.deepEqual(deletedBy(world(), router), ["Local_Workload_192_168_226_70"]);
});

test("who is peered with no longer is there still, and of an address nobody knows", () => {
  const peering = (intent: BgpWorld["intent"]) => {
    intent.event({ type: "changed", object: pod({}) });
    intent.event({ type: "removed", key: { kind: "BGPPeer", name: "tor" } });
    const off = resourceObject("BGPConfiguration", "default", { nodeToNodeMeshEnabled: false });
    intent.event({ type: "changed", object: off });
  };
  assert.deepEqual(deletedBy(world(), peering), []);
});
