/**
 * A host for tests of the plugin: a network namespace, the agent's side of the plugin in this process, its socket, and
 * the emitted executable. Pods are network namespaces; the plugin is executed as a container runtime executes it.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { listenAgentSocket } from "../../src/adapter/agent-socket.ts";
import { SystemClock, SystemWallClock } from "../../src/adapter/clock.ts";
import { FileLog } from "../../src/adapter/cni/log-file.ts";
import { LinuxNamespaces } from "../../src/adapter/linux/namespaces.ts";
import { SystemRandom } from "../../src/adapter/random.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { addressesOf, hostInterfaceOf } from "../../src/cni/endpoints.ts";
import { emitPlugin, type Processor } from "../../src/cni/plugin/emit.ts";
import { CniServer, type Readiness } from "../../src/cni/server.ts";
import { hostPrefix } from "../../src/ip/prefix.ts";
import { Ipam } from "../../src/ipam/ipam.ts";
import { Rtnetlink } from "../../src/kernel/rtnetlink.ts";
import { TakenDevices } from "../../src/kernel/taken-devices.ts";
import type { Stored } from "../../src/port/store.ts";
import { MemoryStore } from "../../src/testing/memory-store.ts";
import { createNamespace, type TestNamespace } from "../../src/testing/netns.ts";
import { poolObject, stored } from "../../src/testing/objects.ts";
import { SilentLog } from "../../src/testing/silent-log.ts";

export interface PluginRun {
  readonly code: number | null;
  readonly stdout: string;
  /** The output as JSON; empty where there is none. */
  readonly json: JsonObject;
}

export interface PluginOptions {
  readonly command: string;
  readonly pod?: TestPod;
  readonly config?: JsonObject;
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: string;
}

/** A pod as a runtime knows it. */
export class TestPod {
  readonly namespace: TestNamespace;
  readonly name: string;
  readonly containerId = randomBytes(32).toString("hex");

  constructor(namespace: TestNamespace, name: string) {
    this.namespace = namespace;
    this.name = name;
  }

  get args(): string {
    if (this.name === "") return "IgnoreUnknown=1";
    return `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${this.name};K8S_POD_INFRA_CONTAINER_ID=${this.containerId}`;
  }
}

export class CniTestbed {
  readonly store = new MemoryStore();
  readonly log = new SilentLog();
  readonly host: TestNamespace;
  readonly folder: string;
  readonly server: CniServer;
  readonly ipam: Ipam;
  readonly kernel: Rtnetlink;
  readonly taken: TakenDevices;
  readiness: Readiness = { ok: true };
  /** What the agent does when it is told of an endpoint; throws to fail it. */
  onChanged: ((endpoint: Stored) => void | Promise<void>) | undefined;
  podMtu = 1450;
  #listening: { close(): Promise<void> } | undefined;

  constructor(host: TestNamespace) {
    this.host = host;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-cni-"));
    const linux = new LinuxNamespaces();
    const clock = new SystemClock();
    const wallClock = new SystemWallClock();
    this.kernel = new Rtnetlink(host.net, clock);
    this.taken = new TakenDevices(clock);
    this.ipam = new Ipam({ store: this.store, wallClock, log: this.log });
    this.server = new CniServer({
      store: this.store,
      ipam: this.ipam,
      namespaces: { own: () => host.net, open: (file) => linux.open(file) },
      taken: this.taken,
      clock,
      wallClock,
      log: this.log,
      nodeName: "worker-2",
      podMtu: () => this.podMtu,
      ready: () => this.readiness,
      endpoints: { changed: (endpoint) => this.#program(endpoint), removed: async () => undefined },
      random: new SystemRandom(),
      openLog: (settings) => new FileLog(settings, { wallClock, also: this.log }),
      install: async () => "installed",
    });
  }

  /** What the agent compiles an endpoint to, as far as these tests need it: the host's routes to the pod. */
  async #program(endpoint: Stored): Promise<void> {
    await this.onChanged?.(endpoint);
    const device = this.kernel.link(hostInterfaceOf(endpoint))?.index ?? 0;
    const common = { table: 254, type: "unicast", protocol: 3, scope: 253, hops: [{ device }] } as const;
    this.kernel.execute(
      addressesOf(endpoint).map(({ address }) => ({
        type: "addRoute",
        route: { ...common, destination: hostPrefix(address), metric: typeof address === "number" ? 0 : 1024 },
      })),
    );
  }

  get socketPath(): string {
    return path.join(this.folder, "agent.sock");
  }

  async start(): Promise<void> {
    for (const object of [
      poolObject("default-ipv4-ippool", "192.168.0.0/16"),
      stored("ClusterInformation", "default", { spec: { datastoreReady: true } }),
    ]) {
      await this.store.write([{ op: "put", key: object.key, value: object.value }]);
    }
    this.host.ip("link set lo up");
    // What the agent compiles every node to, so that proxy ARP answers for the pods' gateway.
    this.host.ip("route add 169.254.1.1 dev lo table local proto 80 scope link");
    this.host.net.writeSysctl("net/ipv4/ip_forward", "1");
    this.#listening = await listenAgentSocket({
      path: this.socketPath,
      cni: (call) => this.server.handle(call),
      http: (_request, response) => response.end("http"),
      log: this.log,
    });
    for (const program of ["calico", "calico-ipam", "install"]) {
      fs.writeFileSync(path.join(this.folder, program), emitPlugin(process.arch as Processor, this.socketPath), {
        mode: 0o755,
      });
    }
  }

  config(more: JsonObject = {}): JsonObject {
    return {
      cniVersion: "1.0.0",
      name: "k8s-pod-network",
      type: "calico",
      ipam: { type: "calico-ipam" },
      policy: { type: "k8s" },
      ...more,
    };
  }

  /** Executes a plugin inside the host's namespace, as a runtime does. */
  run({ command, pod, config, env, program = "calico" }: PluginOptions): Promise<PluginRun> {
    const file = program.startsWith("/") ? program : path.join(this.folder, program);
    const environment = {
      CNI_COMMAND: command,
      CNI_PATH: `${this.folder}:/usr/lib/cni`,
      PATH: process.env["PATH"] ?? "",
      ...(pod
        ? { CNI_CONTAINERID: pod.containerId, CNI_NETNS: pod.namespace.path, CNI_IFNAME: "eth0", CNI_ARGS: pod.args }
        : {}),
      ...env,
    };
    return new Promise((resolve, reject) => {
      const child = this.host.net.run(() => spawn(file, { env: environment, stdio: ["pipe", "pipe", "inherit"] }));
      const chunks: Buffer[] = [];
      child.on("error", reject);
      child.stdin.on("error", () => undefined);
      child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
      child.on("close", (code) => {
        const stdout = Buffer.concat(chunks).toString("utf8");
        resolve({ code, stdout, json: stdout.trim().startsWith("{") ? (JSON.parse(stdout) as JsonObject) : {} });
      });
      child.stdin.end(JSON.stringify(config ?? this.config()));
    });
  }

  /** ADD that must succeed; its result. */
  async add(pod: TestPod, config?: JsonObject, env?: Readonly<Record<string, string>>): Promise<JsonObject> {
    const run = await this.run({ command: "ADD", pod, ...(config ? { config } : {}), ...(env ? { env } : {}) });
    if (run.code !== 0) throw new Error(`ADD failed: ${run.stdout}`);
    return run.json;
  }

  async close(): Promise<void> {
    await this.#listening?.close();
    this.server.close();
    this.kernel.close();
    await this.store.close();
    fs.rmSync(this.folder, { recursive: true, force: true });
    this.host.close();
  }
}

/** The `spec` of the one endpoint that is there. */
export async function onlySpec(bed: CniTestbed): Promise<JsonObject> {
  const { objects } = await bed.store.list({ kind: "WorkloadEndpoint" });
  assert.equal(objects.length, 1);
  return objects[0]?.value["spec"] as JsonObject;
}

/** A testbed that ends with the test. */
export async function testbed(t: TestContext): Promise<CniTestbed> {
  const bed = new CniTestbed(createNamespace());
  t.after(() => bed.close());
  await bed.start();
  return bed;
}

/** A pod that ends with the test; without a name it is no Kubernetes pod. */
export function testPod(t: TestContext, name: string): TestPod {
  const namespace = createNamespace();
  t.after(() => namespace.close());
  namespace.ip("link set lo up");
  return new TestPod(namespace, name);
}
