import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { runs } from "../testing/runs.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { decodeAnswer, encodeCall, type PluginCall } from "../wire/plugin-call.ts";
import { listenAgentSocket } from "./agent-socket.ts";
import { callAgent } from "./cni/plugin-client.ts";

const call = { args: ["/opt/cni/bin/calico"], env: { CNI_COMMAND: "ADD" }, stdin: Buffer.from("{}") };

async function serve(t: TestContext, cni = async (_call: PluginCall) => ({ exitCode: 0, stdout: "done" })) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-socket-"));
  const socketPath = path.join(folder, "run/calico/ocicat.sock");
  const log = new SilentLog();
  const options = {
    path: socketPath,
    cni,
    http: (request: http.IncomingMessage, response: http.ServerResponse) => {
      request.resume().on("end", () => response.end(`${request.method} ${request.url}`));
    },
    log,
  };
  let listening: { close(): Promise<void> } | undefined;
  t.after(async () => {
    await listening?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const listen = async () => {
    listening = await listenAgentSocket(options);
    return listening;
  };
  await listen();
  return { socketPath, log, listen };
}

const get = (socketPath: string, url: string, body = ""): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = http.request({ socketPath, path: url, method: body === "" ? "GET" : "POST" }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
    });
    request.on("error", reject);
    request.end(body);
  });

/** Sends octets and collects what comes back until the other side closes. */
const raw = (socketPath: string, octets: Uint8Array, ends: boolean): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = net.connect({ path: socketPath });
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(Buffer.concat(chunks)));
    if (ends) socket.end(octets);
    else socket.write(octets);
  });

test("the plugin and HTTP share the socket", async (t) => {
  const { socketPath } = await serve(t);
  assert.deepEqual(await callAgent(socketPath, call), { exitCode: 0, stdout: "done" });
  assert.equal(await get(socketPath, "/v1/node"), "GET /v1/node");
  assert.equal(await get(socketPath, "/x", "a".repeat(200_000)), "POST /x");
  assert.equal(fs.statSync(socketPath).mode & 0o777, 0o700);
});

test("a fault inside the agent is an answer, and so is a call that breaks off", async (t) => {
  const { socketPath, log } = await serve(t, () => Promise.reject(new Error("a fault")));
  const answer = await callAgent(socketPath, call);
  assert.equal(answer?.exitCode, 1);
  assert.match(answer.stdout, /"code":999,"msg":"the agent failed: a fault"/);
  assert.ok(log.lines.some(({ level }) => level === "error"));
  const whole = encodeCall(call);
  const cut = decodeAnswer(await raw(socketPath, whole.subarray(0, whole.length - 2), true));
  assert.match(cut.stdout, /"code":6,"msg":"the plugin went away before its call was whole"/);
});

test("garbage of any kind closes its own connection and nothing else", async (t) => {
  const { socketPath } = await serve(t);
  const head = Buffer.from([0xca, 0x11, 0xc0, 0x01]);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (octets, hasHead) => {
      await raw(socketPath, hasHead ? Buffer.concat([head, octets]) : octets, true);
    }),
    { numRuns: runs(200) },
  );
  assert.deepEqual(await callAgent(socketPath, call), { exitCode: 0, stdout: "done" });
});

test("a socket that a dead agent left is replaced, a living agent's is not", async (t) => {
  const { socketPath, listen } = await serve(t);
  await assert.rejects(listen(), { code: "inUse", message: /another agent listens on .*ocicat\.sock; stop it/ });
  const folder = path.dirname(socketPath);
  const stale = path.join(folder, "stale.sock");
  const server = net.createServer().listen(stale);
  await new Promise((resolve) => server.once("listening", resolve));
  // A rename hides the file from the server's own clean-up: what is left is what a killed process leaves.
  fs.renameSync(stale, `${stale}.left`);
  await new Promise((resolve) => server.close(resolve));
  const log = new SilentLog();
  const again = await listenAgentSocket({
    path: `${stale}.left`,
    cni: async () => ({ exitCode: 0, stdout: "" }),
    http: () => undefined,
    log,
  });
  await again.close();
  await assert.rejects(
    listenAgentSocket({
      path: `/tmp/${"x".repeat(120)}`,
      cni: async () => ({ exitCode: 0, stdout: "" }),
      http: () => undefined,
      log,
    }),
    { code: "pathTooLong", message: /longer than 107 octets; choose a shorter root/ },
  );
});
