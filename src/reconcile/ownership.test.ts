import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteItem } from "../compile/node-state.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { ownsRoute } from "./ownership.ts";

const ownership = {
  workloadPrefixes: ["cali"],
  tunnels: ["vxlan.calico", "tunl0"],
  removesExternal: () => true,
  prefixes: () => [parsePrefix("192.168.0.0/16")],
};
const route = (over: Partial<RouteItem>): RouteItem => ({
  table: 254,
  destination: "192.168.1.0/26",
  type: "unicast",
  protocol: 3,
  scope: 0,
  metric: 0,
  nextHops: [{ device: "ens5" }],
  ...over,
});

test("a route is ours by its device, or by its protocol inside a pool", () => {
  assert.ok(ownsRoute(ownership, route({ nextHops: [{ device: "cali0123" }] })));
  assert.ok(ownsRoute(ownership, route({ nextHops: [{ device: "vxlan.calico" }], destination: "10.0.0.0/8" })));
  assert.ok(ownsRoute(ownership, route({ nextHops: [{ device: "vxlan.calico" }], protocol: 2 })), "whoever made it");
  assert.ok(ownsRoute(ownership, route({ protocol: 80 })));
  assert.ok(ownsRoute(ownership, route({ protocol: 80, type: "blackhole", nextHops: [] })));
});

test("what BGP brought is ours inside the pools, by the tunnel wherever it leads", () => {
  assert.ok(ownsRoute(ownership, route({ protocol: 12 })));
  assert.ok(ownsRoute(ownership, route({ protocol: 12, type: "blackhole", nextHops: [] })));
  assert.ok(ownsRoute(ownership, route({ protocol: 12, nextHops: [{ device: "tunl0" }], destination: "10.9.0.0/16" })));
  assert.ok(!ownsRoute(ownership, route({ protocol: 12, destination: "10.9.0.0/16" })), "of the host's own BIRD");
  assert.ok(!ownsRoute(ownership, route({ protocol: 12, destination: "0.0.0.0/0" })), "of the host's own BIRD");
});

test("the route for the pods' gateway is ours by its address, table and protocol", () => {
  const gateway = { table: 255, destination: "169.254.1.1/32", protocol: 80, scope: 253, nextHops: [{ device: "lo" }] };
  assert.ok(ownsRoute(ownership, route(gateway)));
  assert.ok(ownsRoute(ownership, route({ ...gateway, nextHops: [{ device: "ens5" }] })), "changed by others");
  assert.ok(!ownsRoute(ownership, route({ ...gateway, protocol: 2 })), "an interface that has the address");
  assert.ok(!ownsRoute(ownership, route({ ...gateway, destination: "169.254.1.2/32" })));
  assert.ok(!ownsRoute(ownership, route({ ...gateway, table: 254 })));
});

test("everything else is somebody's", () => {
  assert.ok(!ownsRoute(ownership, route({})), "another protocol");
  assert.ok(!ownsRoute(ownership, route({ protocol: 80, destination: "10.0.0.0/24" })), "outside every pool");
  assert.ok(!ownsRoute(ownership, route({ protocol: 80, table: 100 })), "another table");
  assert.ok(!ownsRoute(ownership, route({ protocol: 2, nextHops: [{ device: "cali0123" }] })), "the kernel's own");
  assert.ok(!ownsRoute(ownership, route({ nextHops: [{ device: "xcali0" }] })));
  assert.ok(
    !ownsRoute(ownership, route({ nextHops: [{ device: "vxlan.calico" }], protocol: 2, destination: "fe80::/64" })),
  );
});

test("with RemoveExternalRoutes off, routes of others on devices of pods stay", () => {
  const careful = { ...ownership, removesExternal: () => false };
  assert.ok(!ownsRoute(careful, route({ nextHops: [{ device: "cali0123" }], protocol: 4 })));
  assert.ok(ownsRoute(careful, route({ nextHops: [{ device: "cali0123" }] })));
});
