import assert from "node:assert/strict";
import { test } from "node:test";
import { besides, carriedFor, withBackend } from "./cluster.ts";
import { awsTwoSubnets } from "./topologies/aws-two-subnets.ts";

test("a lab begins with BGP and IP-in-IP; another backend brings the modes that it carries", () => {
  const { backend, ipipMode, vxlanMode } = awsTwoSubnets.cluster;
  assert.deepEqual([backend, ipipMode, vxlanMode], ["bird", "Always", "Never"]);
  const { cluster } = withBackend(awsTwoSubnets, "vxlan");
  assert.deepEqual([cluster.backend, cluster.ipipMode, cluster.vxlanMode], ["vxlan", "Never", "Always"]);
  assert.equal(cluster.pool, awsTwoSubnets.cluster.pool);
  assert.deepEqual(withBackend(withBackend(awsTwoSubnets, "vxlan"), "bird"), awsTwoSubnets);
});

test("without root VXLAN takes the place of IP-in-IP, and of nothing else", () => {
  const { topology, note } = carriedFor(awsTwoSubnets, false);
  const { backend, ipipMode, vxlanMode } = topology.cluster;
  assert.deepEqual([backend, ipipMode, vxlanMode], ["bird", "Never", "Always"]);
  assert.match(note ?? "", /without root .* vxlanMode Always instead of ipipMode Always/);
  assert.deepEqual(carriedFor(awsTwoSubnets, true), { topology: awsTwoSubnets });
  const byVxlan = withBackend(awsTwoSubnets, "vxlan");
  assert.deepEqual(carriedFor(byVxlan, false), { topology: byVxlan });
});

test("VXLAN is shown beside IP-in-IP, and nothing beside VXLAN", () => {
  assert.deepEqual(besides(awsTwoSubnets.cluster), { ipipMode: "Never", vxlanMode: "Always" });
  assert.equal(besides(withBackend(awsTwoSubnets, "vxlan").cluster), undefined);
  assert.equal(besides(carriedFor(awsTwoSubnets, false).topology.cluster), undefined);
});
