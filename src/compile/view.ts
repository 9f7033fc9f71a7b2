/**
 * What one node knows, indexed for compile: projections of the resources, never whole remote objects, and the facts of
 * the node itself. The view is changed only through its setters, which say which compile keys the change touches: none
 * where the projection is as it was, whatever revision it came from.
 */
import { isDeepStrictEqual } from "node:util";
import type { Asn } from "../bgp/message/types.ts";
import type { IpAddress, Ipv4 } from "../ip/address.ts";
import { covers, type InterfaceAddress, type Prefix, type PrefixKey, tryParsePrefix } from "../ip/prefix.ts";
import type { ForeignBaseChain } from "../netlink/nftables/foreign-chain.ts";
import type { Labels } from "../selector/selector.ts";
import { BgpView } from "./bgp/bgp-view.ts";
import { type CompileKey, keys, type Touch } from "./keys.ts";
import type { Mac } from "./node-state.ts";
import { put } from "./projections.ts";
import type { Encapsulation } from "./tunnels/encapsulation.ts";

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
  /** Encapsulations that others may send by although the modes say otherwise, while modes change. */
  readonly alsoTakesIn?: readonly Encapsulation[];
  readonly natOutgoing: boolean;
  readonly disabled: boolean;
  readonly disableBgpExport: boolean;
}

export interface Node {
  readonly origin: Origin;
  readonly name: string;
  /** `spec.bgp.ipv4Address`: the address that peers send to, with the length of its subnet. */
  readonly ipv4: InterfaceAddress | undefined;
  readonly ipv6: InterfaceAddress | undefined;
  readonly labels: Labels;
  /** `spec.bgp.asNumber`; undefined: the cluster's. */
  readonly asn: Asn | undefined;
  /** `spec.bgp.routeReflectorClusterID`: set on reflectors. */
  readonly clusterId: Ipv4 | undefined;
  readonly ipv4IpipTunnel: IpAddress | undefined;
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
  readonly labels: Labels;
}

/** Facts of this node and the settings that compile turns on. */
export interface Local {
  readonly node: string;
  readonly backend: "vxlan" | "bird" | "none";
  /** The address that sockets and tunnels bind to, and its device; undefined until it was detected. */
  readonly address: (InterfaceAddress & { readonly device: string }) | undefined;
  /** `enabled` overrules what the pools ask for. */
  readonly vxlan: { readonly vni: number; readonly port: number; readonly mtu: number; readonly enabled?: boolean };
  /** As `vxlan`. */
  readonly ipip: { readonly mtu: number; readonly enabled?: boolean };
  /** CALICO_ROUTER_ID: `hash` derives it from the node's name; left out: the node's IPv4 address. */
  readonly routerId?: Ipv4 | "hash";
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

export class View {
  /** Peers, filters and configurations, with their own setters. */
  readonly bgp: BgpView;
  #local: Local;
  #isIpipUp = false;
  readonly #pools = new Map<string, Pool>();
  readonly #nodes = new Map<string, Node>();
  readonly #blocks = new Map<PrefixKey, Block>();
  readonly #endpoints = new Map<string, Endpoint>();
  /** Blocks by the nodes that they lead to: the owner and the borrowers. */
  readonly #blocksByNode = new Map<string, Set<PrefixKey>>();

  constructor(local: Local) {
    this.#local = local;
    this.bgp = new BgpView(this);
  }

  get local(): Local {
    return this.#local;
  }

  /** Whether the kernel has the IP-in-IP device and it is up, wanted or not. */
  get isIpipUp(): boolean {
    return this.#isIpipUp;
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

  /** CIDRs in which routes with BIRD's or Felix's mark are ours: pools, and what BGP is told to announce or to reach. */
  ownRanges(): readonly Prefix[] {
    return [...Array.from(this.#pools.values(), ({ cidr }) => cidr), ...this.bgp.ranges()];
  }

  /** Blocks of this node. */
  *ownBlocks(): Iterable<Block> {
    for (const key of this.#blocksByNode.get(this.#local.node) ?? []) {
      const block = this.#blocks.get(key);
      if (block?.owner === this.#local.node) yield block;
    }
  }

  /** Every key that has something to compile. */
  *allKeys(): Iterable<CompileKey> {
    yield keys.host;
    yield keys.vxlanDevice;
    yield keys.ipipDevice;
    yield keys.calicoTable;
    for (const name of this.#nodes.keys()) yield keys.node(name);
    yield* this.bgp.allKeys();
    for (const cidr of this.#blocks.keys()) yield keys.block(cidr);
    for (const name of this.#endpoints.keys()) yield keys.endpoint(name);
  }

  /** What hangs on the pools, on each of them. */
  *keysOfPools(): Iterable<CompileKey> {
    yield keys.vxlanDevice;
    yield keys.ipipDevice;
    yield keys.calicoTable;
    yield keys.bgpExport;
    for (const node of this.#nodes.keys()) yield keys.node(node);
    for (const cidr of this.#blocks.keys()) yield keys.block(cidr);
  }

  /** What hangs on a node, known or not: on the own one everything. */
  *keysOfNode(name: string): Iterable<CompileKey> {
    yield keys.node(name);
    yield keys.bgpNode(name);
    if (name === this.#local.node) yield* this.allKeys();
    else for (const cidr of this.#blocksByNode.get(name) ?? []) yield keys.block(cidr);
  }

  setLocal(local: Local, touch: Touch): void {
    if (isDeepStrictEqual(local, this.#local)) return;
    this.#local = local;
    for (const key of this.allKeys()) touch(key);
  }

  setIpipUp(isUp: boolean, touch: Touch): void {
    if (isUp === this.#isIpipUp) return;
    this.#isIpipUp = isUp;
    touch(keys.calicoTable);
  }

  setPool(name: string, pool: Pool | undefined, touch: Touch): void {
    if (put(this.#pools, name, pool)) for (const key of this.keysOfPools()) touch(key);
  }

  setNode(name: string, node: Node | undefined, touch: Touch): void {
    const before = this.#nodes.get(name);
    if (!put(this.#nodes, name, node)) return;
    this.bgp.nodeChanged(name, before, node, touch);
    if (before?.ipv4?.address !== node?.ipv4?.address) touch(keys.calicoTable);
    for (const key of this.keysOfNode(name)) touch(key);
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
    if (before?.owner === this.#local.node || block?.owner === this.#local.node) this.#touchOwnBlock(key, touch);
  }

  /** What this node announces beside its blocks depends on which they are. */
  #touchOwnBlock(key: PrefixKey, touch: Touch): void {
    touch(keys.bgpExport);
    const cidr = tryParsePrefix(key);
    for (const [name, { addresses }] of this.#endpoints) {
      if (addresses.some((address) => cidr && covers(cidr, address))) touch(keys.endpoint(name));
    }
  }

  setEndpoint(name: string, endpoint: Endpoint | undefined, touch: Touch): void {
    if (!put(this.#endpoints, name, endpoint)) return;
    touch(keys.endpoint(name));
    this.bgp.endpointChanged(touch);
  }
}

function nodesOf(block: Block | undefined): readonly string[] {
  if (!block) return [];
  const nodes = block.borrowed.map(({ node }) => node);
  return block.owner === undefined ? nodes : [block.owner, ...nodes];
}
