/** A pod that speaks BGP with its node (`localWorkloadSelector`): what it tells is reached from every host, through its node. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";

const TOPOLOGY = `
name: pods
subnets: [{ name: net, cidr: 10.40.0.0/24, gateway: 10.40.0.1 }]
hosts:
  - { name: a, address: 10.40.0.10, subnet: net }
  - { name: b, address: 10.40.0.11, subnet: net }
pods: [{ name: pod-b, on: b }]
apply:
  - apiVersion: projectcalico.org/v3
    kind: BGPPeer
    metadata: { name: pods }
    spec: { localWorkloadSelector: role == 'router', asNumber: 65010 }
  - apiVersion: projectcalico.org/v3
    kind: BGPConfiguration
    metadata: { name: default }
    spec: { localWorkloadPeeringIPV4: 169.254.7.1, bindMode: NodeIP }
`;
const TOLD = "192.168.200.0/28";

const skip = cannotRunLabs() ?? false;

describe("a pod that is a BGP peer of its node", { skip, timeout: 300_000 }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-pods-"));
  let bed: Testbed;

  before(async () => {
    const file = path.join(folder, "pods.yaml");
    fs.writeFileSync(file, TOPOLOGY);
    bed = await Testbed.up(file);
  });
  after(async () => {
    await bed?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const done = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await bed.ocicat(...args);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };

  test("its routes lead to it, from other hosts through its node, and go with it", async () => {
    await done("lab", "pod", "add", "router", "--on", "a", "--label", "role=router");
    const address = /\brouter .*?(192\.168\.\d+\.\d+)/.exec(await done("lab", "pod", "list"))?.[1] ?? assert.fail();
    const config = path.join(folder, "router.yaml");
    const neighbour = "{ address: 169.254.7.1, as: 64512, families: [ipv4], connectRetry: 1 }";
    fs.writeFileSync(
      config,
      `as: 65010\nrouterId: ${address}\nlisten: false\nannounce: [${TOLD}]\nneighbours: [${neighbour}]\n`,
    );
    await bed.types("router", "ip link set lo up; ip address add 192.168.200.1/28 dev lo");
    const speaker = bed.start("router", "ocicat", "bgp", "run", "--config", config);
    try {
      const status = () => done("node", "status", "a");
      await eventually(async () => assert.match(await status(), new RegExp(`${address} +\\| local workload +\\| up `)));
      await eventually(async () => {
        const [here, there] = [await bed.routes("a"), await bed.routes("b")];
        const way = new RegExp(`^${TOLD} via ${address} dev cali[0-9a-f]{11} proto bird$`);
        assert.ok(
          here.some((route) => way.test(route)),
          here.join("\n"),
        );
        assert.ok(there.includes(`${TOLD} via 10.40.0.10 dev tunl0 proto bird onlink`), there.join("\n"));
      });
      const { code, stdout } = await bed.tryOn("pod-b", "ping", "-c1", "-W5", "192.168.200.1");
      assert.equal(code, 0, stdout);
      assert.equal((await bed.ocicat("verify")).code, 0);
      const dialled = async () => (await bed.tryOn("a", "ip", "-4", "-br", "address")).stdout;
      assert.match(await dialled(), /^cali[0-9a-f]{11}\S* +UP +169\.254\.7\.1\/32/m);
      await done("patch", "bgpconfig", "default", "-p", '{"spec":{"localWorkloadPeeringIPV4":null}}');
      await eventually(async () => assert.doesNotMatch(await dialled(), /169\.254\.7\.1/));
    } finally {
      await speaker.end("SIGTERM");
    }
    await done("lab", "pod", "rm", "router");
    await eventually(async () => {
      for (const host of ["a", "b"]) assert.doesNotMatch((await bed.routes(host)).join("\n"), /192\.168\.200\./);
      assert.doesNotMatch(await done("bgp", "peers"), /Local_Workload/);
    });
  });
});
