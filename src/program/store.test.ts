import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import type { ProcessHost, Signal } from "./process-host.ts";
import { run } from "./run.ts";

class TestHost implements ProcessHost {
  readonly env = {};
  readonly cwd: string;
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly signals = new Map<Signal, () => void>();
  readonly #text = { stdout: "", stderr: "" };

  constructor(cwd: string) {
    this.cwd = cwd;
    for (const name of ["stdout", "stderr"] as const) {
      this[name].setEncoding("utf8").on("data", (text: string) => {
        this.#text[name] += text;
      });
    }
  }

  get out(): string {
    return this.#text.stdout;
  }

  get err(): string {
    return this.#text.stderr;
  }

  onSignal(signal: Signal, handler: () => void): void {
    this.signals.set(signal, handler);
  }
}

function makeHost(t: TestContext): TestHost {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-program-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return new TestHost(folder);
}

const store = (host: TestHost, ...args: string[]): Promise<number> => run(["store", ...args], host);

test("the store says where it listens and ends in order at a signal", async (t) => {
  const host = makeHost(t);
  const ended = store(
    host,
    "--data",
    "below/s.db",
    "--listen",
    "unix:s",
    "--listen",
    "127.0.0.1:0",
    "--auto-compact",
    "off",
  );
  while (host.out === "") await new Promise((resolve) => host.stdout.once("data", resolve));
  const { listening, clusterId } = JSON.parse(host.out) as { listening: string[]; clusterId: string };
  assert.equal(listening[0], `unix:${host.cwd}/s`);
  assert.match(listening[1] ?? "", /^127\.0\.0\.1:[1-9]\d+$/);
  assert.match(clusterId, /^[0-9a-f]{1,16}$/);

  const second = makeHost(t);
  assert.equal(await store(second, "--data", path.join(host.cwd, "below/s.db"), "--listen", "unix:t"), 1);
  assert.match(second.err, /Error: .*s\.db: another process has it open/);
  const third = makeHost(t);
  assert.equal(await store(third, "--data", "t.db", "--listen", `unix:${host.cwd}/s`), 1);
  assert.match(third.err, /Error: cannot listen on .*another process listens there/);
  assert.equal(third.out, "", "nothing is said to be ready");

  host.signals.get("SIGTERM")?.();
  assert.equal(await ended, 0);
  assert.equal(fs.existsSync(path.join(host.cwd, "s")), false);
  await assert.rejects(
    new Promise((resolve, reject) =>
      net.connect(path.join(host.cwd, "s")).once("connect", resolve).once("error", reject),
    ),
    { code: "ENOENT" },
  );
  assert.match(host.err, /store is closed/);
});

test("a file that is no store is refused with the reason", async (t) => {
  const host = makeHost(t);
  fs.writeFileSync(path.join(host.cwd, "s.db"), "a letter to a friend");
  assert.equal(await store(host, "--data", "s.db", "--listen", "unix:s"), 1);
  assert.match(host.err, /Error: .*s\.db: it is no database: it is no store of ocicat; nothing was changed/);
  assert.equal(fs.readFileSync(path.join(host.cwd, "s.db"), "utf8"), "a letter to a friend");
});

test("wrong usage is named, and help shows calls", async (t) => {
  const host = makeHost(t);
  assert.equal(await store(host, "--auto-compact", "sometimes"), 2);
  assert.match(host.err, /'sometimes' is invalid\. It is an age \(30m\), a number of revisions/);
  assert.equal(await store(makeHost(t), "extra"), 2);
  assert.equal(await store(host, "--help"), 0);
  assert.match(host.out, /--listen <address>[\s\S]*Examples:\n {2}ocicat store\n/);
  const bad = makeHost(t);
  assert.equal(await store(bad, "--data", "s.db", "--listen", "127.0.0.1"), 2);
  assert.match(bad.err, /'127\.0\.0\.1' is invalid\. It is unix:PATH or HOST:PORT/);
  assert.deepEqual(fs.readdirSync(bad.cwd), [], "nothing was made");
});
