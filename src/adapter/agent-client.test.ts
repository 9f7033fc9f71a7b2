import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { unprivileged } from "../testing/unprivileged.ts";
import type { AgentPlace } from "./agent-away.ts";
import { agentLines, askAgent } from "./agent-client.ts";

function socketPath(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-client-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return path.join(folder, "s");
}

/** Listens until the test ends, and hangs up on whoever asks. */
async function listen(t: TestContext, socket: string): Promise<net.Server> {
  const server = net.createServer((caller) => caller.once("data", () => caller.destroy()));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => server.close());
  return server;
}

type Ask = typeof askAgent | typeof agentLines;

/** What both ways to ask say, without what all begin with. */
async function refusal(place: AgentPlace, call = (ask: Ask) => ask(place, "/v1/node")): Promise<string> {
  const asked = [askAgent, agentLines].map(async (ask) => {
    try {
      await call(ask);
    } catch (failure) {
      const { code, message } = failure as { readonly code: string; readonly message: string };
      assert.equal(code, "agentAway");
      return message;
    }
    assert.fail("answered");
  });
  const [one = "", other] = await Promise.all(asked);
  assert.equal(one, other);
  const beginning = `no agent answers at ${place.socket}: `;
  assert.ok(one.startsWith(beginning), one);
  return one.slice(beginning.length);
}

test("where no agent has been, the remedy is to start one", async (t) => {
  const socket = socketPath(t);
  assert.equal(
    await refusal({ socket }),
    "there is no such socket; start the agent with 'ocicat node' as root, or set OCICAT_SOCKET to where it listens; agents of a lab are found by the user who brought it up",
  );
});

test("a socket that an agent left behind says so", async (t) => {
  const socket = socketPath(t);
  const server = await listen(t, `${socket}.living`);
  fs.renameSync(`${socket}.living`, socket);
  server.close();
  assert.equal(
    await refusal({ socket }),
    "nobody listens there any more; start the agent again with 'ocicat node' as root",
  );
});

test("an agent of a lab is brought back by the lab", async (t) => {
  const socket = socketPath(t);
  const remedy = "'ocicat lab heal --lab x' starts what was broken, 'ocicat lab status --lab x' shows what runs";
  assert.equal(await refusal({ socket, lab: "x" }), `there is no such socket; ${remedy}`);
  fs.writeFileSync(socket, "");
  assert.equal(await refusal({ socket, lab: "x" }), `nobody listens there any more; ${remedy}`);
});

test("a user who may not ask is told who may", async (t) => {
  const socket = socketPath(t);
  await listen(t, socket);
  fs.chmodSync(socket, 0);
  assert.equal(
    await refusal({ socket }, (ask) => unprivileged(() => ask({ socket }, "/v1/node"))),
    "this user may not connect to it; run the command as root, or as the user whose lab it is",
  );
});

test("an agent that hangs up is named with what the system says", async (t) => {
  const socket = socketPath(t);
  await listen(t, socket);
  assert.equal(await refusal({ socket }), "socket hang up; the agent's log tells more");
});
