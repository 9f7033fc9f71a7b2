import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { CodedError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { Command } from "./commands.ts";
import type { ProcessHost } from "./process-host.ts";
import { run } from "./run.ts";

function capture(): { host: ProcessHost; out: () => string; err: () => string } {
  const texts = ["", ""];
  const sink = (index: number) =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[index] += String(chunk);
        done();
      },
    });
  const host: ProcessHost = {
    env: {},
    cwd: "/",
    stdin: new PassThrough(),
    stdout: sink(0),
    stderr: sink(1),
    onSignal: () => {},
  };
  return { host, out: () => texts[0]!, err: () => texts[1]! };
}

const command = (name: string, main: (args: readonly string[], host: ProcessHost) => Promise<number>): Command => ({
  name,
  summary: `does ${name}`,
  examples: [`${name} it`],
  load: async () => ({ main }),
});

const table = [
  command("echo", async (args, host) => {
    host.stdout.write(`${args.join(" ")} ${host.env["OCICAT_LAB"] ?? "-"}\n`);
    return 3;
  }),
  command("refuse", async () => {
    throw new CodedError("no", "the pool is full", {}, { cause: new Error("no block is free") });
  }),
  command("misuse", async () => {
    throw new CodedError("badSetting", "'mtu=abc' is no setting of a NIC", {});
  }),
  command("break", async () => {
    throw new TypeError("boom");
  }),
];

test("a command gets its arguments untouched and gives the exit code", async () => {
  const { host, out } = capture();
  assert.equal(await run(["echo", "-felix-live", "--", "-x"], host, table), 3);
  assert.equal(out(), "-felix-live -- -x -\n");
});

test("a lab named before the command reaches it as OCICAT_LAB", async () => {
  for (const args of [["--lab", "a"], ["--lab=a"]]) {
    const { host, out } = capture();
    await run([...args, "echo", "x"], host, table);
    assert.equal(out(), "x a\n");
  }
});

test("errors raised on purpose are one line and exit 1; others show a stack and exit 70", async () => {
  const refused = capture();
  assert.equal(await run(["refuse"], refused.host, table), 1);
  assert.equal(refused.err(), "Error: the pool is full: no block is free\n");
  const broken = capture();
  assert.equal(await run(["break"], broken.host, table), 70);
  assert.match(broken.err(), /unexpected error[\s\S]*TypeError: boom\n\s+at /);
});

test("words of a lab that are wrong are wrong usage, and say where help is", async () => {
  const misused = capture();
  assert.equal(await run(["misuse"], misused.host, table), 2);
  assert.equal(misused.err(), "Error: 'mtu=abc' is no setting of a NIC\n");
  for (const words of [
    ["lab", "up"],
    ["lab", "pod", "add"],
  ]) {
    const bare = capture();
    assert.equal(await run(words, bare.host), 2);
    assert.match(bare.err(), new RegExp(`^error: .*\n'ocicat ${words.join(" ")} --help' tells more\\.\n$`));
  }
});

test("an unknown command is refused with the nearest one", async () => {
  const { host, err } = capture();
  assert.equal(await run(["ecko"], host, table), 2);
  assert.equal(
    err(),
    "ocicat: 'ecko' is not a command. Did you mean 'echo'?\nRun 'ocicat --help' for the list of commands.\n",
  );
  assert.equal(nearest("zzzz", ["echo"]), undefined);
});

test("help lists every command with its line and examples; no arguments at all is wrong usage", async () => {
  const asked = capture();
  assert.equal(await run(["--help"], asked.host, table), 0);
  assert.match(asked.out(), /^ {2}echo {5}does echo$/m);
  assert.match(asked.out(), /^ {2}ocicat refuse it$/m);
  const bare = capture();
  assert.equal(await run([], bare.host, table), 2);
  assert.equal(bare.err(), asked.out());
});

test("our own version needs no store", async () => {
  const client = /^Client Version: {4}v[\d.]+\S*\nGit commit: {8}\S+\n$/;
  const asked = capture();
  const nobody = { ...asked.host, env: { OCICAT_LAB_DIR: "/nonexistent", ETCD_ENDPOINTS: "http://127.0.0.1:1" } };
  assert.equal(await run(["--version"], nobody), 0);
  assert.match(asked.out(), client);
  const whole = capture();
  assert.equal(await run(["version"], { ...whole.host, env: nobody.env }), 1);
  assert.match(whole.out(), client, "ours is told, whatever becomes of the cluster's");
  assert.match(whole.err(), /the store cannot be reached/);
});
