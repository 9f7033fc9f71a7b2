import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddress } from "../../ip/address.ts";
import { awsObjects, bgpWorld, birdLocal } from "../../testing/bgp-world.ts";
import { resourceObject } from "../../testing/objects.ts";
import { hashedRouterId, router } from "./router.ts";

const local = birdLocal("worker-1", "10.30.0.206/24", "ens5");

test("the router id is the node's IPv4 address, or what CALICO_ROUTER_ID says", () => {
  const { compiler } = bgpWorld(local, awsObjects("Always"));
  const idOf = (routerId: NonNullable<typeof local.routerId>) => {
    compiler.view.setLocal({ ...local, routerId }, compiler.touch);
    return router(compiler.view).bgp?.router?.routerId;
  };
  assert.equal(router(compiler.view).bgp?.router?.routerId, parseAddress("10.30.0.206"));
  assert.equal(idOf("hash"), hashedRouterId("worker-1"));
  const given = parseAddress("1.2.3.4");
  assert.ok(typeof given === "number");
  assert.equal(idOf(given), given);
});

test("an id by hash is the first octets of SHA-256 of the name, none of them a multicast address", () => {
  // printf %s NAME | sha256sum | cut -c1-8, the first octet lowered by 32 where it is above 223.
  assert.deepEqual(
    ["worker-1", "node01", "k8s-w1"].map((name) => formatAddress(hashedRouterId(name))),
    ["19.2.159.158", "5.91.198.229", "216.76.10.63"],
  );
  for (let index = 0; index < 200; index++) assert.ok(hashedRouterId(`node-${index}`) >>> 24 <= 223);
});

test("AS, port and addresses to listen on are the node's, then the cluster's", () => {
  const { compiler, put } = bgpWorld(local, awsObjects("Always"));
  assert.deepEqual(router(compiler.view).bgp?.router, {
    localAs: 64512,
    routerId: parseAddress("10.30.0.206"),
    listen: { port: 179 },
  });
  put(
    resourceObject("BGPConfiguration", "default", { asNumber: 65000, listenPort: 1790, bindMode: "NodeIP" }),
    resourceObject("BGPConfiguration", "node.worker-1", { listenPort: 1791 }),
  );
  const { localAs, listen } = router(compiler.view).bgp?.router ?? assert.fail();
  assert.deepEqual([localAs, listen], [65000, { port: 1791, addresses: [parseAddress("10.30.0.206")] }]);
});

test("a node without an IPv4 address needs an id of its own, and says so", () => {
  const { compiler, put } = bgpWorld({ ...local, address: undefined });
  assert.match(router(compiler.view).reports?.join() ?? "", /BGP waits for the address of node worker-1/);
  put(resourceObject("Node", "worker-1", { bgp: { ipv6Address: "fd00::1/64" } }));
  assert.match(router(compiler.view).reports?.join() ?? "", /set CALICO_ROUTER_ID=hash/);
});
