/**
 * The BGP part of the view: peers, filters, configurations, and which of them a change of a node concerns. With 5,000
 * nodes each has a key of its own, so that one node more costs one session and not all of them.
 */
import type { Asn } from "../../bgp/message/types.ts";
import type { IpAddress } from "../../ip/address.ts";
import { hostPrefix, type Prefix } from "../../ip/prefix.ts";
import { type SelectorMatcher, selectorMatcher } from "../../selector/matcher.ts";
import type { Labels } from "../../selector/selector.ts";
import { type CompileKey, keys, type Touch } from "../keys.ts";
import { put } from "../projections.ts";
import type { Local, Node } from "../view.ts";
import type { Advertisement, BgpConfiguration, BgpFilter, BgpPeer, PeerUsers } from "./types.ts";

/** What the BGP part asks of the whole. */
export interface Nodes {
  readonly local: Local;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly ownNode: Node | undefined;
}

/** Calico's AS number where nobody gives one. */
const DEFAULT_ASN = 64512;
/** RFC 4271 section 8: the port that BGP listens on. */
const BGP_PORT = 179;

/** In every configuration that Calico writes. */
const PODS_AND_SERVICES = ["cali*", "kube-ipvs*"];

const configurationOf = (node: string): string => `node.${node}`;

export class BgpView {
  readonly #whole: Nodes;
  readonly #matches: SelectorMatcher = selectorMatcher();
  readonly #peers = new Map<string, BgpPeer>();
  readonly #filters = new Map<string, BgpFilter>();
  readonly #configurations = new Map<string, BgpConfiguration>();
  /** Names of nodes by their addresses; two nodes may claim one. */
  readonly #nodesAt = new Map<IpAddress, Set<string>>();
  /** Names of BGPPeers by the addresses that they lead to. */
  readonly #peersTo = new Map<IpAddress, Set<string>>();

  /** Names of BGPPeers that lead to pods. */
  readonly #toWorkloads = new Set<string>();

  constructor(whole: Nodes) {
    this.#whole = whole;
  }

  get peers(): ReadonlyMap<string, BgpPeer> {
    return this.#peers;
  }

  get filters(): ReadonlyMap<string, BgpFilter> {
    return this.#filters;
  }

  /** BGPConfiguration `default`. */
  get cluster(): BgpConfiguration | undefined {
    return this.#configurations.get("default");
  }

  /** BGPConfiguration `node.<name>`. */
  ofNode(name: string): BgpConfiguration | undefined {
    return this.#configurations.get(configurationOf(name));
  }

  /** What this node's routes are marked with: its own advertisements, else the cluster's. */
  get advertisements(): readonly Advertisement[] {
    return this.ofNode(this.#whole.local.node)?.advertisements ?? this.cluster?.advertisements ?? [];
  }

  /** Beside the pools, where routes of ours may be: advertised ranges, and peers that are reached by a gateway of their own. */
  *ranges(): Iterable<Prefix> {
    for (const { cidr } of this.advertisements) yield cidr;
    for (const { target, reachableBy } of this.#peers.values()) {
      if (target.kind === "address" && reachableBy !== undefined) yield hostPrefix(target.address);
    }
  }

  /** The cluster's AS. */
  get clusterAsn(): Asn {
    return this.cluster?.asn ?? DEFAULT_ASN;
  }

  asnOf(node: Node): Asn {
    return node.asn ?? this.clusterAsn;
  }

  /** The port that a configuration sets for a node; undefined: none does. */
  configuredPortOf(node: string): number | undefined {
    return this.ofNode(node)?.listenPort ?? this.cluster?.listenPort;
  }

  portOf(node: string): number {
    return this.configuredPortOf(node) ?? BGP_PORT;
  }

  /** Devices whose connected subnets BIRD's direct protocol would leave out (control plane 6.1), `*` for any text. */
  get ignoredDevices(): readonly string[] {
    return [...PODS_AND_SERVICES, ...(this.cluster?.ignoredDevices ?? [])];
  }

  /** Nodes that have the address, by name. */
  nodesAt(address: IpAddress): readonly Node[] {
    const names = [...(this.#nodesAt.get(address) ?? [])].sort();
    return names.flatMap((name) => this.#whole.nodes.get(name) ?? []);
  }

  /** Whether a selector selects the node or the pod. */
  selects(selector: string, { labels }: { readonly labels: Labels }): boolean {
    return this.#matches(selector, labels);
  }

  /** The BGPPeers of this node that lead to pods of its own. */
  *workloadPeers(): Iterable<BgpPeer> {
    const own = this.#whole.ownNode;
    for (const name of this.#toWorkloads) {
      const peer = this.#peers.get(name);
      if (peer && own && this.isUser(peer.users, own)) yield peer;
    }
  }

  /** Whether the node uses what is for these. */
  isUser(users: PeerUsers, node: Node): boolean {
    if (users.kind === "all") return true;
    return users.kind === "node" ? users.name === node.name : this.selects(users.selector, node);
  }

  /** Whether this node has a session with the other one because of the peer: its own half, or the mirrored one. */
  pairs(peer: BgpPeer, own: Node, other: Node): { readonly forward: boolean; readonly reverse: boolean } {
    const { target, users, isReversed } = peer;
    const forward = target.kind === "nodes" && this.isUser(users, own) && this.selects(target.selector, other);
    const reverse = isReversed && this.isTarget(peer, own) && this.isUser(users, other);
    return { forward, reverse };
  }

  /** Whether the node is one that the peer leads to. */
  isTarget({ target }: BgpPeer, node: Node): boolean {
    if (target.kind === "nodes") return this.selects(target.selector, node);
    if (target.kind === "workloads") return false;
    const { address, port, asn } = target;
    if (node.ipv4?.address !== address && node.ipv6?.address !== address) return false;
    if ((asn ?? this.clusterAsn) !== this.asnOf(node)) return false;
    return port === undefined || port === this.portOf(node.name);
  }

  /** What hangs on a BGPPeer, known or not. */
  *keysOfPeer(name: string): Iterable<CompileKey> {
    yield keys.bgpPeer(name);
    for (const node of this.#whole.nodes.keys()) yield keys.bgpNode(node);
  }

  *allKeys(): Iterable<CompileKey> {
    yield keys.bgpRouter;
    yield keys.bgpExport;
    for (const name of this.#whole.nodes.keys()) yield keys.bgpNode(name);
    for (const name of this.#peers.keys()) yield keys.bgpPeer(name);
    for (const name of this.#filters.keys()) yield keys.bgpFilter(name);
  }

  setPeer(name: string, peer: BgpPeer | undefined, touch: Touch): void {
    const before = this.#peers.get(name);
    if (!put(this.#peers, name, peer)) return;
    for (const each of [before, peer]) {
      if (each?.target.kind !== "address") continue;
      if (each === peer) add(this.#peersTo, each.target.address, name);
      else drop(this.#peersTo, each.target.address, name);
    }
    touch(keys.bgpPeer(name));
    if (before?.target.kind === "workloads" || peer?.target.kind === "workloads") this.#touchOfWorkloads(touch);
    if (peer?.target.kind === "workloads") this.#toWorkloads.add(name);
    else this.#toWorkloads.delete(name);
    const own = this.#whole.ownNode;
    if (!own) return;
    for (const each of [before, peer]) if (each) this.#touchPairs(each, own, touch);
  }

  setFilter(name: string, filter: BgpFilter | undefined, touch: Touch): void {
    if (put(this.#filters, name, filter)) touch(keys.bgpFilter(name));
  }

  setConfiguration(name: string, configuration: BgpConfiguration | undefined, touch: Touch): void {
    if (!put(this.#configurations, name, configuration)) return;
    if (name === "default" || name === configurationOf(this.#whole.local.node)) {
      for (const key of this.allKeys()) touch(key);
      return;
    }
    // The only thing that another node's configuration says to this one is the port that it listens on.
    const [, node] = /^node\.(.+)$/.exec(name) ?? [];
    if (node === undefined) return;
    touch(keys.bgpNode(node));
    this.#touchPeersTo(this.#whole.nodes.get(node), touch);
  }

  /** Called by the view when a node is set, before what it says itself is touched. */
  nodeChanged(name: string, before: Node | undefined, after: Node | undefined, touch: Touch): void {
    for (const address of addressesOf(before)) drop(this.#nodesAt, address, name);
    for (const address of addressesOf(after)) add(this.#nodesAt, address, name);
    this.#touchPeersTo(before, touch);
    this.#touchPeersTo(after, touch);
  }

  /** Called by the view when a pod of this node comes, goes or changes. */
  endpointChanged(touch: Touch): void {
    for (const name of this.#toWorkloads) touch(keys.bgpPeer(name));
    if (this.#toWorkloads.size > 0) this.#touchOfWorkloads(touch);
  }

  /** Routes that pods tell are told on as this node's, and what they dial is listened to. */
  #touchOfWorkloads(touch: Touch): void {
    touch(keys.bgpExport);
    touch(keys.bgpRouter);
  }

  #touchPeersTo(node: Node | undefined, touch: Touch): void {
    for (const address of addressesOf(node)) {
      for (const peer of this.#peersTo.get(address) ?? []) touch(keys.bgpPeer(peer));
    }
  }

  #touchPairs(peer: BgpPeer, own: Node, touch: Touch): void {
    const isConcerned =
      (peer.target.kind === "nodes" && this.isUser(peer.users, own)) || (peer.isReversed && this.isTarget(peer, own));
    if (!isConcerned) return;
    for (const node of this.#whole.nodes.values()) {
      const { forward, reverse } = this.pairs(peer, own, node);
      if (forward || reverse) touch(keys.bgpNode(node.name));
    }
  }
}

const addressesOf = (node: Node | undefined): readonly IpAddress[] =>
  [node?.ipv4?.address, node?.ipv6?.address].filter((address) => address !== undefined);

function add<K>(index: Map<K, Set<string>>, key: K, name: string): void {
  const names = index.get(key);
  if (names) names.add(name);
  else index.set(key, new Set([name]));
}

function drop<K>(index: Map<K, Set<string>>, key: K, name: string): void {
  const names = index.get(key);
  names?.delete(name);
  if (names?.size === 0) index.delete(key);
}
