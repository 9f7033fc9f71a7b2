import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type MtuLink, mtus, type PoolModes } from "./mtu.ts";
import type { AgentConfig } from "./parameters.ts";
import { parameterKeys, parameters } from "./parameters.ts";

const defaults = Object.fromEntries(
  parameterKeys.map((key) => [key, parameters[key].default]),
) as unknown as AgentConfig;
const link = (name: string, mtu: number, isOperUp = true): MtuLink => ({ name, mtu, isOperUp });
const pool = (changes: Partial<PoolModes>): PoolModes => ({
  family: 4,
  ipip: false,
  vxlan: false,
  ...changes,
});

test("the host's MTU is the least of the links that are up and match", () => {
  const links = [
    link("eth0", 9001),
    link("ens5", 1500),
    link("ens6", 1400, false),
    link("cali123", 1000),
    link("lo", 65536),
  ];
  const found = mtus(links, defaults, []);
  assert.deepEqual([found.host, found.hostLink, found.pod], [1500, "ens5", 1500]);
});

test("without a link that matches it is 1460", () => {
  const found = mtus([link("br0", 1500)], defaults, [pool({ vxlan: true })]);
  assert.deepEqual([found.host, found.hostLink, found.pod], [1460, undefined, 1410]);
});

test("pods get the least that any encapsulation in use leaves", () => {
  const links = [link("ens3", 1500)];
  const podOf = (config: Partial<AgentConfig>, ...pools: PoolModes[]) =>
    mtus(links, { ...defaults, ...config }, pools).pod;
  assert.equal(podOf({}, pool({ ipip: true })), 1480);
  assert.equal(podOf({}, pool({ vxlan: true })), 1450);
  assert.equal(podOf({}, pool({ vxlan: true }), pool({ ipip: true })), 1450);
  assert.equal(podOf({}, pool({ family: 6, vxlan: true })), 1430);
  assert.equal(podOf({ vxlanMtu: 1440 }, pool({ vxlan: true })), 1440);
  assert.equal(podOf({ vxlanEnabled: true }), 1450);
  assert.equal(podOf({ vxlanEnabled: false }, pool({ vxlan: true })), 1500);
});

test("the pod's MTU never exceeds that of a tunnel in use", () => {
  const pools = fc.array(fc.record({ family: fc.constantFrom(4, 6), ipip: fc.boolean(), vxlan: fc.boolean() }));
  const links = fc.array(
    fc.record({ name: fc.constantFrom("eth0", "ens5", "x"), mtu: fc.nat(9000), isOperUp: fc.boolean() }),
  );
  fc.assert(
    fc.property(links, pools, (someLinks, somePools) => {
      const found = mtus(someLinks, defaults, somePools as PoolModes[]);
      for (const encapsulation of found.enabled) assert.ok(found.pod <= found.tunnels[encapsulation]);
      assert.ok(found.pod <= found.host);
    }),
  );
});
