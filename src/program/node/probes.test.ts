import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { isProbe, probe } from "./probes.ts";

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await probe(args, { env, stdout, stderr });
  return { code, out: String(stdout.read() ?? ""), err: String(stderr.read() ?? "") };
}

async function server(t: TestContext, handler: http.RequestListener): Promise<Record<string, string>> {
  const some = http.createServer(handler);
  await new Promise<void>((resolve) => some.listen(0, "127.0.0.1", resolve));
  t.after(() => some.close());
  return { FELIX_HEALTHHOST: "127.0.0.1", FELIX_HEALTHPORT: String((some.address() as AddressInfo).port) };
}

test("probes are told from other arguments, however the flag is written", () => {
  for (const args of [
    ["-felix-live"],
    ["--felix-ready"],
    ["-felix-live=true"],
    ["-threshold-time=5s", "-bird-ready"],
  ]) {
    assert.ok(isProbe(args), args.join(" "));
  }
  for (const args of [[], ["show"], ["--help"], ["felix-live"], ["-felix"]]) assert.ok(!isProbe(args), args.join(" "));
});

test("both Felix probes ask their paths and succeed on 200 to 399", async (t) => {
  const asked: (string | undefined)[] = [];
  const env = await server(t, (request, response) => {
    asked.push(request.url);
    response.writeHead(204).end();
  });
  assert.deepEqual(await run(["-felix-live", "-felix-ready"], env), { code: 0, out: "", err: "" });
  assert.deepEqual(asked.sort(), ["/liveness", "/readiness"]);
});

test("a bad answer is one line with the reporters that are to blame", async (t) => {
  const table =
    "| A | - | reporting live | reporting ready | |\n| B | 30s | timed out | reporting non-ready | no store |";
  const env = await server(t, (_, response) => response.writeHead(503).end(table));
  const { code, out } = await run(["-felix-ready"], env);
  assert.equal(code, 1);
  assert.equal(
    out,
    "calico/node is not ready: felix is not ready: readiness probe reporting 503 (B 30s timed out reporting non-ready no store)\n",
  );
});

test("nobody there, a wrong port and silence are told apart", async (t) => {
  const env = await server(t, () => {});
  assert.match((await run(["-felix-live", "-threshold-time=50ms"], env)).out, /no answer within 50 ms/);
  assert.match((await run(["-felix-live"], { ...env, FELIX_HEALTHPORT: "x" })).out, /FELIX_HEALTHPORT=x is not a port/);
  const closed = http.createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const { code, out } = await run(["-felix-live"], { ...env, FELIX_HEALTHPORT: String(port) });
  assert.equal(code, 1);
  assert.match(out, /Felix is not live: .*ECONNREFUSED.*FELIX_HEALTHENABLED=true\?\n$/);
});

test("the BGP probes say which flag to leave out", async () => {
  const { code, out } = await run(["-bird-ready"], { CALICO_NETWORKING_BACKEND: "vxlan" });
  assert.equal(code, 1);
  assert.equal(
    out,
    "calico/node is not ready: BIRD is not ready: the backend is vxlan, which runs no BGP: leave -bird-ready out\n",
  );
  assert.equal((await run(["-bird-live=false"])).code, 0);
});

interface Session {
  readonly family: 4 | 6;
  readonly address: string;
  readonly state: string;
}

/** An agent that has been up for so many seconds. */
async function agent(
  t: TestContext,
  upSeconds: number,
  sessions: readonly Session[] | undefined,
  waitsFor: readonly string[] = [],
): Promise<Record<string, string>> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-probe-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const socket = path.join(folder, "s");
  const [since, now] = [new Date(0), new Date(upSeconds * 1000)];
  const some = http.createServer((_, response) =>
    response.end(JSON.stringify(sessions ? { bgp: { since, now, sessions, waitsFor } } : {})),
  );
  await new Promise<void>((resolve) => some.listen(socket, resolve));
  t.after(() => some.close());
  return { OCICAT_SOCKET: socket };
}

const up = { family: 4, address: "10.0.0.2", state: "Established" } as const;
const away = { family: 4, address: "10.0.0.3", state: "Active" } as const;
const READY = "calico/node is not ready: BIRD is not ready: ";

test("a young node is ready with all its sessions, an old one with one of them, each of its own family", async (t) => {
  const both = [up, away];
  assert.equal((await run(["-bird-live", "-bird-ready"], await agent(t, 5, []))).code, 0);
  assert.equal(
    (await run(["-bird-ready"], await agent(t, 5, both))).out,
    `${READY}BGP not established with 10.0.0.3\n`,
  );
  assert.equal((await run(["-bird-ready"], await agent(t, 31, both))).code, 0);
  assert.equal((await run(["-bird-ready", "-threshold-time=60s"], await agent(t, 31, both))).code, 1);
  assert.equal((await run(["-bird-ready"], await agent(t, 31, [away]))).code, 1);
  assert.equal((await run(["-bird6-ready"], await agent(t, 31, [away]))).code, 0);
  const restarting = await run(["-bird-ready"], await agent(t, 5, [up], ["Mesh_10_0_0_2"]));
  assert.equal(restarting.out, `${READY}graceful restart in progress, waiting for Mesh_10_0_0_2\n`);
});

test("an agent that speaks no BGP, and one that is away, are not live", async (t) => {
  assert.match((await run(["-bird-live"], await agent(t, 5, undefined))).out, /is not live: this agent runs no BGP/);
  const { code, out } = await run(["-bird-live"], { OCICAT_SOCKET: "/nowhere/s" });
  assert.equal(code, 1);
  assert.match(
    out,
    /bird\/confd is not live: no agent answers at \/nowhere\/s: there is no such socket; .*'ocicat node'.*\n$/,
  );
});

test("what is no probe beside one is wrong usage", async () => {
  const { code, err } = await run(["-felix-live", "--fast"]);
  assert.equal(code, 2);
  assert.match(err, /'--fast' cannot stand beside a probe/);
  assert.match((await run(["-felix-live", "-threshold-time", "soon"])).err, /not 'soon'/);
});
