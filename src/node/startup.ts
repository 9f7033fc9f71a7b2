/**
 * What a node does before its dataplane runs (calico-node's `startup`): it finds its name and its addresses, registers
 * its Node, and makes the objects that a cluster needs where nobody has made them yet. All of it may be repeated, and
 * fifty nodes may do it at once.
 *
 *   name ─▶ addresses ─▶ [store] ClusterInformation ─▶ Node ─▶ pools ─▶ FelixConfiguration, BGPConfiguration, IPAM
 */
import type { JsonObject } from "../base/json.ts";
import { objectOf, specOf, textOf } from "../base/json-fields.ts";
import { type Family, formatAddress } from "../ip/address.ts";
import type { Clock, WallClock } from "../port/clock.ts";
import type { HostFacts, HostFiles, HostInterface, Reachability } from "../port/host-facts.ts";
import type { Log } from "../port/log.ts";
import { type ObjectKey, type Store, type Stored, StoreError } from "../port/store.ts";
import { builtInTiers } from "../resources/kinds/tier.ts";
import {
  bgpDefaults,
  builtInTier,
  clusterInformation,
  defaultPool,
  felixDefaults,
  felixOfNode,
  ipamDefaults,
} from "./default-objects.ts";
import { detectAddresses } from "./detect-addresses.ts";
import type { NodeEnvironment } from "./environment.ts";
import { NodeStartError } from "./errors.ts";
import { type NodeAddresses, readStoredAddress } from "./node-address.ts";
import { chooseNodeName, type NodeName } from "./node-name.ts";
import { bgpField, nodeObject, withoutAddress } from "./node-object.ts";
import { type Change, ensure, type Stamp } from "./objects.ts";

const STORE_RETRY_MS = 1_000;

export interface NodeStartupDeps {
  readonly environment: NodeEnvironment;
  readonly store: Store;
  readonly hostFacts: HostFacts;
  readonly hostFiles: HostFiles;
  readonly reachability: Reachability;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  /** A random UUID. */
  readonly newUid: () => string;
  /** The release that runs, for ClusterInformation. */
  readonly version: string;
}

/** What a node knows of itself without a store. */
export interface LocalNode {
  readonly name: NodeName;
  readonly addresses: NodeAddresses;
  readonly interfaces: readonly HostInterface[];
}

export interface StartedNode extends LocalNode {
  readonly node: Stored;
  /** Tells clusters apart. */
  readonly clusterGuid: string;
}

export class NodeStartup {
  readonly #deps: NodeStartupDeps;
  readonly #stamp: Stamp;

  constructor(deps: NodeStartupDeps) {
    this.#deps = deps;
    this.#stamp = { wallClock: deps.wallClock, newUid: deps.newUid };
  }

  /** Throws NodeStartError `noNodeName`. */
  name(): NodeName {
    const { environment, hostFacts, hostFiles } = this.#deps;
    return chooseNodeName({ environment, file: hostFiles.readNodeName(), hostname: hostFacts.hostname() });
  }

  /** Without the store: what counts until it answers. Throws NodeStartError `noNodeName`, `noAddress`. */
  async local(node?: JsonObject): Promise<LocalNode> {
    const { environment, hostFacts, reachability } = this.#deps;
    const name = this.name();
    const interfaces = await hostFacts.interfaces();
    return { name, interfaces, addresses: await detectAddresses({ environment, interfaces, reachability, node }) };
  }

  /** As they are now, in the order of their index. Throws KernelError. */
  interfaces(): Promise<readonly HostInterface[]> {
    return this.#deps.hostFacts.interfaces();
  }

  /**
   * The whole start. With WAIT_FOR_DATASTORE it waits for the store until `signal` aborts, without it the first
   * StoreError is thrown. Throws NodeStartError.
   */
  async run(signal?: AbortSignal): Promise<StartedNode> {
    const { environment, hostFiles, log } = this.#deps;
    const { name, source } = this.name();
    for (let attempt = 0; ; attempt++) {
      try {
        const started = await this.#register(name);
        hostFiles.writeNodeName(name);
        log.info("the node is registered", { node: name, source, cluster: started.clusterGuid });
        return started;
      } catch (failure) {
        const isAway = failure instanceof StoreError && failure.code === "unavailable";
        if (!isAway || !environment.waitForDatastore || signal?.aborted) throw failure;
        if (attempt === 0) log.warn("the store does not answer; waiting for it (WAIT_FOR_DATASTORE)", {}, failure);
        await new Promise<void>((resolve) => this.#deps.clock.after(STORE_RETRY_MS, resolve));
      }
    }
  }

  /**
   * Detects again and writes what changed to the Node: for the poll, and when interfaces change. Throws NodeStartError
   * and StoreError; the node then goes on with what it had.
   */
  async redetectAddress(): Promise<LocalNode & { readonly node: Stored }> {
    const stored = await this.#deps.store.get(this.#nodeKey(this.name().name));
    return this.#writeNode(await this.local(stored?.value), stored);
  }

  async #register(name: string): Promise<StartedNode> {
    const { environment, store, version } = this.#deps;
    const clusterKey = { kind: "ClusterInformation", name: "default" };
    const change = clusterInformation({ version, types: environment.clusterTypes }, this.#stamp);
    const cluster = await this.#ensureDefault(clusterKey, change);
    const stored = await store.get(this.#nodeKey(name));
    const local = await this.#writeNode(await this.local(stored?.value), stored);
    await this.#ensurePools(local.interfaces);
    const felix = { kind: "FelixConfiguration" };
    await this.#ensureDefault({ ...felix, name: "default" }, felixDefaults(this.#stamp));
    await this.#ensureDefault({ ...felix, name: `node.${name}` }, felixOfNode(name, this.#stamp));
    await this.#ensureDefault({ kind: "BGPConfiguration", name: "default" }, bgpDefaults(this.#stamp));
    await this.#ensureDefault({ kind: "IPAMConfig", name: "default" }, ipamDefaults);
    await Promise.all(
      builtInTiers.map((tier) =>
        this.#ensureDefault({ kind: "Tier", name: tier.name }, builtInTier(tier, this.#stamp)),
      ),
    );
    return { ...local, clusterGuid: textOf(specOf(cluster?.value)["clusterGUID"]) ?? "" };
  }

  /** What a cluster needs; what is there and cannot be read keeps no node from its start. */
  async #ensureDefault(key: ObjectKey, change: Change): Promise<Stored | undefined> {
    try {
      return await ensure(this.#deps.store, key, change);
    } catch (failure) {
      if (!(failure instanceof StoreError && failure.code === "malformed")) throw failure;
      this.#deps.log.warn("an object that a cluster needs is left as it is", {}, failure);
      return undefined;
    }
  }

  #nodeKey(name: string): ObjectKey {
    return { kind: "Node", name };
  }

  async #writeNode(local: LocalNode, before: Stored | undefined): Promise<LocalNode & { readonly node: Stored }> {
    const { environment, store, log } = this.#deps;
    const { name } = local.name;
    if (!environment.disableNodeIpCheck) await this.#refuseDuplicates(local, before);
    const { backend, asNumber } = environment;
    const facts = { name, backend, asNumber, addresses: local.addresses, interfaces: local.interfaces };
    const node = await ensure(store, this.#nodeKey(name), (current) => nodeObject(current, facts, this.#stamp));
    if (!node) throw new Error(`Node(${name}) was not written`);
    if (node.revision !== before?.revision) {
      log.info("the Node was written", { node: name, how: local.addresses.ipv4?.explanation[0] });
    }
    return { ...local, node };
  }

  /** Only when an address is new: thousands of nodes that start again need not list each other. */
  async #refuseDuplicates({ name: { name }, addresses }: LocalNode, before: Stored | undefined): Promise<void> {
    const { environment, store, log } = this.#deps;
    const changed = ([4, 6] as const).flatMap((family) => {
      const own = addresses[family === 4 ? "ipv4" : "ipv6"]?.advertised.address;
      return own === undefined || own === nodeAddress(before?.value, family) ? [] : [{ family, own }];
    });
    if (changed.length === 0) return;
    const { objects, unreadable } = await store.list({ kind: "Node" });
    for (const { key, why } of unreadable)
      log.warn("addresses are not compared with those of a node", { node: key.name, why });
    for (const { family, own } of changed) {
      const holder = objects.find(({ key, value }) => key.name !== name && nodeAddress(value, family) === own);
      if (!holder) continue;
      const setting = family === 4 ? environment.ip : environment.ip6;
      if (before && setting.kind === "autodetect") {
        await ensure(store, before.key, (current) => current && withoutAddress(current, family));
      }
      const subject = formatAddress(own);
      const variable = family === 4 ? "IP" : "IP6";
      const message = `the address ${subject} of node ${name} is node ${holder.key.name}'s already: set ${variable} or ${variable}_AUTODETECTION_METHOD so that each has its own, delete Node(${holder.key.name}) if it is gone, or set DISABLE_NODE_IP_CHECK=true`;
      throw new NodeStartError("addressTaken", message, { subject });
    }
  }

  async #ensurePools(interfaces: readonly HostInterface[]): Promise<void> {
    const { environment, store, log } = this.#deps;
    if (environment.noDefaultPools) return;
    const { objects, unreadable } = await store.list({ kind: "IPPool" });
    if (unreadable.length > 0) {
      // It may be the pool of either family.
      log.warn("no default pool is made while a pool cannot be read", { why: unreadable.map(({ why }) => why) });
      return;
    }
    const hostAddresses = interfaces.flatMap(({ addresses }) => addresses);
    for (const setting of [environment.pool4, environment.pool6]) {
      const pool = defaultPool(objects, setting, hostAddresses, this.#stamp);
      if (!pool) continue;
      const key = { kind: "IPPool", name: String(objectOf(pool["metadata"])["name"]) };
      const result = await store.write([{ op: "create", key, value: pool }]);
      if (result.ok) log.info("the default pool was made", { pool: key.name, cidr: specOf(pool)["cidr"] });
    }
  }
}

const nodeAddress = (value: JsonObject | undefined, family: Family) =>
  readStoredAddress(objectOf(specOf(value)["bgp"])[bgpField[family]], family)?.address;
