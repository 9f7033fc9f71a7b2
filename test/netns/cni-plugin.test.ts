/** The emitted executable: its file as readelf and objdump see it, and its behaviour with and without an agent. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { listenAgentSocket } from "../../src/adapter/agent-socket.ts";
import { noAnswer } from "../../src/cni/no-answer.ts";
import { emitPlugin, isSupportedProcessor, type Processor } from "../../src/cni/plugin/emit.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";
import type { PluginAnswer, PluginCall } from "../../src/wire/plugin-call.ts";

const own = process.arch;
const hasTool = (tool: string): boolean => {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** How each processor's executable is run and taken apart here. */
const targets: Record<Processor, { run: readonly string[]; objdump: string; machine: RegExp; call: RegExp }> = {
  x64: {
    run: own === "x64" ? [] : ["qemu-x86_64"],
    objdump: own === "x64" ? "objdump" : "x86_64-linux-gnu-objdump",
    machine: /Advanced Micro Devices X86-64/,
    call: /\bsyscall\b/,
  },
  arm64: {
    run: own === "arm64" ? [] : ["qemu-aarch64"],
    objdump: own === "arm64" ? "objdump" : "aarch64-linux-gnu-objdump",
    machine: /AArch64/,
    call: /\bsvc\b/,
  },
};

interface Bench {
  readonly socketPath: string;
  run(options: {
    env?: Record<string, string>;
    stdin?: string;
    args?: readonly string[];
  }): Promise<{ code: number | null; signal: string | null; stdout: string }>;
}

function plugin(t: TestContext, processor: Processor): Bench {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-plugin-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const socketPath = path.join(folder, "agent.sock");
  const file = path.join(folder, "calico");
  fs.writeFileSync(file, emitPlugin(processor, socketPath), { mode: 0o755 });
  const [command = file, ...before] = [...targets[processor].run, file];
  return {
    socketPath,
    run: ({ env = {}, stdin = "", args = [] }) =>
      new Promise((resolve, reject) => {
        const child = spawn(command, [...before, ...args], { env, stdio: ["pipe", "pipe", "inherit"] });
        let stdout = "";
        child.on("error", reject);
        child.stdin.on("error", () => undefined);
        child.stdout.on("data", (chunk) => {
          stdout += chunk;
        });
        child.on("close", (code, signal) => resolve({ code, signal, stdout }));
        child.stdin.end(stdin);
      }),
  };
}

async function agent(t: TestContext, socketPath: string, answer: PluginAnswer): Promise<PluginCall[]> {
  const calls: PluginCall[] = [];
  const listening = await listenAgentSocket({
    path: socketPath,
    cni: async (call) => {
      calls.push(call);
      return answer;
    },
    http: (_request, response) => response.end(),
    log: new SilentLog(),
  });
  t.after(() => listening.close());
  return calls;
}

for (const processor of ["x64", "arm64"] as const) {
  const { run, objdump, machine, call } = targets[processor];
  const skipRun = run.every(hasTool) ? false : `needs ${run[0]} (qemu-user)`;
  const skipLook = hasTool("readelf") && hasTool(objdump) ? false : `needs readelf and ${objdump} (binutils)`;

  test(`${processor}: a small static executable without an executable stack, every instruction known`, {
    skip: skipLook,
  }, (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-plugin-"));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, "calico");
    const octets = emitPlugin(processor, "/var/run/calico/ocicat.sock");
    assert.ok(octets.length < 2048, `${octets.length} octets`);
    fs.writeFileSync(file, octets);
    const elf = execFileSync("readelf", ["-aW", file], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    assert.match(elf, machine);
    assert.match(elf, /EXEC \(Executable file\)/);
    assert.match(elf, /LOAD .* R E /);
    assert.match(elf, /GNU_STACK .* RW /);
    assert.match(elf, /There is no dynamic section/);
    assert.doesNotMatch(elf, /INTERP|Warning|Error/i);
    const code = execFileSync(objdump, ["-d", file], { encoding: "utf8" });
    assert.doesNotMatch(code, /\(bad\)|undefined|\.inst/);
    assert.equal(code.match(new RegExp(call, "g"))?.length, 12, "system calls in the text");
    const targetsOfJumps = [...code.matchAll(/\b(?:j\w+|call|b|bl|b\.\w+)\s+(?:0x)?(4[0-9a-f]{5})\b/g)].map(
      (match) => match[1],
    );
    assert.ok(targetsOfJumps.length > 20);
    for (const target of targetsOfJumps)
      assert.match(code, new RegExp(`^\\s+${target}:`, "m"), "a jump into an instruction");
  });

  test(`${processor}: without an agent it says so with the right code, and answers VERSION`, {
    skip: skipRun,
  }, async (t) => {
    const bench = plugin(t, processor);
    for (const command of ["ADD", "DEL", "STATUS", "VERSION", ""]) {
      const { exitCode, stdout } = noAnswer(command, bench.socketPath);
      const env = command === "" ? {} : { BEFORE: "CNI_COMMAND", CNI_COMMAND: command, AFTER: "x" };
      const got = await bench.run({ env, stdin: "{}" });
      assert.deepEqual(got, { code: exitCode, signal: null, stdout }, command);
    }
  });

  test(`${processor}: it hands over arguments, environment and input of any size, and the answer back`, {
    skip: skipRun,
  }, async (t) => {
    const bench = plugin(t, processor);
    const answer = { exitCode: 3, stdout: "x".repeat(60_000) };
    const calls = await agent(t, bench.socketPath, answer);
    const stdin = JSON.stringify({ text: "ä".repeat(100_000) });
    const env = { CNI_COMMAND: "ADD", EMPTY: "", EQUALS: "a=b", LONG: "l".repeat(100_000) };
    assert.deepEqual(await bench.run({ env, stdin, args: ["one", "two"] }), {
      code: 3,
      signal: null,
      stdout: answer.stdout,
    });
    assert.equal(calls[0]?.program, "calico");
    assert.deepEqual({ ...calls[0]?.env }, env);
    assert.equal(calls[0]?.stdin, stdin);
    assert.equal((await bench.run({})).code, 3);
    assert.deepEqual({ ...calls[1]?.env }, {});
    assert.equal(calls[1]?.stdin, "");
  });

  test(`${processor}: an agent that dies during the call is as good as none`, { skip: skipRun }, async (t) => {
    const bench = plugin(t, processor);
    const replies = [Buffer.alloc(0), Buffer.from([9, 0, 0, 0, 0, 65]), Buffer.from([1, 0])];
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(replies.shift() ?? ""));
    });
    await new Promise<void>((resolve) => server.listen(bench.socketPath, resolve));
    t.after(() => new Promise((resolve) => server.close(resolve)));
    const expected = noAnswer("ADD", bench.socketPath);
    for (let left = replies.length; left > 0; left--) {
      const got = await bench.run({ env: { CNI_COMMAND: "ADD" }, stdin: "{}" });
      assert.deepEqual(got, { code: 1, signal: null, stdout: expected.stdout });
    }
  });
}

test("a socket path that no address can hold is refused when the executable is made", () => {
  assert.throws(() => emitPlugin("x64", `/${"x".repeat(107)}`), { code: "pathTooLong" });
  assert.equal(isSupportedProcessor("riscv64"), false);
});
