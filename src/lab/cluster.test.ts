import assert from "node:assert/strict";
import { test } from "node:test";
import { besides, carriedFor, withBackend } from "./cluster.ts";
import { awsTwoSubnets } from "./topologies/aws-two-subnets.ts";

const REFUSED = "open of /dev/net/tun: EACCES";

test("a lab begins with BGP and IP-in-IP; another backend brings the modes that it carries", () => {
  const { backend, ipipMode, vxlanMode } = awsTwoSubnets.cluster;
  assert.deepEqual([backend, ipipMode, vxlanMode], ["bird", "Always", "Never"]);
  const { cluster } = withBackend(awsTwoSubnets, "vxlan");
  assert.deepEqual([cluster.backend, cluster.ipipMode, cluster.vxlanMode], ["vxlan", "Never", "Always"]);
  assert.equal(cluster.pool, awsTwoSubnets.cluster.pool);
  assert.deepEqual(withBackend(withBackend(awsTwoSubnets, "vxlan"), "bird"), awsTwoSubnets);
});

test("where nothing can carry IP-in-IP, VXLAN takes its place, and the place of nothing else", () => {
  const { topology, note } = carriedFor(awsTwoSubnets, REFUSED);
  const { backend, ipipMode, vxlanMode } = topology.cluster;
  assert.deepEqual([backend, ipipMode, vxlanMode], ["bird", "Never", "Always"]);
  assert.match(
    note ?? "",
    /without root .*EACCES; chmod 666 \/dev\/net\/tun.* vxlanMode Always instead of ipipMode Always/,
  );
  assert.deepEqual(carriedFor(awsTwoSubnets, undefined), { topology: awsTwoSubnets });
  const byVxlan = withBackend(awsTwoSubnets, "vxlan");
  assert.deepEqual(carriedFor(byVxlan, REFUSED), { topology: byVxlan });
});

test("VXLAN is shown beside IP-in-IP, and nothing beside VXLAN", () => {
  assert.deepEqual(besides(awsTwoSubnets), { ipipMode: "Never", vxlanMode: "Always" });
  assert.equal(besides(withBackend(awsTwoSubnets, "vxlan")), undefined);
  assert.equal(besides(carriedFor(awsTwoSubnets, REFUSED).topology), undefined);
});
