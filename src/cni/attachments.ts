/**
 * ADD, DEL, CHECK and GC of pods. The rules are Calico's: a repeated ADD is no no-op (the interface is made anew and
 * gets a new address; the old one goes with the old sandbox's DEL); DEL of an old sandbox leaves the live pod's record
 * alone; whatever fails in an ADD leaves nothing behind, least of all an address of the pod that is still alive.
 */
import type { JsonObject } from "../base/json.ts";
import { formatAddress } from "../ip/address.ts";
import { type InterfaceAddress, tryParseInterfaceAddress } from "../ip/prefix.ts";
import type { Ipam } from "../ipam/ipam.ts";
import { handleKey } from "../ipam/records.ts";
import type { Random } from "../port/random.ts";
import type { Store, Stored } from "../port/store.ts";
import type { WorkloadAddresses } from "./addresses.ts";
import { addressesOf, containerOf, type Endpoints, hostInterfaceOf, macOf, type NewEndpoint } from "./endpoints.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { Pair, Pod, PodNetworks } from "./pod-network.ts";
import type { PairNames } from "./pod-routes.ts";
import { addressesIn } from "./previous-result.ts";
import { podResult } from "./result.ts";
import type { CallContext, EndpointSink } from "./server.ts";
import type { Workload } from "./workload.ts";

export interface AttachmentsDeps {
  readonly store: Store;
  readonly ipam: Ipam;
  readonly records: Endpoints;
  readonly addresses: WorkloadAddresses;
  readonly networks: PodNetworks;
  readonly endpoints: EndpointSink;
  readonly podMtu: () => number;
  readonly random: Pick<Random, "uuid">;
}

export class Attachments {
  readonly #deps: AttachmentsDeps;

  constructor(deps: AttachmentsDeps) {
    this.#deps = deps;
  }

  async add(context: CallContext): Promise<string> {
    const { config, workload, ready } = context;
    const forget = this.#deps.ipam.readAhead({ node: workload.node, family: config.assignIpv4 ? 4 : 6 });
    try {
      const [known] = await Promise.all([this.#deps.records.find(workload), ready]);
      const mtu = config.mtu > 0 ? config.mtu : this.#deps.podMtu();
      if (known && workload.orchestrator === "cni") return await this.#joinNetwork(context, known, mtu);
      return await this.#addInterface(context, known, mtu);
    } finally {
      forget();
    }
  }

  async #addInterface(context: CallContext, known: Stored | undefined, mtu: number): Promise<string> {
    const { config, invocation, workload } = context;
    const pod = this.#openPod(invocation.netns);
    try {
      const mac = randomMac(this.#deps.random);
      const { ifName, hostInterface: hostName } = workload;
      const pair: Pair = { ifName, hostName, mac, mtu, hasIpv6: config.assignIpv6 };
      const assigned = await this.#attach(context, pod, pair, known);
      return podResult(config.cniVersion, { hostName, podName: ifName, mac, mtu, sandbox: invocation.netns }, assigned);
    } finally {
      pod.close();
    }
  }

  /** A container outside Kubernetes that has an endpoint already gets one more network: a profile, nothing else. */
  async #joinNetwork({ config, invocation, workload }: CallContext, known: Stored, mtu: number): Promise<string> {
    await this.#deps.records.ensureProfile(config.name, false);
    const endpoint = await this.#deps.records.addProfile(known, config.name);
    await this.#deps.endpoints.changed(endpoint);
    const attached = {
      hostName: hostInterfaceOf(endpoint),
      podName: workload.ifName,
      mac: macOf(endpoint),
      mtu,
      sandbox: invocation.netns,
    };
    return podResult(config.cniVersion, attached, addressesOf(endpoint));
  }

  #openPod(netns: string): Pod {
    const pod = this.#deps.networks.open(netns);
    if (pod) return pod;
    const message = `there is no network namespace at ${netns}`;
    throw new CniError(
      ErrorCode.invalidEnvironment,
      message,
      "the runtime makes it before it calls: is CNI_NETNS right?",
    );
  }

  /**
   * Address and interface are made side by side; then the pod is configured and the agent told. The record of a new
   * pod is stored with its address; that of a pod that has one already only when everything else is certain.
   */
  async #attach(
    context: CallContext,
    pod: Pod,
    pair: Pair,
    known: Stored | undefined,
  ): Promise<readonly InterfaceAddress[]> {
    const { config, invocation, workload } = context;
    const { addresses, networks, records, endpoints } = this.#deps;
    const endpointOf = (given: readonly InterfaceAddress[]) => newEndpoint(context, pair.mac, given);
    const record = known ? undefined : (given: readonly InterfaceAddress[]) => records.creation(endpointOf(given));
    const assigning = addresses.assign(workload, config, invocation.args.get("IP"), record);
    const [address, link] = await Promise.allSettled([assigning, networks.create(pod, pair, () => assigning)]);
    const assigned = address.status === "fulfilled" ? address.value.assigned : [];
    let recorded = address.status === "fulfilled" ? address.value.recorded : undefined;
    try {
      if (address.status === "rejected") throw address.reason;
      if (link.status === "rejected") throw link.reason;
      const hosts = assigned.map((each) => each.address);
      const [configured, written, profile] = await Promise.allSettled([
        networks.configure(pod, link.value, pair, hosts, config.allowIpForwarding),
        recorded ?? records.write(endpointOf(assigned), known),
        this.#ensureProfile(context),
      ]);
      if (written.status === "rejected") throw written.reason;
      recorded = written.value;
      for (const step of [configured, profile]) if (step.status === "rejected") throw step.reason;
      await endpoints.changed(recorded);
      return assigned;
    } catch (failure) {
      await this.#undo(context, pod, assigned, link.status === "fulfilled", recorded);
      throw failure;
    }
  }

  async #ensureProfile({ config, workload }: CallContext): Promise<void> {
    const isPod = workload.orchestrator === "k8s";
    if (!config.usesKubernetesPolicy || !isPod) await this.#deps.records.ensureProfile(config.name, isPod);
  }

  /** Takes back what a failed ADD has done; what fails here is logged, the ADD's own failure is what counts. */
  async #undo(
    { workload, log }: CallContext,
    pod: Pod,
    assigned: readonly InterfaceAddress[],
    hasLink: boolean,
    recorded: Stored | undefined,
  ): Promise<void> {
    const { addresses, networks, records, endpoints } = this.#deps;
    const steps = [
      recorded ? records.remove(workload, recorded).then(() => endpoints.removed(recorded.key)) : undefined,
      hasLink ? networks.remove(pod, pairOf(workload)) : undefined,
      assigned.length > 0 ? addresses.release(workload, assigned) : undefined,
    ];
    for (const outcome of await Promise.allSettled(steps)) {
      if (outcome.status === "rejected") log.error("cleaning up after a failed ADD failed in part", {}, outcome.reason);
    }
  }

  async remove({ invocation, workload, log, ready }: CallContext): Promise<string> {
    const { addresses, records, endpoints } = this.#deps;
    // A store that does not answer fails the call here, before anything of a pod that may be alive is touched.
    const [known] = await Promise.all([records.find(workload), ready]);
    const outcome = await records.remove(workload, known);
    if (outcome === "kept")
      log.info("the endpoint belongs to a newer sandbox and stays", { endpoint: known?.key.name });
    const isGone = outcome === "removed" && known !== undefined;
    const [removed, released, told] = await Promise.allSettled([
      this.#removeInterface(invocation.netns, pairOf(workload)),
      addresses.releaseAll(workload),
      isGone ? endpoints.removed(known.key) : undefined,
    ]);
    if (told.status === "rejected") log.error("the host's side of a removed endpoint is left over", {}, told.reason);
    for (const step of [removed, released]) if (step.status === "rejected") throw step.reason;
    return "";
  }

  /** A namespace or interface that is gone is what DEL wants. */
  async #removeInterface(netns: string, pair: PairNames): Promise<void> {
    if (netns === "") return;
    const pod = this.#deps.networks.open(netns);
    try {
      if (pod) await this.#deps.networks.remove(pod, pair);
    } finally {
      pod?.close();
    }
  }

  async check({ config, invocation, workload, ready }: CallContext): Promise<string> {
    const { networks, records } = this.#deps;
    const [known] = await Promise.all([records.find(workload), ready]);
    const problems: string[] = [];
    if (!known) problems.push(`there is no WorkloadEndpoint ${workload.namespace}/${workload.endpointName}`);
    else if (containerOf(known) !== workload.containerId) {
      problems.push(`WorkloadEndpoint ${known.key.name} is container ${containerOf(known)}'s`);
    } else problems.push(...unlikeResult(config.prevResult, known, workload.ifName));
    const pod = this.#openPod(invocation.netns);
    try {
      const hosts = (known ? addressesOf(known) : []).map(({ address }) => address);
      problems.push(...(await networks.differences(pod, pairOf(workload), hosts)));
    } finally {
      pod.close();
    }
    if (problems.length === 0) await this.checkAddresses(workload);
    else throw checkFailed(workload, problems);
    return "";
  }

  /** Throws CniError when the container holds no address. */
  async checkAddresses(workload: Workload): Promise<void> {
    if (await this.#deps.store.get(handleKey(workload.handleId))) return;
    throw checkFailed(workload, [`IPAM has no address for handle ${workload.handleId}`]);
  }
}

/** What the runtime believes since ADD, and the endpoint does not have. */
function unlikeResult(result: JsonObject | undefined, known: Stored, ifName: string): readonly string[] {
  const own = addressesOf(known).map(({ address }) => address);
  return addressesIn(result ?? {}, ifName).flatMap((text) => {
    const address = tryParseInterfaceAddress(text)?.address;
    if (address !== undefined && own.includes(address)) return [];
    return `prevResult has address '${text}', WorkloadEndpoint ${known.key.name} has ${own.map(formatAddress).join(", ")}`;
  });
}

const newEndpoint = (
  { config, workload }: CallContext,
  mac: string,
  assigned: readonly InterfaceAddress[],
): NewEndpoint => {
  const { labels, name: network, usesKubernetesPolicy } = config;
  return { workload, mac, assigned, labels, network, usesKubernetesPolicy };
};

/** A unicast address of local administration, as the kernel draws them: 46 bits of chance. */
function randomMac(random: Pick<Random, "uuid">): string {
  const octets = Buffer.from(random.uuid().replaceAll("-", "").slice(0, 12), "hex");
  octets[0] = ((octets[0] ?? 0) & 0xfc) | 0x02;
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

const pairOf = ({ ifName, hostInterface: hostName }: Workload): PairNames => ({ ifName, hostName });

const checkFailed = (workload: Workload, problems: readonly string[]): CniError =>
  new CniError(
    ErrorCode.checkFailed,
    `${workload.ifName} of container ${workload.containerId} is not as ADD left it: ${problems.join("; ")}`,
    "the runtime deletes the pod and adds it again",
  );
