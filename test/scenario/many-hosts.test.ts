/** Fifty hosts in a full mesh: more neighbours than a kernel learns, which has one table of them for all namespaces. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, rows, Testbed } from "./testbed.ts";

const skip = cannotRunLabs() ?? false;
const HOSTS = 50;
const HOSTS_PER_SUBNET = 25;

describe("many-50", { skip, timeout: 600_000 }, () => {
  let bed: Testbed;

  before(async () => {
    bed = await Testbed.up(`many-${HOSTS}`);
  });
  after(() => bed?.close());

  test("every host has a session with every other, and a route to its block", () =>
    eventually(async () => {
      for (const host of ["master", "worker-25", `worker-${HOSTS - 1}`]) {
        const status = await bed.on(host, "ocicat", "node", "status");
        assert.equal(status.match(/\| Established \|/g)?.length, HOSTS - 1, status);
        const routes = await bed.routes(host);
        assert.equal(routes.filter((line) => / dev tunl0 proto bird onlink/.test(line)).length, HOSTS - 1);
      }
    }, 120_000));

  test("pods of all subnets reach each other, and all is as compiled", async () => {
    const check = await bed.ocicat("lab", "check");
    assert.equal(check.code, 0, check.stdout);
    assert.match(check.stdout, /^6 of 6 pairs of 3 pods reach each other/m);
    const verified = await bed.ocicat("verify");
    assert.equal(verified.code, 0, verified.stdout);
  });

  test("hosts and gateway learn nobody: they were told", async () => {
    const neighbours = rows(await bed.on("worker-1", "ip", "neigh", "show", "dev", "ens5"));
    assert.equal(neighbours.length, HOSTS_PER_SUBNET, neighbours.join("\n"));
    for (const line of neighbours) assert.match(line, /^10\.40\.0\.\d+ lladdr [0-9a-f:]{17} PERMANENT$/);
  });
});
