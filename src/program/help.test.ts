import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { shippedTopologies } from "../lab/topologies/shipped.ts";
import { isProbe } from "./node/probes.ts";
import { run } from "./run.ts";

async function helpOf(...words: readonly string[]): Promise<string> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const code = await run([...words, "--help"], { env: {}, cwd: "/", stdin, stdout, stderr, onSignal: () => {} });
  assert.equal(code, 0);
  stdout.end();
  return text(stdout);
}

test("the help of node names every probe, and the pool's modes of both backends", async () => {
  const help = await helpOf("node");
  const probes = ["felix-live", "felix-ready", "bird-live", "bird-ready", "bird6-live", "bird6-ready"];
  for (const flag of probes.map((name) => `-${name}`)) {
    assert.ok(isProbe([flag]), flag);
    assert.match(help, new RegExp(`[ \\n]${flag}\\b`));
  }
  assert.match(help, /CALICO_IPV4POOL_IPIP, CALICO_IPV4POOL_VXLAN/);
  assert.match(help, /CALICO_IPV4POOL_IPIP=Always ocicat node/);
});

test("the help of lab up names every topology that ships", async () => {
  const help = (await helpOf("lab", "up")).replaceAll(/\s+/g, " ");
  for (const { name } of shippedTopologies) assert.ok(help.includes(`${name},`), name);
  assert.ok(help.includes("many-N, or a YAML file)"), help);
});
