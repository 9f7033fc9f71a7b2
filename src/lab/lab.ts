/**
 * A lab while it runs: everything that its supervisor holds. Built in the order underlay, hosts, store, agents, pods;
 * whatever is held goes with the process, so there is no order of taking down.
 */
import { CodedError } from "../base/errors.ts";
import { formatAddress } from "../ip/address.ts";
import type { Clock } from "../port/clock.ts";
import type { EchoServices } from "../port/echo-services.ts";
import type { HostFolders } from "../port/host-folders.ts";
import type { LabPodRecord } from "../port/lab-record.ts";
import type { Log } from "../port/log.ts";
import type { PlaceFiles } from "../port/place-files.ts";
import type { Place, Places } from "../port/places.ts";
import type { Programs } from "../port/programs.ts";
import { agentEnvironment, storeEnvironment } from "./agent-environment.ts";
import { Daemon } from "./daemon.ts";
import { checkKernel } from "./kernel-check.ts";
import { type LabHost, makeLabHost } from "./lab-host.ts";
import { LabPods, type Pod } from "./pods/lab-pods.ts";
import { CONFIG_FOLDER, hasNetworkConfig } from "./pods/network-config.ts";
import { CniRuntime } from "./pods/runtime.ts";
import { type Backend, type PodSpec, STORE_PORT, type Topology } from "./topology.ts";
import { Underlay } from "./underlay/network.ts";
import { Nics } from "./underlay/nics.ts";
import { until } from "./wait.ts";

/** What answers whether the programs of the lab are ready. */
export interface Readiness {
  /** Whether something accepts connections on a Unix socket. */
  accepts(socket: string): Promise<boolean>;
  /** Whether an agent says that it is ready. */
  agent(socket: string): Promise<boolean>;
}

export interface LabDeps {
  readonly places: Places;
  readonly folders: HostFolders;
  readonly files: PlaceFiles;
  readonly programs: Programs;
  readonly services: EchoServices;
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly log: Log;
  readonly newContainerId: () => string;
}

export interface LabPaths {
  /** The lab's folder. */
  readonly folder: string;
  readonly storeSocket: string;
}

/** Says what is being done now. */
export type Progress = (step: string) => void;

export class LabError extends CodedError<"noPlace", { name: string }> {}

/** Far more than they need: a busy machine is no fault, and programs that keep ending are told at once. */
const STORE_READY_MS = 60_000;
const AGENT_READY_MS = 120_000;
const AGENT_READY_MS_EACH = 2_000;

export class Lab {
  readonly topology: Topology;
  readonly underlay: Underlay;
  readonly nics: Nics;
  readonly hosts: ReadonlyMap<string, LabHost>;
  readonly store: Daemon;
  readonly pods: LabPods;
  readonly #deps: LabDeps;
  readonly #paths: LabPaths;
  #backend: Backend;

  /** Builds underlay and hosts; the programs come with `start`. Throws KernelError. */
  constructor(topology: Topology, paths: LabPaths, deps: LabDeps) {
    this.topology = topology;
    this.#backend = topology.cluster.backend;
    this.#deps = deps;
    this.#paths = paths;
    this.underlay = new Underlay(topology, deps);
    this.hosts = new Map(topology.hosts.map((host) => [host.name, makeLabHost(topology, host, deps)]));
    for (const host of this.hosts.values()) this.underlay.plugIn(host.spec, host.place.net);
    this.nics = new Nics(topology, this.underlay, this.hosts, deps);
    this.store = this.#makeStore(this.host(topology.storeHost));
    this.pods = new LabPods(this.hosts, { ...deps, cni: new CniRuntime(deps) });
    deps.services.start(this.underlay.outside, "the Internet", []);
  }

  #makeStore(host: LabHost): Daemon {
    const { folder, storeSocket } = this.#paths;
    const listen = [`unix:${storeSocket}`, `0.0.0.0:${STORE_PORT}`].flatMap((address) => ["--listen", address]);
    return new Daemon(
      "the store",
      host.place,
      {
        args: ["store", "--data", `${folder}/store.db`, ...listen],
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
        logFile: `${folder}/store.log`,
      },
      this.#deps,
    );
  }

  host(name: string): LabHost {
    const host = this.hosts.get(name);
    if (host) return host;
    const known = [...this.hosts.keys()].join(", ");
    throw new LabError("noPlace", `no host '${name}' in this lab (there is: ${known})`, { name });
  }

  /** Where a command for a host or a pod runs, and what it finds in its environment. Throws LabError. */
  place(name: string): { place: Place; env: Readonly<Record<string, string>> } {
    const host = this.hosts.get(name);
    const place = host?.place ?? this.pods.find(name)?.place;
    if (place) return { place, env: host ? hostEnvironment(this.topology, name) : {} };
    const known = [...this.hosts.keys(), ...this.pods.list().map(({ key }) => key)].join(", ");
    throw new LabError("noPlace", `no host or pod '${name}' in this lab (there is: ${known})`, { name });
  }

  /** Starts store, agents and the topology's pods. */
  async start(progress: Progress): Promise<void> {
    progress("kernel");
    await checkKernel(this.#deps.places, this.#deps);
    progress("underlay");
    await this.nics.apply();
    progress("store");
    this.store.start();
    await this.storeReady();
    progress("agents");
    for (const host of this.hosts.values()) host.agent.start();
    const patienceMs = AGENT_READY_MS + this.hosts.size * AGENT_READY_MS_EACH;
    await Promise.all([...this.hosts.values()].map((host) => this.agentReady(host, patienceMs)));
    progress("pods");
    await this.addPods(this.topology.pods);
  }

  async storeReady(): Promise<void> {
    await this.#ready(this.store, STORE_READY_MS, () => this.#deps.readiness.accepts(this.#paths.storeSocket));
  }

  /** Waits for an agent, and for the network configuration that it installs. */
  async agentReady(host: LabHost, timeoutMs = AGENT_READY_MS): Promise<void> {
    await this.#ready(
      host.agent,
      timeoutMs,
      async () =>
        hasNetworkConfig(this.#deps.files.list(host.place, CONFIG_FOLDER)) &&
        (await this.#deps.readiness.agent(host.agentSocket)),
    );
  }

  async #ready(daemon: Daemon, timeoutMs: number, condition: () => Promise<boolean>): Promise<void> {
    await until(this.#deps.clock, `${daemon.name} to be ready`, timeoutMs, () => {
      daemon.mustBeStarting();
      return condition();
    });
    daemon.markReady();
  }

  isAgentReady(host: LabHost): Promise<boolean> {
    return this.#deps.readiness.agent(host.agentSocket);
  }

  /** Restarts all agents with another backend, as a change of `calico_backend` does. The pools stay as they are. */
  async setBackend(backend: Backend): Promise<void> {
    this.#backend = backend;
    const topology = { ...this.topology, cluster: { ...this.topology.cluster, backend } };
    const hosts = [...this.hosts.values()];
    await Promise.all(hosts.map(({ agent, spec }) => agent.restart(agentEnvironment(topology, spec))));
    const wanted = hosts.filter(({ agent }) => agent.isWanted);
    await Promise.all(wanted.map((host) => this.agentReady(host)));
  }

  /** What the agents are told now. */
  get backend(): Backend {
    return this.#backend;
  }

  /** Pods of one host in their order, hosts side by side: addresses are given in order of arrival. */
  async addPods(specs: readonly PodSpec[]): Promise<void> {
    const byHost = Map.groupBy(specs, ({ host }) => host);
    await Promise.all(
      [...byHost.values()].map(async (some) => {
        for (const spec of some) await this.pods.add(spec);
      }),
    );
  }

  /** Ends all programs. */
  async stop(): Promise<void> {
    const daemons = [...this.hosts.values()].map(({ agent }) => agent);
    await Promise.all([...daemons, this.store].map((daemon) => daemon.putAway()));
  }
}

/** What commands find on a host: its store and its agent. */
const hostEnvironment = (topology: Topology, host: string): Record<string, string> => ({
  ...storeEnvironment(topology),
  NODENAME: host,
  OCICAT_SOCKET: "/var/run/calico/ocicat.sock",
});

export const podRecord = (pod: Pod): LabPodRecord => ({
  namespace: pod.spec.namespace,
  name: pod.spec.name,
  host: pod.host.name,
  addresses: pod.addresses.map(formatAddress),
});
