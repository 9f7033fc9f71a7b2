import assert from "node:assert/strict";
import { test } from "node:test";
import { addressesIn } from "./previous-result.ts";

test("addresses of the pod's interface are found in results of every version", () => {
  const interfaces = [{ name: "cali123" }, { name: "eth0", sandbox: "/run/netns/a" }, { name: "net1" }];
  const ips = [
    { interface: 1, address: "192.168.1.1/32" },
    { interface: 2, address: "10.0.0.1/24" },
    { address: "fd00::1/128" },
  ];
  assert.deepEqual(addressesIn({ interfaces, ips }, "eth0"), ["192.168.1.1/32", "fd00::1/128"]);
  const old = { ip4: { ip: "192.168.1.1/32" }, ip6: { ip: "fd00::1/128" } };
  assert.deepEqual(addressesIn(old, "eth0"), ["192.168.1.1/32", "fd00::1/128"]);
});

test("what is no result has no addresses, and what is no address is shown as none", () => {
  assert.deepEqual(addressesIn({ ips: { address: "192.168.1.1/32" }, interfaces: 7 }, "eth0"), []);
  assert.deepEqual(addressesIn({ ips: [1, { address: 5 }], ip4: "x" }, "eth0"), ["", ""]);
});
