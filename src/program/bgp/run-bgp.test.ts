import assert from "node:assert/strict";
import { once } from "node:events";
import fs from "node:fs";
import type { AddressInfo } from "node:net";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { messageOf } from "../../base/errors.ts";
import { REHEARSED_ROUTES } from "../../speaker/rehearsal/rehearse.ts";
import type { ProcessHost, Signal } from "../process-host.ts";
import { runBgp } from "./run-bgp.ts";

function hostIn(t: TestContext) {
  const cwd = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bgp-"));
  t.after(() => fs.rmSync(cwd, { recursive: true }));
  const handlers = new Map<Signal, () => void>();
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const onSignal = (signal: Signal, handler: () => void): void => void handlers.set(signal, handler);
  const host: ProcessHost = { env: {}, cwd, stdin, stdout, stderr, onSignal };
  return { host, stdout, stderr, end: () => handlers.get("SIGTERM")?.() };
}

test("a port that is taken is none of those that are listened on", async (t) => {
  const { host, stdout, end } = hostIn(t);
  const other = net.createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const listen = `listen: { port: ${port}, addresses: [127.0.0.1] }`;
  fs.writeFileSync(path.join(host.cwd, "r.yaml"), `as: 64512\nrouterId: 10.0.0.1\n${listen}\n`);
  const ended = runBgp({ config: "r.yaml" }, host);
  const [said] = await once(stdout, "data");
  end();
  assert.equal(await ended, 0);
  assert.equal(String(said), '{"listening":[]}\n');
});

test("a file that cannot be read is named with the reason once", async (t) => {
  const { host } = hostIn(t);
  const file = path.join(host.cwd, "none.yaml");
  await assert.rejects(runBgp({ config: "none.yaml" }, host), (failure) => {
    assert.equal(messageOf(failure), `cannot read ${file}: ENOENT: no such file or directory, open '${file}'`);
    return true;
  });
});

test("tables are rehearsed while no peer has come", async (t) => {
  const { host, stderr, end } = hostIn(t);
  const neighbour = "{ address: 127.0.0.2, as: 64512, passive: true, families: [ipv4] }";
  fs.writeFileSync(
    path.join(host.cwd, "r.yaml"),
    `as: 64512\nrouterId: 10.0.0.1\nlisten: false\nneighbours: [${neighbour}]\n`,
  );
  const ended = runBgp({ config: "r.yaml", verbose: true }, host);
  let routes: unknown;
  for await (const line of readline.createInterface({ input: stderr })) {
    const said = JSON.parse(line) as { message: string; routes?: number };
    if (said.message !== "tables were rehearsed") continue;
    routes = said.routes;
    break;
  }
  end();
  assert.equal(await ended, 0);
  assert.ok(Number(routes) > REHEARSED_ROUTES, `${routes} routes`);
});
