import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { run } from "./run.ts";

const route = {
  prefix: "192.168.97.192/26",
  from: "Mesh_10_30_1_66",
  nextHop: "10.30.1.66",
  asPath: "",
  attributes: "ORIGIN igp, AS_PATH, NEXT_HOP 10.30.1.66, LOCAL_PREF 100",
  why: "best",
};
const session = {
  name: "Mesh_10_30_1_66",
  family: 4,
  address: "10.30.1.66",
  state: "Active",
  since: "2026-11-27T18:42:27Z",
  lastError: "10.30.1.66 port 179 refused the connection",
  problems: [],
  asn: 64512,
  receivedPrefixes: 0,
  flaps: 1,
};
const bgp = { sessions: [session], listeners: [], reports: [] };

/** Runs `ocicat` beside an agent with one route and one session that is down. */
async function ocicat(t: TestContext) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-width-"));
  const socket = path.join(folder, "s");
  const agent = http.createServer((request, response) =>
    response.end(JSON.stringify(request.url?.startsWith("/v1/bgp/routes") ? route : { bgp })),
  );
  await new Promise<void>((resolve) => agent.listen(socket, resolve));
  t.after(() => {
    agent.close();
    fs.rmSync(folder, { recursive: true });
  });
  return async (command: string, terminal: { readonly isTTY?: boolean; readonly columns?: number } = {}) => {
    const [stdin, stdout, stderr] = [new PassThrough(), Object.assign(new PassThrough(), terminal), new PassThrough()];
    const host = { env: { OCICAT_SOCKET: socket }, cwd: "/", stdin, stdout, stderr, onSignal: () => {} };
    const code = await run(command.split(" "), host);
    stderr.end();
    assert.equal(code, 0, await text(stderr));
    stdout.end();
    return text(stdout);
  };
}

test("tables fit the terminal, and only a terminal", async (t) => {
  const shown = await ocicat(t);
  for (const command of ["bgp routes -o wide", "node status", "node status -o wide"]) {
    const piped = await shown(command);
    const lines = (await shown(command, { isTTY: true, columns: 70 })).split("\n");
    assert.ok(Math.max(...lines.map(({ length }) => length)) <= 70, lines.join("\n"));
    assert.notEqual(lines.join("\n"), piped);
    for (const elsewhere of [
      { columns: 70 },
      { isTTY: true, columns: 0 },
      { isTTY: true },
      { isTTY: true, columns: 300 },
    ])
      assert.equal(await shown(command, elsewhere), piped, command);
  }
});
