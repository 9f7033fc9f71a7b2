import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveConfig } from "../compile/config/effective.ts";
import { ipv4Of } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { localFacts } from "./local-facts.ts";

const facts = (environment: Record<string, string>, routerId?: ReturnType<typeof ipv4Of> | "hash") =>
  localFacts({
    node: "worker-1",
    backend: "bird",
    addresses: undefined,
    interfaces: [{ index: 2, name: "eth0", isUp: true, isOperUp: true, mtu: 9_001, mac: "", addresses: [] }],
    config: effectiveConfig({
      node: { name: "worker-1", labels: {} },
      objects: [],
      file: undefined,
      environment,
      matches: () => false,
    }).config,
    pools: [{ cidr: parsePrefix("192.168.0.0/16"), ipipMode: "CrossSubnet", vxlanMode: "Never" }],
    routerId,
    rpFilter: "1",
    forwardDrops: [],
  });

test("the IP-in-IP device has the host's MTU less its header, or what is configured, and pods the same", () => {
  assert.deepEqual(facts({}).local.ipip, { mtu: 8_981 });
  assert.equal(facts({}).mtus.pod, 8_981);
  assert.deepEqual(facts({ FELIX_IPINIPMTU: "1440", FELIX_IPINIPENABLED: "false" }).local.ipip, {
    mtu: 1_440,
    enabled: false,
  });
});

test("CALICO_ROUTER_ID is a fact of the node", () => {
  assert.equal(facts({}).local.routerId, undefined);
  assert.equal(facts({}, "hash").local.routerId, "hash");
  assert.equal(facts({}, ipv4Of(7)).local.routerId, 7);
});
