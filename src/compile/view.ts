/**
 * What one node knows, indexed for compile: projections of the resources, never whole remote objects, and the facts of
 * the node itself. The view is changed only through its setters, which say which compile keys the change touches: none
 * where the projection is as it was, whatever revision it came from.
 */
import { isDeepStrictEqual } from "node:util";
import type { IpAddress } from "../ip/address.ts";
import { covers, type InterfaceAddress, type Prefix, type PrefixKey } from "../ip/prefix.ts";
import type { ForeignBaseChain } from "../netlink/nftables/foreign-chain.ts";
import type { Mac } from "./node-state.ts";

/** Where a projection came from: enough to name the object again. */
export interface Origin {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly revision: string;
}

export type EncapsulationMode = "Never" | "Always" | "CrossSubnet";

export interface Pool {
  readonly origin: Origin;
  readonly cidr: Prefix;
  readonly ipipMode: EncapsulationMode;
  readonly vxlanMode: EncapsulationMode;
  readonly natOutgoing: boolean;
  readonly disabled: boolean;
}

export interface Node {
  readonly origin: Origin;
  readonly name: string;
  /** `spec.bgp.ipv4Address`: the address that peers send to, with the length of its subnet. */
  readonly ipv4: InterfaceAddress | undefined;
  readonly ipv4VxlanTunnel: IpAddress | undefined;
  /** `spec.vxlanTunnelMACAddr`, else derived from the name. */
  readonly vxlanMac: Mac;
}

/** One address of a block that another node than the block's owner uses. */
export interface Borrowed {
  readonly address: IpAddress;
  readonly node: string;
  /** The attribute `type`, `vxlanTunnelAddress` and its like; undefined for a pod. */
  readonly use: string | undefined;
}

export interface Block {
  readonly origin: Origin;
  readonly key: PrefixKey;
  readonly cidr: Prefix;
  /** The node of the affinity `host:<node>`. */
  readonly owner: string | undefined;
  readonly borrowed: readonly Borrowed[];
}

/** A workload endpoint on this node. */
export interface Endpoint {
  readonly origin: Origin;
  readonly device: string;
  readonly addresses: readonly Prefix[];
}

/** Facts of this node and the settings that compile turns on. */
export interface Local {
  readonly node: string;
  readonly backend: "vxlan" | "bird" | "none";
  /** The address that sockets and tunnels bind to, and its device; undefined until it was detected. */
  readonly address: (InterfaceAddress & { readonly device: string }) | undefined;
  /** `enabled` overrules what the pools ask for. */
  readonly vxlan: { readonly vni: number; readonly port: number; readonly mtu: number; readonly enabled?: boolean };
  /** `net.ipv4.conf.default.rp_filter` when the agent started; what workload devices get. */
  readonly rpFilter: string;
  /** Felix's `DeviceRouteProtocol` and `DeviceRouteSourceAddress`. */
  readonly deviceRouteProtocol: number;
  readonly deviceRouteSource?: IpAddress;
  /** Felix's `IPForwarding`: turn the host's forwarding on. */
  readonly ipForwarding: boolean;
  /** Base chains of others that drop what is forwarded; left out: none. */
  readonly forwardDrops?: readonly ForeignBaseChain[];
}

/** Names one independent piece of the compile: `compileKey` of DESIGN 1. */
export type CompileKey = string;
export const keys = {
  host: "host",
  vxlanDevice: "vxlan device",
  natOutgoing: "nat outgoing",
  node: (name: string): CompileKey => `node ${name}`,
  block: (cidr: PrefixKey): CompileKey => `block ${cidr}`,
  endpoint: (name: string): CompileKey => `endpoint ${name}`,
} as const;

/** Endpoints: a pod's start waits for them, so they go ahead of everything else. */
export const isUrgent = (key: CompileKey): boolean => key.startsWith("endpoint ");

/** Collects the keys that a change touches. */
export type Touch = (key: CompileKey) => void;

export class View {
  #local: Local;
  readonly #pools = new Map<string, Pool>();
  readonly #nodes = new Map<string, Node>();
  readonly #blocks = new Map<PrefixKey, Block>();
  readonly #endpoints = new Map<string, Endpoint>();
  /** Blocks by the nodes that they lead to: the owner and the borrowers. */
  readonly #blocksByNode = new Map<string, Set<PrefixKey>>();

  constructor(local: Local) {
    this.#local = local;
  }

  get local(): Local {
    return this.#local;
  }

  get pools(): ReadonlyMap<string, Pool> {
    return this.#pools;
  }

  get nodes(): ReadonlyMap<string, Node> {
    return this.#nodes;
  }

  get blocks(): ReadonlyMap<PrefixKey, Block> {
    return this.#blocks;
  }

  get endpoints(): ReadonlyMap<string, Endpoint> {
    return this.#endpoints;
  }

  get ownNode(): Node | undefined {
    return this.#nodes.get(this.#local.node);
  }

  /** The pool that a block or an address lies in; pools do not overlap. A cluster has a handful. */
  poolOf(prefix: Prefix): Pool | undefined {
    for (const pool of this.#pools.values()) {
      if (covers(pool.cidr, prefix)) return pool;
    }
    return undefined;
  }

  /** Every key that has something to compile. */
  *allKeys(): Iterable<CompileKey> {
    yield keys.host;
    yield keys.vxlanDevice;
    yield keys.natOutgoing;
    for (const name of this.#nodes.keys()) yield keys.node(name);
    for (const cidr of this.#blocks.keys()) yield keys.block(cidr);
    for (const name of this.#endpoints.keys()) yield keys.endpoint(name);
  }

  /** What hangs on the pools, on each of them. */
  *keysOfPools(): Iterable<CompileKey> {
    yield keys.vxlanDevice;
    yield keys.natOutgoing;
    for (const node of this.#nodes.keys()) yield keys.node(node);
    for (const cidr of this.#blocks.keys()) yield keys.block(cidr);
  }

  /** What hangs on a node, known or not: on the own one everything. */
  *keysOfNode(name: string): Iterable<CompileKey> {
    yield keys.node(name);
    if (name === this.#local.node) yield* this.allKeys();
    else for (const cidr of this.#blocksByNode.get(name) ?? []) yield keys.block(cidr);
  }

  setLocal(local: Local, touch: Touch): void {
    if (isDeepStrictEqual(local, this.#local)) return;
    this.#local = local;
    for (const key of this.allKeys()) touch(key);
  }

  setPool(name: string, pool: Pool | undefined, touch: Touch): void {
    if (put(this.#pools, name, pool)) for (const key of this.keysOfPools()) touch(key);
  }

  setNode(name: string, node: Node | undefined, touch: Touch): void {
    if (put(this.#nodes, name, node)) for (const key of this.keysOfNode(name)) touch(key);
  }

  setBlock(key: PrefixKey, block: Block | undefined, touch: Touch): void {
    const before = this.#blocks.get(key);
    if (!put(this.#blocks, key, block)) return;
    for (const node of nodesOf(before)) this.#blocksByNode.get(node)?.delete(key);
    for (const node of nodesOf(block)) {
      const blocks = this.#blocksByNode.get(node);
      if (blocks) blocks.add(key);
      else this.#blocksByNode.set(node, new Set([key]));
    }
    touch(keys.block(key));
  }

  setEndpoint(name: string, endpoint: Endpoint | undefined, touch: Touch): void {
    if (put(this.#endpoints, name, endpoint)) touch(keys.endpoint(name));
  }
}

interface Projection {
  readonly origin: Origin;
}

/** Whether it is another projection than before, origins apart. The new origin is kept either way, for provenance. */
function put<V extends Projection>(map: Map<string, V>, key: string, value: V | undefined): boolean {
  const before = map.get(key);
  if (value === undefined) return map.delete(key);
  map.set(key, value);
  return !before || !isDeepStrictEqual({ ...value, origin: undefined }, { ...before, origin: undefined });
}

function nodesOf(block: Block | undefined): readonly string[] {
  if (!block) return [];
  const nodes = block.borrowed.map(({ node }) => node);
  return block.owner === undefined ? nodes : [block.owner, ...nodes];
}
