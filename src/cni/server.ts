/**
 * The agent's side of the plugin: one call in, one answer out. `calico` attaches pods, `calico-ipam` is the address
 * management alone, for other main plugins that name it. Never rejects: a failure is an error result with a code, a
 * message and a remedy.
 */
import { type JsonObject, parseJson } from "../base/json.ts";
import type { Ipam } from "../ipam/ipam.ts";
import type { TakenDevices } from "../kernel/taken-devices.ts";
import type { Clock, WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Namespaces } from "../port/namespaces.ts";
import type { Random } from "../port/random.ts";
import type { ObjectKey, Store, Stored } from "../port/store.ts";
import type { PluginAnswer, PluginCall } from "../wire/plugin-call.ts";
import { WorkloadAddresses } from "./addresses.ts";
import { Attachments } from "./attachments.ts";
import { collectGarbage } from "./collect.ts";
import { type LogSettings, type NetworkConfig, readConfig, readVersion } from "./config.ts";
import { Endpoints } from "./endpoints.ts";
import { asCniError, CniError, ErrorCode, errorResult } from "./errors.ts";
import { type Invocation, readInvocation } from "./invocation.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { PodNetworks } from "./pod-network.ts";
import { ipamResult, versionResult } from "./result.ts";
import { TurnBudget } from "./turn-budget.ts";
import { type CniVersion, DEFAULT_VERSION, SUPPORTED_VERSIONS } from "./versions.ts";
import { type Workload, workloadOf } from "./workload.ts";

/** How far the agent is. */
export type Readiness = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** What the agent does with endpoints of its own host; both resolve when the kernel holds it. */
export interface EndpointSink {
  changed(endpoint: Stored): Promise<void>;
  removed(key: ObjectKey): Promise<void>;
}

export interface CniServerDeps {
  readonly store: Store;
  readonly ipam: Ipam;
  readonly namespaces: Namespaces;
  /** Of the host: the agent hears there that a pod's device went by the plugin's hand. */
  readonly taken: TakenDevices;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly nodeName: string;
  /** MTU of pods where the configuration names none, octets. */
  readonly podMtu: () => number;
  readonly ready: () => Readiness;
  readonly endpoints: EndpointSink;
  readonly random: Pick<Random, "uuid">;
  /** The log that a configuration asks for; lines go to the agent's own log besides. */
  readonly openLog: (settings: LogSettings) => Log;
  /** Writes the plugin's files again: what the program `install` asks for. Resolves with a line for people. */
  readonly install: () => Promise<string>;
}

/** What one call needs to know. */
export interface CallContext {
  readonly config: NetworkConfig;
  readonly invocation: Invocation;
  readonly workload: Workload;
  readonly log: Log;
  /** Rejects when the call cannot be served now. Asked for beside the call's own first reads. */
  readonly ready: Promise<void>;
}

export class CniServer {
  readonly #deps: CniServerDeps;
  readonly #attachments: Attachments;
  readonly #addresses: WorkloadAddresses;
  readonly #networks: PodNetworks;
  readonly #mutex = new KeyedMutex();
  readonly #turn: TurnBudget;

  constructor(deps: CniServerDeps) {
    this.#deps = deps;
    this.#addresses = new WorkloadAddresses(deps);
    this.#turn = new TurnBudget(deps.clock);
    this.#networks = new PodNetworks({ ...deps, turn: this.#turn });
    this.#attachments = new Attachments({
      ...deps,
      records: new Endpoints(deps),
      addresses: this.#addresses,
      networks: this.#networks,
    });
  }

  /** Answers one call. */
  async handle(call: PluginCall): Promise<PluginAnswer> {
    await this.#turn.room();
    try {
      return await this.#dispatch(call);
    } catch (failure) {
      const error = asCniError(failure, call.env["CNI_COMMAND"] === "STATUS");
      this.#deps.log.warn("a CNI call failed", { ...subjectOf(call), code: error.detail.number }, error);
      return failed(call, error);
    }
  }

  close(): void {
    this.#networks.close();
  }

  async #dispatch(call: PluginCall): Promise<PluginAnswer> {
    if (call.program === "install") return done(`${await this.#deps.install()}\n`);
    const invocation = readInvocation(call.env);
    if (invocation.command === "VERSION") return done(versionResult(versionOf(call.stdin)));
    const isIpam = call.program === "calico-ipam";
    const config = readConfig(call.stdin, true);
    const { nodeName } = this.#deps;
    if (config.nodeName !== "" && config.nodeName !== nodeName) {
      const message = `nodename in the network configuration is '${config.nodeName}', but the agent of this host is '${nodeName}'`;
      throw new CniError(
        ErrorCode.invalidConfiguration,
        message,
        "correct or remove nodename; the agent knows its own",
      );
    }
    if (invocation.command === "STATUS" || invocation.command === "GC") await this.#assertReady(invocation);
    if (invocation.command === "STATUS") return done("");
    if (invocation.command === "GC") {
      await collectGarbage(this.#deps, config);
      return done("");
    }
    const workload = workloadOf(invocation, config.name, nodeName);
    const log = this.#callLog(config, invocation, workload);
    const work = (): Promise<PluginAnswer> => {
      const context: CallContext = { config, invocation, workload, log, ready: this.#assertReady(invocation) };
      return logged(call, context, () => (isIpam ? this.#ipamCall(context) : this.#podCall(context)));
    };
    const isPod = workload.orchestrator === "k8s";
    const key = isPod ? `${workload.namespace}/${workload.pod}` : workload.containerId;
    return this.#mutex.run(key, work);
  }

  #podCall(context: CallContext): Promise<string> {
    switch (context.invocation.command) {
      case "ADD":
        return this.#attachments.add(context);
      case "DEL":
        return this.#attachments.remove(context);
      default:
        return this.#attachments.check(context);
    }
  }

  async #ipamCall({ invocation, workload, config, ready }: CallContext): Promise<string> {
    await ready;
    if (invocation.command === "ADD") {
      const { assigned } = await this.#addresses.assign(workload, config, invocation.args.get("IP"));
      return ipamResult(config.cniVersion, assigned);
    }
    if (invocation.command === "DEL") await this.#addresses.releaseAll(workload);
    else await this.#attachments.checkAddresses(workload);
    return "";
  }

  /** Throws CniError 11, or 50 for STATUS, while calls cannot be served. */
  async #assertReady({ command }: Invocation): Promise<void> {
    const number = command === "STATUS" ? ErrorCode.notAvailable : ErrorCode.tryAgainLater;
    const readiness = this.#deps.ready();
    if (!readiness.ok) {
      throw new CniError(number, `the Ocicat agent is not ready: ${readiness.reason}`, "the runtime tries again");
    }
    const information = await this.#deps.store.get({ kind: "ClusterInformation", name: "default" });
    const spec = information?.value["spec"] as JsonObject | undefined;
    if (spec?.["datastoreReady"] === true) return;
    const why = information
      ? "datastoreReady is false in ClusterInformation 'default'"
      : "there is no ClusterInformation 'default'";
    const message = `Calico is currently not ready to process requests: ${why}`;
    throw new CniError(number, message, "an agent writes it at its start; 'ocicat datastore unlock' lifts a lock");
  }

  #callLog(config: NetworkConfig, { command, containerId }: Invocation, workload: Workload): Log {
    const log = config.log.path === "" ? this.#deps.log : this.#deps.openLog(config.log);
    const { pod, namespace } = workload;
    return log.child({ command, containerId, ...(pod === "" ? {} : { pod: `${namespace}/${pod}` }) });
  }
}

/** Carries out a call whose configuration says where its log is, and tells its end there, once. */
async function logged(
  call: PluginCall,
  { log, workload }: CallContext,
  work: () => Promise<string>,
): Promise<PluginAnswer> {
  log.debug("CNI call", { interface: workload.hostInterface });
  try {
    const result = await work();
    log.info("CNI call done", { interface: workload.hostInterface });
    return done(result);
  } catch (failure) {
    const error = asCniError(failure);
    log.error("CNI call failed", { interface: workload.hostInterface, code: error.detail.number }, error);
    return failed(call, error);
  }
}

const done = (stdout: string): PluginAnswer => ({ exitCode: 0, stdout });
const failed = ({ stdin }: PluginCall, error: CniError): PluginAnswer => ({
  exitCode: 1,
  stdout: errorResult(error, versionOf(stdin)),
});

/** The version to answer in: the one asked for where we speak it. */
function versionOf(stdin: string): CniVersion {
  try {
    return readVersion(parseJson(stdin) as JsonObject);
  } catch {
    return SUPPORTED_VERSIONS[SUPPORTED_VERSIONS.length - 1] ?? DEFAULT_VERSION;
  }
}

const subjectOf = ({ program, env }: PluginCall): Readonly<Record<string, string | undefined>> => ({
  program,
  command: env["CNI_COMMAND"],
  containerId: env["CNI_CONTAINERID"],
});
