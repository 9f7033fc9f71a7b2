import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Stored } from "../../port/store.ts";
import { SpeakerPieces } from "../../rib/speaker-pieces.ts";
import { bgpNodeObject, bgpWorld, birdLocal } from "../../testing/bgp-world.ts";
import { compileAll } from "../../testing/compile-all.ts";
import { blockObject, endpointObject, poolObject, resourceObject } from "../../testing/objects.ts";
import { runs } from "../../testing/runs.ts";
import type { Fragment } from "../fragment.ts";
import type { CompileKey } from "../keys.ts";

const local = birdLocal("n1", "10.30.0.1/24", "ens5");

const node = fc.constantFrom("n1", "n2", "n3");
const last = fc.constantFrom(1, 2, 3);
const clusterId = fc.constantFrom("", "", "244.0.0.1", "244.0.0.2");
const asn = fc.constantFrom(0, 0, 65001);
const selector = fc.constantFrom("all()", "has(rr)", "!has(rr)");
const target = fc.oneof(
  fc.record({ peerIP: fc.constantFrom("10.30.0.1", "10.30.0.2", "10.30.0.3", "10.30.0.2:1790"), asNumber: asn }),
  fc.record({ peerSelector: selector }),
  fc.record({ localWorkloadSelector: selector, asNumber: fc.constantFrom(65001, 65002) }),
);
const users = fc.oneof(fc.constant({}), fc.record({ node }), fc.record({ nodeSelector: selector }));

const nodeNamed = (name: fc.Arbitrary<string>): fc.Arbitrary<Stored> =>
  fc
    .record({ name, last, id: clusterId, asNumber: asn, rr: fc.boolean(), six: fc.boolean() })
    .map(({ name: its, last: octet, id, asNumber, rr, six }) =>
      bgpNodeObject(
        its,
        `10.30.0.${octet}/24`,
        "192.168.1.1",
        { routeReflectorClusterID: id, asNumber, ...(six ? { ipv6Address: `fd00::${octet}/64` } : {}) },
        rr ? { rr: "" } : {},
      ),
    );
const configurationNamed = (name: string): fc.Arbitrary<Stored> =>
  fc
    .record({
      nodeToNodeMeshEnabled: fc.boolean(),
      listenPort: fc.constantFrom(0, 1790),
      asNumber: asn,
      bindMode: fc.constantFrom("None", "NodeIP"),
      localWorkloadPeeringIPV4: fc.constantFrom("", "169.254.7.1", "169.254.7.2"),
    })
    .map((spec) => resourceObject("BGPConfiguration", name, spec));

/** What concerns everything comes seldom: it would hide what was forgotten. */
const object: fc.Arbitrary<Stored> = fc.oneof(
  { weight: 1, arbitrary: nodeNamed(fc.constant("n1")) },
  { weight: 6, arbitrary: nodeNamed(fc.constantFrom("n2", "n3")) },
  { weight: 1, arbitrary: configurationNamed("default") },
  { weight: 1, arbitrary: configurationNamed("node.n1") },
  { weight: 3, arbitrary: configurationNamed("node.n2") },
  {
    weight: 6,
    arbitrary: fc
      .record({ name: fc.constantFrom("p1", "p2"), target, users, reversePeering: fc.constantFrom("Auto", "Manual") })
      .map(({ name, ...spec }) =>
        resourceObject("BGPPeer", name, { ...spec.target, ...spec.users, reversePeering: spec.reversePeering }),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("Accept", "Reject")
      .map((action) => resourceObject("BGPFilter", "f", { exportV4: [{ action }] })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ ipipMode: fc.constantFrom("Never", "Always", "CrossSubnet"), disableBGPExport: fc.boolean() })
      .map((spec) => poolObject("pool", "192.168.0.0/16", { ...spec, vxlanMode: "Never" })),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({ at: fc.constantFrom(0, 1), owner: node, borrower: node })
      .map(({ at, owner, borrower }) =>
        blockObject(`192.168.${at}.0/26`, owner, { 5: { node: borrower, type: "ipipTunnelAddress" } }),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ at: fc.constantFrom(0, 1), rr: fc.boolean() })
      .map(({ at, rr }) => endpointObject("n1", `pod-${at}`, `192.168.${at}.9`, `cali${at}`, rr ? { rr: "" } : {})),
  },
);
const change = fc.record({
  object,
  isGone: fc.nat(3).map((one) => one === 0),
  device: fc.nat(40).map((one) => [undefined, "eth0", "eth1"][one]),
});
const own = bgpNodeObject("n1", "10.30.0.1/24", "192.168.1.1");

test("the incremental compile of a history of BGP resources is the plain compile of where it ends", () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 5, maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (history, every) => {
      const { compiler, intent, put } = bgpWorld(local, [own]);
      const fragments = new Map<CompileKey, Fragment>();
      const pieces = new SpeakerPieces();
      const flush = () =>
        compiler.flush(10_000, (key, fragment) => {
          fragments.set(key, fragment);
          pieces.set(key, fragment.bgp);
        });
      for (const [index, step] of history.entries()) {
        if (step.isGone) intent.event({ type: "removed", key: step.object.key });
        else put(step.object);
        const address = local.address && step.device && { ...local.address, device: step.device };
        if (address) compiler.view.setLocal({ ...local, address }, compiler.touch);
        if (index % every === 0) flush();
      }
      flush();
      const whole = compileAll(compiler.view);
      for (const [key, fragment] of fragments) assert.deepEqual(fragment, whole.get(key) ?? {}, key);
      for (const key of whole.keys()) assert.ok(fragments.has(key), key);
      const plain = new SpeakerPieces();
      for (const [key, { bgp }] of whole) plain.set(key, bgp);
      assert.deepEqual(
        pieces.wish(() => "secret"),
        plain.wish(() => "secret"),
      );
    }),
    { numRuns: runs(300) },
  );
});
