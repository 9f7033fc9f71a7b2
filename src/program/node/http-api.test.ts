import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { ApiError, type NodeApi, nodeApi } from "./http-api.ts";

const LEFT = /\{"left":(\d+)\}\n/;

async function serving(t: TestContext, bgp: NodeApi["bgp"]) {
  const none: http.RequestListener = (_, response) => response.end();
  const api = nodeApi({
    report: () => ({ node: "a" }),
    verify: () => Promise.reject(new Error("no kernel")),
    bgp,
    turn: (_name, work) => work(),
    health: none,
    metrics: none,
  });
  const server = http.createServer(api);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const open = (path: string): Promise<http.IncomingMessage> =>
    new Promise((resolve, reject) => {
      http.get({ host: "127.0.0.1", port, path, agent: false }, resolve).on("error", reject);
    });
  const ask = async (path: string) => {
    const response = await open(path);
    return { status: response.statusCode, body: await text(response) };
  };
  return { ask, open };
}

test("answers, refusals and faults have their own status", async (t) => {
  const asked: string[] = [];
  const { ask } = await serving(t, (path, query) => {
    asked.push(`${path}?${query}`);
    if (path === "/why") throw new ApiError("notAsked", "ask for something", {});
    return path === "" ? { json: { bgp: 1 } } : undefined;
  });
  assert.deepEqual(await ask("/v1/node"), { status: 200, body: '{"node":"a"}' });
  assert.deepEqual(await ask("/v1/bgp"), { status: 200, body: '{"bgp":1}' });
  assert.deepEqual(await ask("/v1/bgp/why?prefix=10.0.0.0%2F8"), { status: 400, body: "ask for something" });
  assert.deepEqual(await ask("/v1/verify"), { status: 500, body: "no kernel" });
  assert.equal((await ask("/v1/bgp/nothing")).status, 404);
  assert.match((await ask("/v1/bgpx")).body, /^there are \/v1\/node, /);
  assert.deepEqual(asked, ["?", "/why?prefix=10.0.0.0%2F8", "/nothing?"]);
});

test("no piece of a long answer is made for a reader that has gone", async (t) => {
  let made = 0;
  const ended = Promise.withResolvers<void>();
  async function* lines(): AsyncGenerator<string> {
    try {
      for (;;) {
        made++;
        yield `${"x".repeat(1 << 16)}\n`;
      }
    } finally {
      ended.resolve();
    }
  }
  const { open } = await serving(t, () => ({ lines: lines() }));
  const response = await open("/v1/bgp/routes");
  await new Promise((resolve) => response.once("readable", resolve));
  response.destroy();
  await ended.promise;
  assert.ok(made < 1_000, String(made));
});

test("a listener that does not read misses lines and is told how many; when it goes, it is over", async (t) => {
  const ended = Promise.withResolvers<void>();
  let write: (line: string) => void = () => undefined;
  const { open } = await serving(t, () => ({
    live: (given) => {
      write = given;
      return () => ended.resolve();
    },
  }));
  const response = await open("/v1/bgp/log");
  // One stretch without a turn of the loop: nothing of it can leave meanwhile.
  for (let count = 0; count < 100; count++) write("x".repeat(1 << 15));
  let heard = "";
  response.on("data", (chunk: Buffer) => {
    heard += chunk.toString();
  });
  const told = new Promise<void>((resolve) => {
    response.on("data", () => {
      write("again");
      if (LEFT.test(heard)) resolve();
    });
  });
  await told;
  const left = Number(LEFT.exec(heard)?.[1]);
  assert.ok(left > 50, String(left));
  response.destroy();
  await ended.promise;
});
