import assert from "node:assert/strict";
import { test } from "node:test";
import { formatJson } from "../../base/json.ts";
import { contains } from "../../ip/prefix.ts";
import { decodeResources } from "../../resources/input/decode.ts";
import { routersOf, subnetOf, type Topology } from "../topology.ts";
import { shippedTopologies, shippedTopology } from "./shipped.ts";

const all: readonly Topology[] = [...shippedTopologies, shippedTopology("many-2")!, shippedTopology("many-500")!];

test("every shipped topology can be built: addresses in their subnets, names once, pods on hosts that exist", () => {
  for (const topology of all) {
    const hosts = topology.hosts.map(({ name }) => name);
    assert.equal(new Set(hosts).size, hosts.length, topology.name);
    assert.equal(new Set(topology.hosts.map(({ nic }) => nic.address)).size, hosts.length, topology.name);
    for (const { name, nic } of topology.hosts) {
      const { cidr, gateway } = subnetOf(topology, nic);
      assert.ok(contains(cidr, nic.address) && nic.address !== gateway, `${topology.name}: ${name}`);
    }
    for (const pod of topology.pods) assert.ok(hosts.includes(pod.host), `${topology.name}: ${pod.name}`);
    assert.ok(hosts.includes(topology.storeHost));
    assert.ok(topology.pods.filter(({ probed }) => probed).length <= 30, "a check takes seconds");
  }
});

test("many-N is there from 2 to 500", () => {
  assert.equal(shippedTopology("many-50")?.hosts.length, 50);
  for (const name of ["many-1", "many-501", "many-0", "many-", "many-5x", "none"]) {
    assert.equal(shippedTopology(name), undefined, name);
  }
});

test("routers that speak BGP are there, and know neighbours that a wire leads to", () => {
  for (const topology of all) {
    for (const { name, neighbours } of topology.bgpRouters ?? []) {
      assert.ok(routersOf(topology).includes(name), `${topology.name}: ${name}`);
      const subnets = topology.subnets.filter(({ router }) => router === name).map(({ cidr }) => cidr);
      const links = (topology.links ?? []).filter(({ between }) => between.includes(name)).map(({ cidr }) => cidr);
      for (const { address } of neighbours) {
        assert.ok(
          [...subnets, ...links].some((cidr) => contains(cidr, address)),
          `${topology.name}: ${name}`,
        );
      }
    }
  }
});

test("the resources that a topology starts with have nothing against them", () => {
  for (const { name, apply = [] } of all) {
    for (const { brokenRules, unknownFields } of decodeResources(formatJson(apply), name)) {
      assert.deepEqual([...brokenRules, ...unknownFields], [], name);
    }
  }
});
