import assert from "node:assert/strict";
import { test } from "node:test";
import { drawLab } from "./drawing.ts";
import { awsTwoSubnets } from "./topologies/aws-two-subnets.ts";
import { torPerRack } from "./topologies/tor-per-rack.ts";

test("a lab is drawn from the outside to its pods", () => {
  const pods = [
    { namespace: "default", name: "pod-1", host: "worker-1", addresses: ["192.168.226.65"] },
    { namespace: "default", name: "pod-0", host: "worker-2", addresses: ["192.168.133.193"] },
    { namespace: "default", name: "pod-2", host: "worker-2", addresses: ["192.168.133.194"] },
  ];
  assert.deepEqual(drawLab(awsTwoSubnets, pods), [
    "",
    "  the Internet 8.8.8.8",
    "  └─ router vpc: knows its subnets, no pod address",
    "     ├─ subnet-1 10.30.0.0/24",
    "     │  ├─ master    10.30.0.136     ens5   store",
    "     │  ├─ worker-1  10.30.0.206     ens5   pod-1 192.168.226.65",
    "     │  └─ worker-2  10.30.0.56      ens5   pod-0 192.168.133.193 · pod-2 192.168.133.194",
    "     └─ subnet-2 10.30.1.0/24",
    "        └─ worker-3  10.30.1.66      ens5",
  ]);
});

test("routers that speak BGP say so", () => {
  const routers = drawLab(torPerRack, []).filter((line) => line.includes("router"));
  assert.deepEqual(routers, [
    "  ├─ router tor-1: AS 65001 (ocicat), learns pod addresses by BGP, linked to spine",
    "  ├─ router tor-2: AS 65002 (ocicat), learns pod addresses by BGP, linked to spine",
    "  └─ router spine: AS 65000 (ocicat), learns pod addresses by BGP, linked to tor-1, tor-2",
  ]);
});
