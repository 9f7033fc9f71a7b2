import assert from "node:assert/strict";
import { test } from "node:test";
import { drawLab } from "./drawing.ts";
import { awsTwoSubnets } from "./topologies/aws-two-subnets.ts";

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
