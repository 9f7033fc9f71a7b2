/**
 * ADD of the plugin against Debian's `bridge` with `host-local`, in the same run: one pod, and a hundred at once. Every
 * ADD is an execution of the plugin's file by a shell, as a container runtime executes it; the time is that of the
 * whole batch from its first fork to its last exit. Needs root and containernetworking-plugins.
 *
 *   node bench/cni-add.ts [--rounds N] [--store ocicat|etcd|memory]
 *
 * `ocicat` (the default) and `etcd` start `ocicat store` or Debian's etcd on a folder in /tmp: every ADD waits for
 * durable writes, which bridge and host-local have no need of.
 *
 * Bars: one pod at most 1.0 times bridge's time, a hundred at most 0.8 times.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { emitPlugin, type Processor } from "../src/cni/plugin/emit.ts";
import { createNamespace, type TestNamespace } from "../src/testing/netns.ts";

const BARS = { one: 1.0, hundred: 0.8 } as const;

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, store: { type: "string", default: "ocicat" } },
});
const rounds = Number(values.rounds);

interface Contender {
  readonly name: string;
  /** Of the plugin's file. */
  readonly file: string;
  readonly config: object;
  readonly host: TestNamespace;
}

interface BenchPod {
  readonly namespace: TestNamespace;
  readonly id: string;
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-bench-"));
const socketPath = path.join(folder, "agent.sock");
const plugin = path.join(folder, "calico");
fs.writeFileSync(plugin, emitPlugin(process.arch as Processor, socketPath), { mode: 0o755 });

const ours: Contender = {
  name: "ocicat",
  file: plugin,
  config: { cniVersion: "0.4.0", name: "net", type: "calico", ipam: { type: "calico-ipam" }, policy: { type: "k8s" } },
  host: createNamespace(),
};
const theirs: Contender = {
  name: "bridge",
  file: "/usr/lib/cni/bridge",
  config: {
    cniVersion: "0.4.0",
    name: "net",
    type: "bridge",
    bridge: "br0",
    isGateway: true,
    ipam: {
      type: "host-local",
      subnet: "10.88.0.0/16",
      dataDir: path.join(folder, "ipam"),
      routes: [{ dst: "0.0.0.0/0" }],
    },
  },
  host: createNamespace(),
};
for (const { name, config, host } of [ours, theirs]) {
  host.ip("link set lo up");
  fs.writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(config));
}

/** Ends a process and waits until it is gone: what it does last must not meet the removal of its folder. */
function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) resolve();
    else child.once("exit", () => resolve());
    child.kill();
  });
}

interface StoreProcess {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Starts the store that is asked for; it is there when this resolves. */
async function startStore(kind: string): Promise<StoreProcess> {
  if (kind === "memory") return { endpoint: "memory", stop: async () => undefined };
  const socket = path.join(folder, "store.sock");
  const [command = "", ...args] =
    kind === "etcd"
      ? ["etcd", "--data-dir", path.join(folder, "etcd")]
      : [
          process.execPath,
          path.join(import.meta.dirname, "../src/main.ts"),
          "store",
          "--data",
          path.join(folder, "store.db"),
          "--listen",
          `unix:${socket}`,
        ];
  const child = ours.host.net.run(() =>
    spawn(command, args, {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, OCICAT_PARENT: String(process.pid) },
    }),
  );
  if (kind !== "etcd") await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return { endpoint: kind === "etcd" ? "http://127.0.0.1:2379" : `unix://${socket}`, stop: () => ended(child) };
}
const storeProcess = await startStore(values.store);

const agent = ours.host.net.run(() =>
  spawn(process.execPath, [path.join(import.meta.dirname, "cni-agent.ts"), socketPath, storeProcess.endpoint], {
    stdio: ["pipe", "pipe", "inherit"],
  }),
);
const agentLines = createInterface({ input: agent.stdout })[Symbol.asyncIterator]();
if ((await agentLines.next()).value !== "ready") throw new Error("the agent did not start");

/** The batch as a shell script: each plugin in the background, all at once. */
function script(contender: Contender, command: "ADD" | "DEL", pods: readonly BenchPod[]): string {
  const lines = pods.map(
    ({ id, namespace }, index) =>
      `CNI_COMMAND=${command} CNI_CONTAINERID=${id} CNI_NETNS=${namespace.path} CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni ` +
      `CNI_ARGS='IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod-${id.slice(0, 8)}' ` +
      `${contender.file} < ${folder}/${contender.name}.json > ${folder}/out-${index} &`,
  );
  return `${lines.join("\n")}\nwait\n`;
}

/** Milliseconds. */
async function execute(contender: Contender, command: "ADD" | "DEL", pods: readonly BenchPod[]): Promise<number> {
  const file = path.join(folder, "batch.sh");
  fs.writeFileSync(file, script(contender, command, pods));
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    const shell = contender.host.net.run(() => spawn("/bin/sh", [file], { stdio: ["ignore", "inherit", "inherit"] }));
    shell.on("error", reject);
    shell.on("close", () => resolve());
  });
  const elapsed = performance.now() - start;
  if (command === "ADD") {
    for (const index of pods.keys()) {
      const output = fs.readFileSync(path.join(folder, `out-${index}`), "utf8");
      if (!output.includes('"ips"')) throw new Error(`${contender.name}: ADD failed: ${output}`);
    }
  }
  return elapsed;
}

async function round(contender: Contender, count: number): Promise<number> {
  const pods = Array.from({ length: count }, () => ({
    namespace: createNamespace(),
    id: randomBytes(16).toString("hex"),
  }));
  try {
    return await execute(contender, "ADD", pods);
  } finally {
    await execute(contender, "DEL", pods);
    for (const { namespace } of pods) namespace.close();
  }
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;

async function compare(label: string, count: number, times: number, bar: number): Promise<boolean> {
  const [own, yardstick]: [number[], number[]] = [[], []];
  await round(ours, count);
  await round(theirs, count);
  agent.stdin.write("reset\n");
  await agentLines.next();
  for (let turn = 0; turn < times; turn++) {
    own.push(await round(ours, count));
    yardstick.push(await round(theirs, count));
  }
  agent.stdin.write("report\n");
  const { maxTurnMs } = JSON.parse((await agentLines.next()).value ?? "{}") as { maxTurnMs: number };
  const ratio = median(own) / median(yardstick);
  console.log(
    `${label}: ocicat ${median(own).toFixed(1)} ms, bridge+host-local ${median(yardstick).toFixed(1)} ms, ` +
      `ratio ${ratio.toFixed(2)} (bar ${bar}), longest turn ${maxTurnMs.toFixed(0)} ms of CPU`,
  );
  return ratio <= bar;
}

let isGood = false;
try {
  const one = await compare("one pod", 1, rounds * 4, BARS.one);
  const hundred = await compare("100 pods at once", 100, rounds, BARS.hundred);
  isGood = one && hundred;
} finally {
  await ended(agent);
  await storeProcess.stop();
  ours.host.close();
  theirs.host.close();
  fs.rmSync(folder, { recursive: true, force: true });
}
process.exitCode = isGood ? 0 : 1;
