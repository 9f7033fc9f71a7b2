import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { ipv4Of } from "../../ip/address.ts";
import { KernelError } from "../../port/netlink.ts";
import { noPackets, type TunnelChange } from "../../port/tunnel-server.ts";
import { sendRaw } from "../../testing/raw-octets.ts";
import { runs } from "../../testing/runs.ts";
import { listenForAgent } from "./control-server.ts";
import { encodeChange, TUNNEL_PATH } from "./control-words.ts";

async function serve(t: TestContext, refuse?: KernelError) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-tunnel-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const socketPath = path.join(folder, "s");
  const changes: TunnelChange[] = [];
  const server = await listenForAgent(socketPath, {
    state: () => ({ version: "1", pid: 7, device: "tunl0", parent: "", sources: new Set(), counters: noPackets() }),
    change: (change) => {
      if (refuse) throw refuse;
      changes.push(change);
    },
    end: () => assert.fail("nobody ended it"),
  });
  t.after(() => server.close());
  return { socketPath, changes };
}

const ask = (socketPath: string, method: string, body: string | Buffer): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const request = http.request({ socketPath, path: TUNNEL_PATH, method }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on("error", reject);
    request.end(body);
  });

test("a change is told, a refusal of the kernel is the answer", async (t) => {
  const { socketPath, changes } = await serve(t);
  const change = { mtu: 1480, add: [ipv4Of(0x0a000002)], remove: [] };
  assert.equal((await ask(socketPath, "POST", JSON.stringify(encodeChange(change)))).status, 200);
  assert.deepEqual(changes, [change]);
  const refusing = await serve(t, new KernelError({ call: "ioctl", errno: "EPERM", number: 1 }));
  const refused = await ask(refusing.socketPath, "POST", "{}");
  assert.deepEqual([refused.status, JSON.parse(refused.text)], [500, { call: "ioctl", errno: "EPERM", number: 1 }]);
});

test("garbage of any kind is refused, changes nothing and does not end it", async (t) => {
  const { socketPath, changes } = await serve(t);
  assert.match((await ask(socketPath, "POST", "{")).text, /the change is no JSON/);
  assert.equal((await ask(socketPath, "POST", Buffer.alloc(2 << 20, "x"))).status, 413);
  await ask(socketPath, "POST", '{"mtu":1.5,"local":"x","parent":7,"add":[1,"10.0.0.0/8"],"remove":{}}');
  await ask(socketPath, "POST", '{"mtu":-1,"__proto__":{"mtu":1480}}');
  assert.deepEqual(changes.splice(0), [
    { add: [], remove: [] },
    { add: [], remove: [] },
  ]);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (octets, isBody) => {
      if (!isBody) return sendRaw(socketPath, octets);
      const { status } = await ask(socketPath, "POST", Buffer.from(octets));
      assert.ok(status === 400 || status === 200, String(status));
    }),
    { numRuns: runs(100) },
  );
  assert.equal((await ask(socketPath, "GET", "")).status, 200);
});
