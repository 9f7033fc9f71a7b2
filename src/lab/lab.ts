/**
 * A lab while it runs: everything that its supervisor holds. Built in the order underlay, hosts, store, agents, pods;
 * whatever is held goes with the process, so there is no order of taking down.
 */
import { CodedError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
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
import { type LabRouter, makeLabRouter, SPEAKER_PACKAGES } from "./routers/lab-router.ts";
import { listensOn } from "./routers/listening.ts";
import { type Backend, type PodSpec, routersOf, STORE_PORT, type Topology } from "./topology.ts";
import { acquaint } from "./underlay/acquaint.ts";
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
  /** Applies resources to the lab's store as `ocicat apply` does; the store listens already. */
  readonly applyObjects: (objects: readonly JsonObject[]) => Promise<void>;
}

export interface LabPaths {
  /** The lab's folder. */
  readonly folder: string;
  readonly storeSocket: string;
}

/** Says what is being done now. */
export type Progress = (step: string) => void;

export class LabError extends CodedError<"noPlace" | "noSpeaker", { name: string }> {}

const BGP_PORT = 179;
const PROC_TCP = ["/proc/net/tcp", "/proc/net/tcp6"];

/** Far more than they need: a busy machine is no fault, and programs that keep ending are told at once. */
const STORE_READY_MS = 60_000;
const ROUTER_READY_MS = 60_000;
const AGENT_READY_MS = 120_000;
const AGENT_READY_MS_EACH = 2_000;

export class Lab {
  readonly topology: Topology;
  readonly routers: ReadonlyMap<string, LabRouter>;
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
    this.routers = new Map(routersOf(topology).map((name) => [name, makeLabRouter(topology, name, deps)]));
    const nets = new Map([...this.routers].map(([name, { place }]) => [name, place.net]));
    this.underlay = new Underlay(topology, { ...deps, routers: nets });
    this.hosts = new Map(topology.hosts.map((host) => [host.name, makeLabHost(topology, host, deps)]));
    for (const host of this.hosts.values()) this.underlay.plugIn(host.spec, host.place.net);
    const hostNets = new Map([...this.hosts].map(([name, { place }]) => [name, place.net]));
    acquaint(topology, { hosts: hostNets, routers: nets }, deps.clock);
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

  router(name: string): LabRouter {
    const router = this.routers.get(name);
    if (router) return router;
    const known = [...this.routers.keys()].join(", ");
    throw new LabError("noPlace", `no router '${name}' in this lab (there is: ${known})`, { name });
  }

  /** Where a command for a host, a pod or a router runs, and what it finds in its environment. Throws LabError. */
  place(name: string): { place: Place; env: Readonly<Record<string, string>> } {
    const host = this.hosts.get(name);
    const place = host?.place ?? this.pods.find(name)?.place ?? this.routers.get(name)?.place;
    if (place) return { place, env: host ? hostEnvironment(this.topology, name) : {} };
    const pods = this.pods.list().map(({ key }) => key);
    const known = [...this.hosts.keys(), ...pods, ...this.routers.keys()].join(", ");
    throw new LabError("noPlace", `no host, pod or router '${name}' in this lab (there is: ${known})`, { name });
  }

  /** Starts store, agents and the topology's pods. */
  async start(progress: Progress): Promise<void> {
    progress("kernel");
    await checkKernel(this.#deps.places, this.#deps);
    progress("underlay");
    await this.nics.apply();
    await this.#startRouters(progress);
    progress("store");
    this.store.start();
    await this.storeReady();
    await this.#deps.applyObjects(this.topology.apply ?? []);
    progress("agents");
    for (const host of this.hosts.values()) host.agent.start();
    const patienceMs = AGENT_READY_MS + this.hosts.size * AGENT_READY_MS_EACH;
    await Promise.all([...this.hosts.values()].map((host) => this.agentReady(host, patienceMs)));
    progress("pods");
    await this.addPods(this.topology.pods);
  }

  async #startRouters(progress: Progress): Promise<void> {
    const speaking = [...this.routers.values()].flatMap(({ name, place, bgp }) => (bgp ? [{ name, place, bgp }] : []));
    if (speaking.length > 0) progress("routers");
    for (const { name, place, bgp } of speaking) {
      const missing = bgp.programs.find((file) => !this.#deps.files.isExecutable(place, file));
      if (missing === undefined) continue;
      const remedy = `apt-get install ${SPEAKER_PACKAGES[bgp.spec.speaker]}, or speaker: ocicat in the topology`;
      throw new LabError("noSpeaker", `router '${name}' runs ${missing}, which is not here: ${remedy}`, { name });
    }
    for (const { bgp } of speaking) for (const daemon of bgp.daemons) daemon.start();
    await Promise.all(speaking.map(({ name }) => this.routerReady(name)));
  }

  /** Waits until a router's speaker listens; at once where it has none. */
  async routerReady(name: string): Promise<void> {
    const { place, bgp } = this.router(name);
    if (bgp) await this.#ready(bgp.daemons, ROUTER_READY_MS, async () => this.#listens(place, BGP_PORT));
  }

  /** Whether a router's speaker listens. */
  isRouterReady({ place, bgp }: LabRouter): boolean {
    return bgp !== undefined && this.#listens(place, BGP_PORT);
  }

  #listens(place: Place, port: number): boolean {
    return PROC_TCP.some((file) => listensOn(this.#deps.files.read(place, file) ?? "", port));
  }

  async storeReady(): Promise<void> {
    await this.#ready([this.store], STORE_READY_MS, () => this.#deps.readiness.accepts(this.#paths.storeSocket));
  }

  /** Waits for an agent, and for the network configuration that it installs. */
  async agentReady(host: LabHost, timeoutMs = AGENT_READY_MS): Promise<void> {
    await this.#ready(
      [host.agent],
      timeoutMs,
      async () =>
        hasNetworkConfig(this.#deps.files.list(host.place, CONFIG_FOLDER)) &&
        (await this.#deps.readiness.agent(host.agentSocket)),
    );
  }

  async #ready(daemons: readonly Daemon[], timeoutMs: number, condition: () => Promise<boolean>): Promise<void> {
    const names = daemons.map(({ name }) => name).join(" and ");
    await until(this.#deps.clock, `${names} to be ready`, timeoutMs, () => {
      for (const daemon of daemons) daemon.mustBeStarting();
      return condition();
    });
    for (const daemon of daemons) daemon.markReady();
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
    const agents = [...this.hosts.values()].map(({ agent }) => agent);
    const speakers = [...this.routers.values()].flatMap(({ bgp }) => bgp?.daemons ?? []);
    await Promise.all([...agents, ...speakers, this.store].map((daemon) => daemon.putAway()));
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
