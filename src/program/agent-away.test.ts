import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { run } from "./run.ts";

const SOCKET = "/nowhere/ocicat.sock";

async function ocicat(command: string) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const host = { env: { OCICAT_SOCKET: SOCKET }, cwd: "/", stdin, stdout, stderr, onSignal: () => {} };
  const code = await run(command.split(" "), host);
  stdout.end();
  stderr.end();
  return { code, out: await text(stdout), err: await text(stderr) };
}

const away = new RegExp(
  `no agent answers at ${SOCKET}: there is no such socket; start the agent with 'ocicat node' .*\\n$`,
);

test("every command that asks an agent says how one is started", async () => {
  for (const command of [
    "node show",
    "bgp peers",
    "bgp routes",
    "bgp routes --peer worker-2",
    "bgp why 10.0.0.1",
    "bgp explain worker-2",
    "bgp log",
    "bgp render",
  ]) {
    const { code, out, err } = await ocicat(command);
    assert.deepEqual([code, out], [1, ""], command);
    assert.match(err, away, command);
  }
  assert.match((await ocicat("verify")).out, away);
  assert.match((await ocicat("node -bird-live")).out, away);
});

test("node status keeps calicoctl's words, and says so beside them", async () => {
  const { code, out, err } = await ocicat("node status");
  assert.deepEqual([code, out], [1, "Calico process is not running.\n"]);
  assert.match(err, away);
});
