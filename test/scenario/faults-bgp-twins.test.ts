/** Two nodes with one router id, then with one address: every command and the logs name both, and their routes come once it is mended. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { expectPaths } from "./check-matrix.ts";
import { eventually } from "./eventually.ts";
import { cannotRunLabs, Testbed } from "./testbed.ts";

/** b and c have one router id; both have sessions with a. */
const TOPOLOGY = `
name: twins
subnets: [{ name: net, cidr: 10.40.0.0/24, gateway: 10.40.0.1 }]
hosts:
  - { name: a, address: 10.40.0.10, subnet: net }
  - { name: b, address: 10.40.0.11, subnet: net, env: { CALICO_ROUTER_ID: 10.40.0.99 } }
  - { name: c, address: 10.40.0.12, subnet: net, env: { CALICO_ROUTER_ID: 10.40.0.99 } }
pods: [{ name: pod-a, on: a }, { name: pod-b, on: b }, { name: pod-c, on: c }]
`;

const skip = cannotRunLabs() ?? false;

describe("two nodes that are taken for one", { skip, timeout: 300_000 }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-twins-"));
  let bed: Testbed;

  before(async () => {
    const file = path.join(folder, "twins.yaml");
    fs.writeFileSync(file, TOPOLOGY);
    bed = await Testbed.up(file);
  });
  after(async () => {
    await bed?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Waits until a command says all of this; what a session told that is configured no longer stays for half a minute. */
  const says = (words: readonly string[], ...patterns: readonly RegExp[]) =>
    eventually(async () => {
      const { stdout } = await bed.ocicat(...words);
      for (const pattern of patterns) assert.match(stdout, pattern);
    }, 60_000);
  const logOf = (host: string) =>
    fs.readFileSync(path.join(bed.folder, "labs", bed.name, "hosts", host, "agent.log"), "utf8");
  const addressOfC = async (address: string) => {
    const patch = JSON.stringify({ spec: { bgp: { ipv4Address: address } } });
    const { code, stdout, stderr } = await bed.ocicat("patch", "node", "c", "-p", patch);
    assert.equal(code, 0, stdout + stderr);
  };

  test("one router id: the twins refuse each other, a black hole is named on both, and who peers with both names them", async () => {
    await expectPaths(bed, { "pod-a→pod-b": "ipip", "pod-a→pod-c": "ipip", "pod-b→pod-c": "no", "pod-c→pod-b": "no" });
    const own =
      /danger: Mesh_10_40_0_1[12] \([bc]\) is down .*our own router id 10\.40\.0\.99.*; no route leads to 192\.168\.\S+\/26/;
    await says(["verify", "b"], own);
    await says(["verify", "c"], own);
    await says(
      ["verify", "a"],
      /danger: Mesh_10_40_0_11 \(b\): Mesh_10_40_0_12 is a peer with the same router id 10\.40\.0\.99/,
    );
    assert.equal((await bed.ocicat("verify", "a")).code, 1);
    await says(["bgp", "explain", "c", "--host", "a"], /same router id 10\.40\.0\.99/, /Remedy: +give each node/);
    await says(["bgp", "explain", "c", "--host", "b"], /our own router id/, /Remedy: .*CALICO_ROUTER_ID/);
    assert.match(logOf("a"), /"two peers have one router id".*10\.40\.0\.99/);
    assert.match(logOf("b"), /the peer has our own router id 10\.40\.0\.99/);
  });

  test("one address: both twins and the third name it, and what nothing leads to; with an address of its own all is as before", async () => {
    const routes = await bed.routes("a");
    await addressOfC("10.40.0.11/24");
    const both = /nodes (b and c|c and b) (both )?have (the|one) address,? 10\.40\.0\.11/;
    await says(
      ["verify", "a"],
      /note: Mesh_10_40_0_12 is configured no longer: 1 prefix of it kept until others tell them/,
    );
    for (const host of ["a", "b", "c"])
      await says(["verify", host], both, /no route leads to 192\.168\.\S+\/26 of node [bc]/);
    await says(["bgp", "explain", "10.40.0.11", "--host", "a"], both);
    await says(["bgp", "peers", "b"], both);
    for (const host of ["b", "c"]) assert.match(logOf(host), both);
    assert.match(logOf("a"), /both lead to 10\.40\.0\.11 port 179/);
    await addressOfC("10.40.0.12/24");
    await eventually(async () => assert.deepEqual(await bed.routes("a"), routes), 60_000);
    await says(["verify", "a"], /^a: as compiled [^\n]*\n( {2}danger: [^\n]*same router id[^\n]*\n){2}$/);
  });
});
