/** WorkloadEndpoints in the store: Calico's record of a pod's interface, written by ADD and removed by DEL. */
import type { JsonObject } from "../base/json.ts";
import { formatPrefix, hostPrefix, type InterfaceAddress, tryParseInterfaceAddress } from "../ip/prefix.ts";
import { MAX_OBJECTS_PER_WRITE } from "../ipam/block-writer.ts";
import { Lane } from "../ipam/lane.ts";
import type { WallClock } from "../port/clock.ts";
import type { Random } from "../port/random.ts";
import { allReadable, type ObjectKey, type Store, type Stored, StoreError, type WriteOp } from "../port/store.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { endpointNamePrefix, type Workload } from "./workload.ts";

const API_VERSION = "projectcalico.org/v3";
/** Attempts at a record that somebody else keeps changing. */
const RETRIES = 5;

export interface EndpointsDeps {
  readonly store: Store;
  readonly wallClock: WallClock;
  readonly random: Pick<Random, "uuid">;
}

export interface NewEndpoint {
  readonly workload: Workload;
  readonly mac: string;
  readonly assigned: readonly InterfaceAddress[];
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the network, the profile of endpoints outside Kubernetes policy. */
  readonly network: string;
  readonly usesKubernetesPolicy: boolean;
}

const keyOf = ({ namespace, endpointName }: Workload): ObjectKey => ({
  kind: "WorkloadEndpoint",
  namespace,
  name: endpointName,
});

const specOf = ({ value }: Stored): JsonObject => (value["spec"] as JsonObject | undefined) ?? {};

export const containerOf = (endpoint: Stored): string => String(specOf(endpoint)["containerID"] ?? "");
export const macOf = (endpoint: Stored): string => String(specOf(endpoint)["mac"] ?? "");
export const hostInterfaceOf = (endpoint: Stored): string => String(specOf(endpoint)["interfaceName"] ?? "");

/** The addresses of an endpoint; what cannot be read is left out. */
export function addressesOf(endpoint: Stored): readonly InterfaceAddress[] {
  const networks = specOf(endpoint)["ipNetworks"];
  return Array.isArray(networks) ? networks.flatMap((text) => tryParseInterfaceAddress(String(text)) ?? []) : [];
}

export class Endpoints {
  readonly #deps: EndpointsDeps;
  readonly #writes = new Lane();

  constructor(deps: EndpointsDeps) {
    this.#deps = deps;
  }

  /**
   * The endpoint of the workload, whatever its interface is called (a pod has one); undefined when there is none. Throws
   * StoreError `malformed` where it cannot be read.
   */
  async find(workload: Workload): Promise<Stored | undefined> {
    const listing = await this.#deps.store.list({
      kind: "WorkloadEndpoint",
      namespace: workload.namespace,
      namePrefix: endpointNamePrefix(workload),
    });
    return allReadable(listing).find(({ value }) => {
      const spec = (value["spec"] as JsonObject | undefined) ?? {};
      const isSame =
        workload.orchestrator === "k8s" ? spec["pod"] === workload.pod : spec["containerID"] === workload.containerId;
      return isSame && spec["node"] === workload.node && spec["orchestrator"] === workload.orchestrator;
    });
  }

  /** The write that makes a new endpoint, for those who have others to write with it. */
  creation(endpoint: NewEndpoint): WriteOp {
    const key = keyOf(endpoint.workload);
    return { op: "create", key, value: this.#value(endpoint, key, undefined) };
  }

  /** Creates the endpoint or makes it this container's. Throws CniError 11 when others keep changing it, StoreError. */
  async write(endpoint: NewEndpoint, known: Stored | undefined): Promise<Stored> {
    let before = known;
    for (let attempt = 0; attempt < RETRIES; attempt++) {
      const key = before?.key ?? keyOf(endpoint.workload);
      const value = this.#value(endpoint, key, before);
      const stored = await this.#together(
        before ? { op: "update", key, value, revision: before.revision } : { op: "create", key, value },
      );
      if (stored) return stored;
      before = await this.#deps.store.get(key);
    }
    throw contention(keyOf(endpoint.workload));
  }

  /** One write for all records that wait at this moment; undefined where this one's revision has moved. */
  #together(op: WriteOp): Promise<Stored | undefined> {
    return this.#writes.submit("write", op, async (ops: readonly WriteOp[]) => {
      const written: (Stored | undefined)[] = [];
      for (let at = 0; at < ops.length; at += MAX_OBJECTS_PER_WRITE) {
        written.push(...(await this.#writeAll(ops.slice(at, at + MAX_OBJECTS_PER_WRITE))));
      }
      return written;
    });
  }

  /** All at once, or one by one where the store takes no more or one of them is refused. */
  async #writeAll(ops: readonly WriteOp[]): Promise<readonly (Stored | undefined)[]> {
    if (ops.length > 1) {
      const result = await this.#deps.store.write(ops).catch(unlessUnsupported);
      if (result?.ok) return result.stored;
    }
    const results = await Promise.all(ops.map((op) => this.#deps.store.write([op])));
    return results.map((result) => (result.ok ? result.stored[0] : undefined));
  }

  /** `kept` when the record is another container's by now, which is no error: the call is late. Throws as `write`. */
  async remove(workload: Workload, known: Stored | undefined): Promise<"removed" | "kept" | "absent"> {
    let before = known;
    for (let attempt = 0; attempt <= RETRIES; attempt++) {
      if (!before) return "absent";
      const container = containerOf(before);
      if (container !== "" && container !== workload.containerId) return "kept";
      const { key, revision } = before;
      const result = await this.#deps.store.write([{ op: "delete", key, revision }]);
      if (result.ok) return "removed";
      before = await this.#deps.store.get(key);
    }
    throw contention(keyOf(workload));
  }

  /** Adds the network to the profiles of an endpoint that is there. Throws as `write`. */
  async addProfile(endpoint: Stored, profile: string): Promise<Stored> {
    let before: Stored | undefined = endpoint;
    for (let attempt = 0; before && attempt < RETRIES; attempt++) {
      const spec = specOf(before);
      const profiles = Array.isArray(spec["profiles"]) ? spec["profiles"] : [];
      if (profiles.includes(profile)) return before;
      const value = { ...before.value, spec: { ...spec, profiles: [...profiles, profile] } };
      const { key, revision }: Stored = before;
      const result = await this.#deps.store.write([{ op: "update", key, value, revision }]);
      if (result.ok && result.stored[0]) return result.stored[0];
      before = await this.#deps.store.get(key);
    }
    throw contention(endpoint.key);
  }

  /** The profile of a network outside Kubernetes policy: made once, never changed. Out to anyone, in from each other. */
  async ensureProfile(network: string, isKubernetes: boolean): Promise<void> {
    const key: ObjectKey = { kind: "Profile", name: network };
    if (await this.#deps.store.get(key)) return;
    const from = isKubernetes ? {} : { source: { selector: `has(${network})` } };
    const value: JsonObject = {
      kind: "Profile",
      apiVersion: API_VERSION,
      metadata: this.#newMetadata({ name: network }),
      spec: {
        ingress: [{ action: "Allow", ...from }],
        egress: [{ action: "Allow" }],
        labelsToApply: { [network]: "" },
      },
    };
    await this.#deps.store.write([{ op: "create", key, value }]);
  }

  #newMetadata(identity: JsonObject): JsonObject {
    const creationTimestamp = `${this.#deps.wallClock.now().toISOString().slice(0, 19)}Z`;
    return { ...identity, uid: this.#deps.random.uuid(), creationTimestamp };
  }

  #value(endpoint: NewEndpoint, { name, namespace = "" }: ObjectKey, before: Stored | undefined): JsonObject {
    const { workload, mac, assigned, network, usesKubernetesPolicy } = endpoint;
    const isPod = workload.orchestrator === "k8s";
    const metadata = (before?.value["metadata"] as JsonObject | undefined) ?? this.#newMetadata({ name, namespace });
    const labels = {
      ...endpoint.labels,
      "projectcalico.org/namespace": workload.namespace,
      "projectcalico.org/orchestrator": workload.orchestrator,
    };
    return {
      kind: "WorkloadEndpoint",
      apiVersion: API_VERSION,
      metadata: { ...metadata, labels },
      spec: {
        orchestrator: workload.orchestrator,
        node: workload.node,
        containerID: workload.containerId,
        ...(isPod ? { pod: workload.pod } : {}),
        endpoint: String((before && specOf(before)["endpoint"]) ?? workload.ifName),
        ipNetworks: assigned.map(({ address }) => formatPrefix(hostPrefix(address))),
        profiles: usesKubernetesPolicy && isPod ? [`kns.${workload.namespace}`] : [network],
        interfaceName: workload.hostInterface,
        mac,
      },
    };
  }
}

function unlessUnsupported(failure: unknown): undefined {
  if (failure instanceof StoreError && failure.code === "unsupported") return undefined;
  throw failure;
}

const contention = (key: ObjectKey): CniError =>
  new CniError(
    ErrorCode.tryAgainLater,
    `somebody else keeps changing WorkloadEndpoint ${key.namespace ?? ""}/${key.name}`,
    "the runtime tries again",
  );
