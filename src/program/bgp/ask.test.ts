import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { lockFile, writeLabRecord } from "../../adapter/lab-directory.ts";
import { tryLock } from "../../adapter/linux/file-lock.ts";
import { run } from "../run.ts";

/** The nodes that each host of the lab has a session to. */
const sessions = { "worker-1": ["worker-2"], "worker-2": ["worker-1"], "worker-3": ["worker-1", "worker-2"] };

/** The host with two sessions knows a longer prefix. */
const covered = (nodes: readonly string[]) =>
  JSON.stringify({ asked: "10.0.0.9/32", prefix: nodes.length > 1 ? "10.0.0.8/29" : "10.0.0.0/24" });

/** An agent that refuses as a real one does. */
function answer(nodes: readonly string[], request: http.IncomingMessage, response: http.ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://agent");
  const peer = searchParams.get("peer");
  const all = nodes.map((node) => ({ name: `Mesh_${node}`, address: "10.0.0.1", node }));
  if (peer !== null && !nodes.includes(peer)) response.writeHead(400).end(`no session to '${peer}' here`);
  else if (searchParams.get("prefix") === "300.2.3.4") response.writeHead(400).end("'300.2.3.4' is no address");
  else if (pathname === "/v1/bgp/routes" && searchParams.has("within")) response.end();
  else if (searchParams.get("prefix") === "10.0.0.9") response.end(covered(nodes));
  else if (pathname === "/v1/bgp") response.end(JSON.stringify({ bgp: { sessions: all, reports: [] } }));
  else response.end("{}\n");
}

/** Runs `ocicat bgp` where a lab of such agents runs. What they are asked is noted. */
async function lab(t: TestContext, asked: string[] = []) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-ask-"));
  t.after(() => fs.rmSync(root, { recursive: true }));
  const folder = path.join(root, "lab");
  fs.mkdirSync(folder);
  const lock = tryLock(lockFile(folder));
  t.after(() => lock?.release());
  const hosts = Object.entries(sessions).map(([name, nodes]) => {
    const agentSocket = path.join(folder, `${name}.sock`);
    const server = http.createServer((request, response) => answer(nodes, request, response)).listen(agentSocket);
    server.on("request", ({ url }) => asked.push(url ?? ""));
    t.after(() => server.close());
    return { server, record: { name, address: "10.0.0.1", folder, agentSocket } };
  });
  await Promise.all(hosts.map(({ server }) => once(server, "listening")));
  writeLabRecord({
    version: 1,
    name: "lab",
    folder,
    topology: "three",
    pid: process.pid,
    startedAt: "2026-01-01T00:00:00Z",
    storeSocket: "",
    storePort: 1,
    controlSocket: "",
    hosts: hosts.map(({ record }) => record),
    pods: [],
  });
  return async (...args: readonly string[]) => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const env = { OCICAT_LAB_DIR: root };
    const code = await run(["bgp", ...args], { env, cwd: "/", stdin, stdout, stderr, onSignal: () => {} });
    stdout.end();
    stderr.end();
    return { code, out: await text(stdout), err: (await text(stderr)).replace(/^ocicat: acting on .*\n/, "") };
  };
}

test("a question about a peer goes to the hosts that have a session to it", async (t) => {
  const bgp = await lab(t);
  const hostsIn = (out: string) => (JSON.parse(out) as { host: string }[]).map(({ host }) => host);
  for (const words of [
    ["why", "10.0.0.0/8"],
    ["routes", "received"],
    ["routes", "advertised"],
    ["explain", "worker-2"],
  ]) {
    const peer = words[0] === "explain" ? [] : ["--peer", "worker-2"];
    const { code, out, err } = await bgp(...words, ...peer, "-o", "json");
    assert.equal(code, 0, err);
    assert.deepEqual(hostsIn(out), ["worker-1", "worker-3"], words.join(" "));
  }
  const { code, out, err } = await bgp("log", "--peer", "worker-2", "-o", "json");
  assert.equal(code, 0, err);
  assert.match(err, /^ocicat: listening; /);
  assert.deepEqual(out.trim().split("\n").sort(), ['{"host":"worker-1"}', '{"host":"worker-3"}']);
});

test("a peer that no host has is refused once for all, before anything is said to listen", async (t) => {
  const bgp = await lab(t);
  const refusal = "Error: no session to 'nosuch' on worker-1, worker-2, worker-3: 'ocicat bgp peers' lists them\n";
  for (const words of [["why", "10.0.0.1"], ["routes"], ["log"]]) {
    assert.deepEqual(await bgp(...words, "--peer", "nosuch"), { code: 1, out: "", err: refusal });
  }
  const { err } = await bgp("why", "10.0.0.1", "--peer", "worker-1", "--host", "worker-1");
  assert.match(err, /^Error: no session to 'worker-1' on worker-1: /);
});

test("a word that is no direction is refused with those that are", async (t) => {
  const bgp = await lab(t);
  const refused = async (...words: readonly string[]) => (await bgp("routes", "--peer", "worker-2", ...words)).err;
  const neither = "is neither an address nor a CIDR with zero host bits, nor a direction (received or advertised)";
  assert.equal(await refused("sideways"), `Error: 'sideways' ${neither}\n`);
  assert.equal(await refused("10.0.0.1/8", "received"), `Error: '10.0.0.1/8' ${neither}\n`);
  assert.equal(
    await refused("10.0.0.0/8", "sideways"),
    "Error: 'sideways' is no direction: it is received or advertised\n",
  );
});

test("where no route lies in what was asked for, the prefix that covers it is named", async (t) => {
  const bgp = await lab(t);
  const { out } = await bgp("routes", "10.0.0.9");
  assert.equal(
    out,
    `No routes.
note: 10.0.0.0/24 covers 10.0.0.9/32 on worker-1, worker-2: see 'ocicat bgp why'
note: 10.0.0.8/29 covers 10.0.0.9/32 on worker-3: see 'ocicat bgp why'
`,
  );
  assert.equal((await bgp("routes", "10.1.0.0/16")).out, "No routes.\n");
});

test("a document of routes does not ask what covers them", async (t) => {
  const asked: string[] = [];
  const bgp = await lab(t, asked);
  for (const format of ["json", "yaml"]) assert.equal((await bgp("routes", "10.0.0.9", "-o", format)).out, "[]\n");
  assert.deepEqual([...new Set(asked)], ["/v1/bgp/routes?within=10.0.0.9"]);
});

test("what an agent refuses is said in its words alone", async (t) => {
  const bgp = await lab(t);
  assert.equal((await bgp("why", "300.2.3.4")).err, "Error: '300.2.3.4' is no address\n");
});
