import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../ip/address.ts";
import { awsObjects, bgpWorld, birdLocal } from "../../testing/bgp-world.ts";
import { compileAll } from "../../testing/compile-all.ts";
import { nodeObject } from "../../testing/objects.ts";
import { describeAddressItem, describeLink, describeNeighbour } from "../describe.ts";
import type { Fragment } from "../fragment.ts";
import { keys } from "../keys.ts";

const local = birdLocal("worker-1", "10.30.0.206/24", "ens5");

/** Rules of the nat table beside the one for pods. */
const masqueradeRules = (fragments: readonly Fragment[]): number =>
  fragments
    .flatMap(({ tables = [] }) => tables.flatMap(({ chains }) => chains))
    .filter(({ name }) => name === "nat-cali-POSTROUTING")
    .flatMap(({ rules }) => rules).length - 1;

test("while a pool uses IP-in-IP the device, its address and an entry for every node are there; then nothing is", () => {
  const pieces = (mode: string) => {
    const fragments = [...compileAll(bgpWorld(local, awsObjects(mode)).compiler.view).values()];
    return {
      links: fragments.flatMap(({ links = [] }) => links),
      addresses: fragments.flatMap(({ addresses = [] }) => addresses.map(describeAddressItem)),
      neighbours: fragments.flatMap(({ neighbours = [] }) => neighbours.map(describeNeighbour)),
      sources: fragments.flatMap(({ tunnelSources = [] }) => tunnelSources),
      tunnelRules: masqueradeRules(fragments),
    };
  };
  assert.deepEqual(pieces("Always"), {
    links: [
      {
        kind: "ipip",
        name: "tunl0",
        mtu: 1480,
        local: parseAddress("10.30.0.206"),
        subnetLength: 24,
        parent: "ens5",
      },
    ],
    addresses: ["192.168.226.64/32 dev tunl0"],
    neighbours: [
      "10.30.0.136 dev tunl0 lladdr 02:00:0a:1e:00:88 PERMANENT",
      "10.30.0.56 dev tunl0 lladdr 02:00:0a:1e:00:38 PERMANENT",
      "10.30.1.66 dev tunl0 lladdr 02:00:0a:1e:01:42 PERMANENT",
    ],
    sources: ["10.30.0.136", "10.30.0.56", "10.30.1.66"].map((text) => ({
      device: "tunl0",
      address: parseAddress(text),
    })),
    tunnelRules: 1,
  });
  assert.deepEqual(pieces("CrossSubnet"), pieces("Always"), "receivers of both modes stay open");
  assert.deepEqual(pieces("Never"), { links: [], addresses: [], neighbours: [], sources: [], tunnelRules: 0 });
});

test("the device waits for nothing but the host's address; its own address comes when there is one", () => {
  const { compiler, put } = bgpWorld(local, awsObjects("Always"));
  put(nodeObject("worker-1", "10.30.0.206/24"));
  const whole = compileAll(compiler.view).get(keys.ipipDevice);
  assert.deepEqual(whole?.links?.map(describeLink), [
    "tunl0 mtu 1480 ipip remote any local 10.30.0.206 dev ens5 ttl inherit nopmtudisc",
  ]);
  assert.deepEqual(whole.reports, ["tunl0 of node worker-1 has no address yet"]);
  assert.equal(whole.addresses, undefined);
  compiler.view.setLocal({ ...local, address: undefined }, compiler.touch);
  assert.deepEqual(compileAll(compiler.view).get(keys.ipipDevice), {
    reports: ["IP-in-IP waits for the address of node worker-1"],
  });
});

test("ipipEnabled overrules the pools, and a backend without BGP still takes what others send", () => {
  const { compiler } = bgpWorld(local, awsObjects("Never"));
  const links = () => compileAll(compiler.view).get(keys.ipipDevice)?.links?.length ?? 0;
  assert.equal(links(), 0);
  compiler.view.setLocal({ ...local, ipip: { mtu: 1480, enabled: true } }, compiler.touch);
  assert.equal(links(), 1);
  compiler.view.setLocal({ ...local, backend: "vxlan", ipip: { mtu: 1480, enabled: true } }, compiler.touch);
  assert.equal(links(), 1);
  compiler.view.setLocal({ ...local, ipip: { mtu: 1480, enabled: false } }, compiler.touch);
  assert.equal(links(), 0);
});
