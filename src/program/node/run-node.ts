/**
 * The agent of one host, wired. Parts start in the order in which they are written here and stop in reverse; the kernel
 * keeps everything that was applied.
 */

import { flushCompileCache } from "node:module";
import path from "node:path";
import { listenAgentSocket } from "../../adapter/agent-socket.ts";
import { TcpBgpTransport } from "../../adapter/bgp/tcp-transport.ts";
import { SystemClock, SystemWallClock } from "../../adapter/clock.ts";
import { FileLog } from "../../adapter/cni/log-file.ts";
import { healthHandler } from "../../adapter/health-server.ts";
import { DiskHostFiles, systemHostFacts, systemHostNames } from "../../adapter/host-facts.ts";
import { HttpEndpoint } from "../../adapter/http-endpoint.ts";
import { FragmentJoiner } from "../../adapter/ipip/fragment-joiner.ts";
import { TunnelProcess } from "../../adapter/ipip/tunnel-process.ts";
import { LinuxBpf } from "../../adapter/linux/bpf.ts";
import { LinuxNamespaces } from "../../adapter/linux/namespaces.ts";
import { StreamLog } from "../../adapter/log.ts";
import { metricsHandler, PrometheusMetrics } from "../../adapter/metrics.ts";
import { SystemRandom } from "../../adapter/random.ts";
import { DiskStateFile } from "../../adapter/state-file.ts";
import { AsyncWorkName } from "../../adapter/work-name.ts";
import { CodedError } from "../../base/errors.ts";
import { Scope } from "../../base/scope.ts";
import { CALICO_VERSION } from "../../base/version.ts";
import { Ipam } from "../../ipam/ipam.ts";
import { parseEnvironment } from "../../node/environment.ts";
import { readHostInterfaces } from "../../node/host-interfaces.ts";
import { MeteredClock } from "../../node/metered-clock.ts";
import { MeteredNamespaces } from "../../node/metered-namespaces.ts";
import { RouteReachability } from "../../node/reachability.ts";
import { NodeStartup } from "../../node/startup.ts";
import { TurnMeter } from "../../node/turns.ts";
import { KernelError } from "../../port/netlink.ts";
import { installCni } from "../cni-install.ts";
import { dieWithParent } from "../die-with-parent.ts";
import { ocicatCommand } from "../lab/ocicat-command.ts";
import type { ProcessHost } from "../process-host.ts";
import { connectNodeStore } from "./connect.ts";
import { openKernel } from "./kernel.ts";
import { NodeAgent } from "./node-agent.ts";

export interface NodeOptions {
  /** Folder below which the host's files are. */
  readonly root: string;
  readonly acceptStore: boolean;
}

/** By then an agent has loaded everything that it uses. */
const KEEP_COMPILED_MS = 5_000;
/** Felix's severities by ours. */
const logLevels = {
  Trace: "debug",
  Debug: "debug",
  Info: "info",
  Warning: "warn",
  Error: "error",
  Fatal: "error",
} as const;

class NodeRightsError extends CodedError<"noRights", object> {}

/** Resolves with the exit code when a signal ends the agent. Rejects where it cannot start. */
export async function runNode(host: ProcessHost, options: NodeOptions): Promise<number> {
  const scope = new Scope();
  try {
    dieWithParent(host);
    await start(host, options, scope);
    await new Promise<void>((resolve) => {
      host.onSignal("SIGTERM", resolve);
      host.onSignal("SIGINT", resolve);
      scope.defer(resolve);
    });
    return 0;
  } finally {
    await scope.close();
  }
}

async function start(host: ProcessHost, { root, acceptStore }: NodeOptions, scope: Scope): Promise<void> {
  const systemClock = new SystemClock();
  const wallClock = new SystemWallClock();
  const random = new SystemRandom();
  const metrics = new PrometheusMetrics();
  // What cannot be told does not end an agent: its host's packets do not pass through its log.
  host.stderr.on("error", () => undefined);
  const told = (failure?: Error | null): void => {
    if (failure) metrics.count("logErrors", 1);
  };
  const log = new StreamLog({
    stream: { write: (text) => host.stderr.write(text, told) },
    clock: wallClock,
    level: "info",
    isTerminal: host.stderr.isTTY === true,
  });
  const turns = new TurnMeter(systemClock, { metrics, work: new AsyncWorkName() });
  const clock = new MeteredClock(systemClock, turns);
  const environment = parseEnvironment(host.env);
  const namespaces = new MeteredNamespaces(new LinuxNamespaces(), { turns, clock });
  const hostFiles = new DiskHostFiles(root);
  const store = await connectNodeStore(host, clock);
  scope.defer(() => store.close());

  // Ownership asks the agent for its pools, and the agent is made of drivers that ask for ownership.
  let node: NodeAgent | undefined;
  const namespace = namespaces.own();
  const kernel = await openKernel({
    namespace,
    bpf: new LinuxBpf(),
    tunnelServer: new TunnelProcess({
      folder: path.join(root, "var/run/calico"),
      command: ocicatCommand(host.env),
      env: host.env,
      within: (work) => work(),
    }),
    fragments: new FragmentJoiner({ namespace, log, metrics }),
    clock,
    log,
    metrics,
    removesExternal: () => node?.configuration.config.removeExternalRoutes ?? true,
    prefixes: () => node?.agent.ownPrefixes() ?? [],
  }).catch(sayWhichRight);
  scope.defer(() => kernel.close());

  const socketPath = path.join(root, "var/run/calico/ocicat.sock");
  const startup = new NodeStartup({
    // The agent waits for its store itself, since it has something to do meanwhile.
    environment: { ...environment, waitForDatastore: false },
    store,
    hostFacts: systemHostFacts(() => readHostInterfaces(kernel.rtnetlink)),
    hostFiles,
    reachability: new RouteReachability(kernel.rtnetlink, systemHostNames),
    clock,
    wallClock,
    log,
    newUid: () => random.uuid(),
    version: CALICO_VERSION,
  });
  const ipam = new Ipam({ store, wallClock, log });
  const bgpTransport = environment.backend === "bird" ? new TcpBgpTransport(namespaces.own()) : undefined;
  scope.defer(() => bgpTransport?.close());
  const agent = new NodeAgent({
    root,
    environment,
    variables: host.env,
    acceptStore,
    startup,
    ipam,
    store,
    kernel,
    namespaces,
    hostFiles,
    stateFile: new DiskStateFile(path.join(root, "var/lib/calico/ocicat-applied.jsonl")),
    bgpStateFile: new DiskStateFile(path.join(root, "var/lib/calico/ocicat-bgp.jsonl")),
    clock,
    wallClock,
    log,
    metrics,
    turns,
    ...(bgpTransport ? { bgpTransport } : {}),
    openCniLog: ({ path: file, ...settings }) => {
      const also = log.child({ component: "cni" });
      return file === "" ? also : new FileLog({ path: path.join(root, file), ...settings }, { wallClock, also });
    },
    installPlugin: async () => {
      const { written, missing } = installCni({ root, socketPath, nodeName: startup.name().name, env: host.env });
      const left = missing.length === 0 ? "" : `; left out of the chain, not on this host: ${missing.join(", ")}`;
      return `CNI files: ${written.length === 0 ? "as they should be" : `${written.join(", ")} written`}${left}`;
    },
  });
  node = agent;
  scope.defer(() => agent.close());

  const health = new HttpEndpoint({ name: "health", handler: healthHandler(agent.health.summary), clock, log });
  const scrape = new HttpEndpoint({ name: "metrics", handler: metricsHandler(metrics), clock, log });
  scope.defer(() => health.close());
  scope.defer(() => scrape.close());
  agent.onConfiguration = ({ healthEnabled, healthHost, healthPort, ...config }) => {
    log.level = logLevels[config.logSeverityScreen];
    void health.configure({ enabled: healthEnabled, host: healthHost, port: healthPort });
    metrics.configure({
      process: config.prometheusProcessMetricsEnabled,
      runtime: config.prometheusGoMetricsEnabled,
    });
    const { prometheusMetricsEnabled, prometheusMetricsHost, prometheusMetricsPort } = config;
    void scrape.configure({
      enabled: prometheusMetricsEnabled,
      host: prometheusMetricsHost,
      port: prometheusMetricsPort,
    });
  };

  const socket = await listenAgentSocket({
    path: socketPath,
    cni: (call) => agent.answerPlugin(call),
    http: agent.api(healthHandler(agent.health.summary), metricsHandler(metrics)),
    log,
  });
  scope.defer(() => socket.close());
  // An agent may be killed at any time: what it has compiled of its own sources is kept now, for the next start.
  clock.after(KEEP_COMPILED_MS, () => flushCompileCache());
  // Not awaited: the socket answers, and says what it waits for, while the node finds its store.
  agent.run(scope.signal).catch((failure: unknown) => {
    log.error("the agent ends", {}, failure);
    if (!(failure instanceof CodedError))
      host.stderr.write(`${failure instanceof Error ? failure.stack : String(failure)}\n`);
    void scope.close();
  });
}

/** An agent that may not change the network is told so, and not by the call which happened to be the first. */
function sayWhichRight(failure: unknown): never {
  if (!(failure instanceof KernelError) || failure.errno !== "EPERM") throw failure;
  throw new NodeRightsError(
    "noRights",
    "this user may not change the network of this host: run 'ocicat node' as root or with CAP_NET_ADMIN; for a try without root, 'ocicat start'",
    {},
    { cause: failure },
  );
}
