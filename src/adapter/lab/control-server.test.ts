import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { CodedError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { verbOf } from "../../lab/control.ts";
import { sendRaw } from "../../testing/raw-octets.ts";
import { runs } from "../../testing/runs.ts";
import { askLab } from "./control-client.ts";
import { serveControl } from "./control-server.ts";

async function serve(t: TestContext) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-control-"));
  const socket = path.join(folder, "control.sock");
  const failures: string[] = [];
  const verbs = {
    echo: async (body: JsonObject) => body,
    refuse: async () => {
      throw new CodedError("no", "the pool is full", {});
    },
    fault: async () => {
      throw new TypeError("boom");
    },
  };
  const server = await serveControl(socket, {
    answer: (verb, body) => verbOf(verbs, verb)?.(body),
    stream: () => undefined,
    failed: (verb, failure) => failures.push(`${verb} ${failure}`),
  });
  t.after(() => {
    server.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return { socket, failures };
}

const post = (socketPath: string, url: string, body: string): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const request = http.request({ socketPath, path: url, method: "POST", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on("error", reject);
    request.end(body);
  });

test("a refusal is told with its code, a fault without its stack; the stack is the log's", async (t) => {
  const { socket, failures } = await serve(t);
  assert.deepEqual(await askLab(socket, "echo", { a: 1 }), { a: 1 });
  await assert.rejects(askLab(socket, "refuse"), { code: "no", message: "the pool is full" });
  await assert.rejects(askLab(socket, "fault"), { code: "fault", message: "boom" });
  assert.deepEqual(failures, ["fault TypeError: boom"]);
});

test("what every object inherits is no verb", async (t) => {
  const { socket, failures } = await serve(t);
  for (const name of [...Object.getOwnPropertyNames(Object.prototype), "", "Echo"]) {
    const { status, text } = await post(socket, `/${name}`, "{}");
    assert.deepEqual([status, JSON.parse(text).code], [404, "noVerb"], name);
  }
  assert.deepEqual(failures, []);
});

test("garbage of any kind is refused by its own connection, and the next request is served", async (t) => {
  const { socket, failures } = await serve(t);
  const name = fc.oneof(fc.constantFrom("echo", "refuse", "__proto__", "%", "a/b?c"), fc.webPath());
  const body = fc.oneof(fc.string(), fc.json(), fc.constantFrom("{", "[]", "null", '{"__proto__":1}'));
  await fc.assert(
    fc.asyncProperty(name, body, fc.uint8Array({ maxLength: 300 }), async (verb, text, octets) => {
      const { status, text: answered } = await post(socket, `/${verb}`, text);
      assert.ok([200, 400, 404].includes(status), String(status));
      assert.doesNotMatch(JSON.stringify(JSON.parse(answered)), /\.ts:\d/, "no stack");
      await sendRaw(socket, octets);
      await sendRaw(socket, Buffer.concat([Buffer.from("POST /echo HTTP/1.1\r\ncontent-length: 400\r\n\r\n"), octets]));
    }),
    { numRuns: runs(100) },
  );
  assert.deepEqual(await askLab(socket, "echo", { on: true }), { on: true });
  assert.deepEqual(failures, []);
});
