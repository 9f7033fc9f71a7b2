/**
 * What makes an agent of its parts: the node's start, the dataplane, the plugin's server, health, and the loop that
 * brings settings (configuration, pools, addresses) into what compile takes as facts.
 */
import type http from "node:http";
import type { PrometheusMetrics } from "../../adapter/metrics.ts";
import { SystemRandom } from "../../adapter/random.ts";
import { messageOf } from "../../base/errors.ts";
import { PRODUCT_VERSION } from "../../base/version.ts";
import { CniError, ErrorCode } from "../../cni/errors.ts";
import { CniServer, type CniServerDeps } from "../../cni/server.ts";
import type { AgentConfig } from "../../compile/config/parameters.ts";
import type { Local } from "../../compile/view.ts";
import { Agent } from "../../dataplane/agent.ts";
import { NotOpenError } from "../../dataplane/dataplane.ts";
import { NodeStatusReporter } from "../../dataplane/node-status-reporter.ts";
import { Publisher } from "../../dataplane/publisher.ts";
import type { Settings } from "../../dataplane/settings.ts";
import { type NodeReport, nodeReport } from "../../insight/node-report.ts";
import { type Verification, verify } from "../../insight/verify.ts";
import type { Ipam } from "../../ipam/ipam.ts";
import { explainForwardDrop } from "../../netlink/nftables/foreign-chain.ts";
import type { NodeEnvironment } from "../../node/environment.ts";
import { NodeStartError } from "../../node/errors.ts";
import { HostWatch } from "../../node/host-watch.ts";
import { localFacts } from "../../node/local-facts.ts";
import type { TunnelKind } from "../../node/node-object.ts";
import type { LocalNode, NodeStartup } from "../../node/startup.ts";
import { reconcileTunnelAddresses } from "../../node/tunnel-addresses.ts";
import type { TurnMeter } from "../../node/turns.ts";
import type { BgpTransport } from "../../port/bgp-transport.ts";
import type { Clock, Timer, WallClock } from "../../port/clock.ts";
import type { HostFiles } from "../../port/host-facts.ts";
import type { Log } from "../../port/log.ts";
import type { Namespaces } from "../../port/namespaces.ts";
import type { StateFile } from "../../port/state-file.ts";
import { type Store, type Stored, StoreError } from "../../port/store.ts";
import { selectorMatcher } from "../../selector/matcher.ts";
import type { PluginAnswer, PluginCall } from "../../wire/plugin-call.ts";
import { BgpApi } from "./bgp-api.ts";
import { BgpKeeper } from "./bgp-keeper.ts";
import { watchBgpMetrics } from "./bgp-metrics.ts";
import { calicoNodeStatus } from "./calico-node-status.ts";
import { Configuration } from "./configuration.ts";
import { endpointReports } from "./endpoint-reports.ts";
import { nodeApi } from "./http-api.ts";
import type { Kernel } from "./kernel.ts";
import { NodeBgp } from "./node-bgp.ts";
import { NodeHealth } from "./node-health.ts";
import { PeriodicRefresh } from "./periodic-refresh.ts";
import { commandOf } from "./plugin-command.ts";
import { PluginInstallation } from "./plugin-installation.ts";
import { factsContent, pluginReadiness, statusContent } from "./told.ts";
import { watchMetrics } from "./watch-metrics.ts";

const STORE_RETRY_MS = 1_000;
const RP_FILTER = "net/ipv4/conf/default/rp_filter";

export interface NodeAgentDeps {
  readonly root: string;
  readonly environment: NodeEnvironment;
  /** The environment as it is, for `FELIX_*`. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly acceptStore: boolean;
  readonly startup: NodeStartup;
  readonly ipam: Ipam;
  readonly store: Store;
  readonly kernel: Kernel;
  readonly namespaces: Namespaces;
  readonly hostFiles: HostFiles;
  readonly stateFile: StateFile;
  /** Of what the BGP speaker is made of. */
  readonly bgpStateFile: StateFile;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly metrics: PrometheusMetrics;
  readonly turns: TurnMeter;
  readonly openCniLog: CniServerDeps["openLog"];
  /** Left out: it speaks no BGP. */
  readonly bgpTransport?: BgpTransport;
  /** Writes the plugin's files; resolves with a line for people. */
  readonly installPlugin: () => Promise<string>;
}

/** An agent that cannot write yet, or no more, is no failure of the pod. */
function tryAgainLater(failure: unknown): never {
  if (!(failure instanceof NotOpenError)) throw failure;
  throw new CniError(ErrorCode.tryAgainLater, failure.message, "the runtime tries again", { cause: failure });
}

export class NodeAgent {
  readonly agent: Agent;
  readonly #cni: CniServer;
  readonly health: NodeHealth;
  readonly configuration: Configuration;
  onConfiguration: (config: AgentConfig) => void = () => undefined;
  readonly #deps: NodeAgentDeps;
  readonly #name: string;
  readonly #matches = selectorMatcher();
  readonly #rpFilter: string;
  readonly #refresh: PeriodicRefresh;
  readonly #hostWatch: HostWatch;
  readonly #status: Publisher;
  readonly #facts: Publisher;
  readonly #installation: PluginInstallation;
  readonly #bgp: NodeBgp | undefined;
  readonly #bgpApi: BgpApi;
  readonly #statusReporter: NodeStatusReporter;
  #local: LocalNode | undefined;
  /** The own Node as it was written at the start. */
  #registered: Stored | undefined;
  #podMtu = 0;
  #tunnelProblems: readonly string[] = [];
  #adopting: Promise<void> = Promise.resolve();
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(deps: NodeAgentDeps) {
    this.#deps = deps;
    const { startup, store, clock, wallClock, log, kernel, turns, variables, hostFiles, ipam, namespaces } = deps;
    this.#name = startup.name().name;
    this.#rpFilter = namespaces.own().readSysctl(RP_FILTER) ?? "1";
    this.configuration = new Configuration({ environment: variables, hostFiles, log, node: this.#name });
    this.#bgp = this.#newBgp();
    this.#statusReporter = new NodeStatusReporter({
      ...{ node: this.#name, store, clock, wallClock, log, turn: turns.measure },
      content: (classes) =>
        calicoNodeStatus(classes, {
          bgp: this.#bgpApi.report(),
          tables: this.#bgp?.speaker?.tables,
          learned: (prefix) => this.#bgp?.whyLearned(prefix),
          version: PRODUCT_VERSION,
        }),
    });
    this.agent = new Agent(this.#localFacts(), {
      store,
      clock,
      log,
      drivers: kernel.drivers,
      links: kernel.links,
      taken: kernel.taken,
      stateFile: deps.stateFile,
      acceptStore: deps.acceptStore,
      turn: turns.measure,
      metrics: deps.metrics,
      settingsChanged: (settings) => this.#adopt(settings),
      follower: this.#statusReporter,
      ...(this.#bgp ? { bgp: this.#bgp } : {}),
    });
    this.#bgpApi = new BgpApi({ bgp: this.#bgp, agent: this.agent, clock, wallClock });
    this.health = new NodeHealth(this.agent, { clock, log });
    this.#cni = new CniServer({
      store,
      ipam,
      namespaces,
      taken: kernel.taken,
      clock,
      wallClock,
      log: log.child({ component: "cni" }),
      nodeName: this.#name,
      podMtu: () => this.#podMtu,
      ready: () => pluginReadiness(this.agent),
      endpoints: {
        changed: async (endpoint) => {
          const failures = await this.agent.endpointChanged(endpoint).catch(tryAgainLater);
          if (failures.length > 0) throw new Error(failures.join("; "));
        },
        removed: (key) => this.agent.endpointRemoved(key),
      },
      random: new SystemRandom(),
      openLog: deps.openCniLog,
      install: deps.installPlugin,
    });
    this.#refresh = new PeriodicRefresh(this.agent.dataplane, clock, () => this.configuration.config);
    const { rtnetlink, links, isOurs } = kernel;
    const { ip, pollIntervalMs } = deps.environment;
    const detectEveryMs = ip.kind === "autodetect" ? pollIntervalMs : undefined;
    const node = () => (this.agent.settings.get("Node", this.#name) ?? this.#registered)?.value;
    this.#hostWatch = new HostWatch({ startup, rtnetlink, links, clock, log, isOurs, detectEveryMs, node }, (local) => {
      this.#local = local;
      this.agent.setLocal(this.#localFacts());
      this.#bgp?.ownAddressesChanged();
      this.#facts.changed();
    });
    this.#installation = new PluginInstallation({
      install: deps.installPlugin,
      clock,
      log,
      changed: () => this.#status.changed(),
    });
    const publishing = { store, clock, log, turn: turns.measure };
    const status = () => statusContent(this.agent, kernel.links, this.#installation.problems);
    this.#status = new Publisher("NodeStatus", this.#name, status, publishing);
    const facts = () => factsContent(this.#local, kernel);
    this.#facts = new Publisher("NodeFacts", this.#name, facts, publishing);
    kernel.links.listen({ changed: () => this.#status.changed(), lost: () => this.#status.changed() });
    kernel.foreignChains.onChange(() => this.#foreignChainsChanged());
    if (this.#bgp) watchBgpMetrics(deps.metrics, () => this.#bgp?.status);
    watchMetrics(deps.metrics, { agent: this.agent, links, isOurs, node: this.#name });
  }

  #newBgp(): NodeBgp | undefined {
    const { bgpTransport: transport, bgpStateFile: stateFile, kernel, clock, wallClock, turns, hostFiles } = this.#deps;
    if (!transport) return undefined;
    const log = this.#deps.log.child({ component: "bgp" });
    return new NodeBgp({
      ...kernel,
      transport,
      keeper: new BgpKeeper({ node: this.#name, stateFile, clock, log }),
      clock,
      wallClock,
      turn: turns.measure,
      random: new SystemRandom(),
      log,
      password: ({ name, key }) => hostFiles.readSecret(name, key),
      isOwnAddress: (address) =>
        (this.#local?.interfaces ?? []).some(({ addresses }) => addresses.some((own) => own.address === address)),
    });
  }

  /** From the store's first answer until `signal` aborts. Rejects where the node cannot be what its settings say. */
  async run(signal: AbortSignal): Promise<void> {
    // What environment and file say counts until the store is heard: a node that waits for it is asked by probes too.
    this.#configured();
    await this.#adoptLocal();
    this.#hostWatch.start();
    await this.#bgp?.start(this.agent);
    const started = await this.#begin(signal);
    if (!started) return;
    this.#deps.hostFiles.writeNodeName(this.#name);
    this.agent.setLocal(this.#localFacts());
    this.agent.start();
    this.#facts.changed();
    this.#refresh.start();
    this.#hostWatch.registered(started);
  }

  /** What this host says of itself without a store, so that a node whose store is away repairs what it had. */
  async #adoptLocal(): Promise<void> {
    try {
      this.#local = await this.#deps.startup.local();
    } catch (failure) {
      if (!(failure instanceof NodeStartError)) throw failure;
      this.#deps.log.warn("no address yet", {}, failure);
    }
  }

  /** Registers the node, again and again while the store is away. Undefined: ended, or the store is not ours to work with. */
  async #begin(signal: AbortSignal): Promise<LocalNode | undefined> {
    const { startup, clock } = this.#deps;
    while (!signal.aborted) {
      try {
        if (!(await this.agent.isStoreKnown())) return undefined;
        const started = await startup.run(signal);
        this.#local = started;
        this.#registered = started.node;
        await this.#ensureTunnels();
        return started;
      } catch (failure) {
        if (!(failure instanceof StoreError)) throw failure;
        this.agent.storeAway(failure);
        await new Promise<void>((resolve) => {
          this.#retry = clock.after(STORE_RETRY_MS, resolve);
        });
      }
    }
    return undefined;
  }

  async #ensureTunnels(): Promise<void> {
    const { store, ipam, log } = this.#deps;
    const receives = (kind: TunnelKind) => this.agent.receives(kind);
    const deps = { store, ipam, matches: this.#matches, receives, log };
    const { problems } = await reconcileTunnelAddresses(deps, this.#name);
    this.#tunnelProblems = problems;
    for (const problem of problems) log.warn("no tunnel address", { why: problem });
  }

  /** Settings changed: one adoption after the other, each with the newest. */
  #adopt(settings: Settings): void {
    this.#adopting = this.#adopting.then(async () => {
      if (this.#isClosed) return;
      try {
        this.configuration.update(settings);
        this.agent.setLocal(this.#localFacts());
        await this.#ensureTunnels();
        this.#configured();
        // The plugin's configuration tells the runtime that pods can come: it is written when they can.
        await this.#installation.begin();
        this.#status.changed();
      } catch (failure) {
        this.#deps.log.warn("settings are taken in later", { why: messageOf(failure) });
        this.#retry = this.#deps.clock.after(STORE_RETRY_MS, () => this.#adopt(settings));
      }
    });
  }

  #configured(): void {
    const { config } = this.configuration;
    this.health.overrideTimeouts(config.healthTimeoutOverrides);
    this.onConfiguration(config);
  }

  #localFacts(): Local {
    const { environment, hostFiles, kernel } = this.#deps;
    const { local, mtus } = localFacts({
      node: this.#name,
      backend: environment.backend,
      addresses: this.#local?.addresses,
      interfaces: this.#local?.interfaces ?? [],
      config: this.configuration.config,
      pools: [...(this.agent?.view.pools.values() ?? [])],
      routerId: environment.routerId,
      rpFilter: this.#rpFilter,
      forwardDrops: kernel.foreignChains.forwardDrops,
    });
    if (this.#podMtu !== mtus.pod && this.#local) hostFiles.writeMtu(mtus.pod);
    this.#podMtu = mtus.pod;
    return local;
  }

  /** They are said where they are found: whatever is dropped there is lost without a word. */
  #foreignChainsChanged(): void {
    const { forwardDrops } = this.#deps.kernel.foreignChains;
    for (const chain of forwardDrops) this.#deps.log.warn(explainForwardDrop(chain));
    if (forwardDrops.length === 0) this.#deps.log.info("no chain of others drops what this host forwards any more");
    this.agent.setLocal(this.#localFacts());
    this.#status.changed();
  }

  /** One call of the plugin. */
  async answerPlugin(call: PluginCall): Promise<PluginAnswer> {
    const { clock, metrics, turns } = this.#deps;
    const begun = clock.now();
    const command = commandOf(call);
    const answer = await turns.measure(`cni ${command}`, () => this.#cni.handle(call));
    const labels = { command, outcome: answer.exitCode === 0 ? "ok" : "error" };
    metrics.observe("cniSeconds", (clock.now() - begun) / 1_000, labels);
    return answer;
  }

  /** To people, who are told what passes too. */
  #report(): NodeReport {
    const { links, ipip } = this.#deps.kernel;
    const endpoints = endpointReports(this.agent, links);
    const report = nodeReport(this.agent, { endpoints, version: PRODUCT_VERSION, ipip });
    return { ...report, reports: [...report.reports, ...this.#installation.problems, ...this.#passing] };
  }

  /** What `verify` finds beside items. */
  async #noted(): Promise<Pick<Verification, "dangers" | "reports">> {
    const { dangers, reports } = await this.#bgpApi.dangers();
    const full = await this.#deps.kernel.neighbourTables.dangers();
    return { dangers: [...full, ...dangers], reports: [...reports, ...this.#passing] };
  }

  get #passing(): readonly string[] {
    return [...this.agent.changesUnderWay, ...this.#deps.kernel.pathNotes()];
  }

  /** What the agent answers on its socket. */
  api(health: http.RequestListener, metrics: http.RequestListener): http.RequestListener {
    const { kernel, turns } = this.#deps;
    return nodeApi({
      report: () => ({
        ...this.#report(),
        addressExplanation: this.#local?.addresses.ipv4?.explanation ?? [],
        tunnelProblems: this.#tunnelProblems,
        configuration: this.configuration.describe(),
        configurationProblems: this.configuration.problems.map(({ message }) => message),
        podMtu: this.#podMtu,
        turns: { overBudget: turns.overBudget, worst: turns.worst },
      }),
      bgp: (path, query) => this.#bgpApi.answer(path, query),
      verify: () =>
        verify(this.agent.dataplane, kernel.drivers, this.agent.view, this.#deps.clock, () => this.#noted()),
      turn: turns.measure,
      health,
      metrics,
    });
  }

  /** The kernel keeps everything. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.health.close();
    this.#hostWatch.close();
    this.#refresh.close();
    this.#status.close();
    this.#facts.close();
    this.#statusReporter.close();
    this.#installation.close();
    await this.#adopting;
    await this.#bgp?.close();
    await this.agent.close();
  }
}
