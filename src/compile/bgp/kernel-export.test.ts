import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress } from "../../ip/address.ts";
import { formatPrefix } from "../../ip/prefix.ts";
import type { Stored } from "../../port/store.ts";
import { awsObjects, bgpWorld, birdLocal } from "../../testing/bgp-world.ts";
import { poolObject, resourceObject } from "../../testing/objects.ts";
import { kernelExport } from "./kernel-export.ts";

const local = birdLocal("worker-1", "10.30.0.206/24", "ens5");

/** Ranges in words, and the next hops behind the tunnel. */
function exported(...objects: readonly Stored[]) {
  const { ranges, tunnel } = kernelExport(bgpWorld(local, objects).compiler.view);
  return {
    ranges: ranges.map(({ prefix, verdict, about }) => `${formatPrefix(prefix)} ${verdict}: ${about}`),
    behind: tunnel?.nextHops.map(formatAddress),
  };
}

test("with Always all other nodes are behind the tunnel, with CrossSubnet those of other subnets, with Never none", () => {
  const accepted = "192.168.0.0/16 accept: pool default-ipv4-ippool";
  const always = exported(...awsObjects("Always"));
  assert.deepEqual(always.ranges, [accepted]);
  const crossing = exported(...awsObjects("CrossSubnet"));
  assert.deepEqual(crossing.ranges, [accepted]);
  assert.deepEqual(exported(...awsObjects("Never")), { ranges: [accepted], behind: undefined });
  assert.ok(always.behind?.length === 3 && !always.behind.includes("10.30.0.206"), String(always.behind));
  assert.ok(
    crossing.behind?.every((address) => !address.startsWith("10.30.0.")),
    String(crossing.behind),
  );
  assert.ok((crossing.behind?.length ?? 0) > 0);
});

test("services and pools that BIRD cannot serve stay out, an inner pool decides for itself", () => {
  const { ranges } = exported(
    ...awsObjects("Always"),
    poolObject("overlay", "192.168.64.0/18", { vxlanMode: "Always" }),
    poolObject("plain", "10.50.0.0/16", { vxlanMode: "Never", ipipMode: "Never" }),
    poolObject("zix", "fd00:10::/64", { vxlanMode: "Never", blockSize: 122 }),
    resourceObject("BGPConfiguration", "default", {
      serviceClusterIPs: [{ cidr: "10.96.0.0/12" }],
      prefixAdvertisements: [{ cidr: "172.16.0.0/12" }],
    }),
  );
  const [services, ...others] = ranges;
  assert.equal(services, "10.96.0.0/12 reject: services 10.96.0.0/12, which this node serves itself");
  assert.equal(others.at(-1), "172.16.0.0/12 accept: advertised 172.16.0.0/12");
  const at = (start: string): number => others.findIndex((line) => line.startsWith(start));
  assert.ok(at("192.168.64.0/18 reject: pool overlay uses VXLAN") < at("192.168.0.0/16 "));
  assert.ok(at("fd00:10::/64 accept: pool zix") >= 0);
  assert.ok(others.some((line) => / reject: pool .* has ipipMode .*, and BIRD can do only one, /.test(line)));
});
