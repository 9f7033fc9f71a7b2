/**
 * Everything received and originated: per prefix the paths of all who have one, nearly always one alone. The received attributes
 * stay with the path, so that a changed filter is applied without asking the peer again. Large removals and revisits are carried
 * out in slices by `work`.
 */
import type { Family, IpAddress, Ipv4 } from "../../ip/address.ts";
import { familyOfCode, type PrefixCode } from "../../ip/prefix-code.ts";
import type { Origination } from "../config.ts";
import type { AttributeSet, Update } from "../message/types.ts";
import { IdTable } from "./id-table.ts";
import type { ImportContext } from "./import.ts";
import { NextHops } from "./next-hops.ts";
import { ownAttributes, Path } from "./path.ts";
import { Peer } from "./peer.ts";
import type { PrefixTable } from "./prefix-table.ts";
import type { RibSession, RibWorld } from "./types.ts";

const NONE: readonly Path[] = [];
const BOTH: readonly Family[] = [4, 6];

export class AdjRibIn {
  readonly hops: NextHops;
  readonly #table: PrefixTable;
  readonly #world: RibWorld;
  #routerId: Ipv4;
  readonly #touched: (id: number) => void;
  readonly #paths = new IdTable<Path | Path[]>();
  readonly #peers = new Map<string, Peer>();
  /** Peers with something to take out or to revisit. */
  readonly #busy = new Set<Peer>();
  /** Peers whose session was retired: nearly always none. */
  readonly #retired = new Set<Peer>();

  /** `touched` is called when what is known of a prefix has changed. */
  constructor(table: PrefixTable, world: RibWorld, routerId: Ipv4, touched: (id: number) => void) {
    this.#table = table;
    this.#world = world;
    this.#routerId = routerId;
    this.#touched = touched;
    this.hops = new NextHops(world);
  }

  get hasWork(): boolean {
    return this.#busy.size > 0;
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  /** Undefined: it is not up, and nothing of it is left. */
  peer(name: string): Peer | undefined {
    return this.#peers.get(name);
  }

  /** All who have something to say of a prefix, in no order. */
  paths(id: number): readonly Path[] {
    const there = this.#paths.get(id);
    return there === undefined ? NONE : there instanceof Path ? [there] : there;
  }

  /** The path where there is one alone: spares the common case a list. */
  onlyPath(id: number): Path | undefined {
    const there = this.#paths.get(id);
    return there instanceof Path ? there : undefined;
  }

  /** Another BGP Identifier: all that was received is judged by it. */
  setRouterId(routerId: Ipv4): void {
    this.#routerId = routerId;
    for (const peer of this.#peers.values()) {
      peer.reimport(peer.session);
      this.#workFor(peer);
    }
  }

  up(session: RibSession): Peer {
    const peer = this.#peers.get(session.name) ?? new Peer(session);
    this.#peers.set(session.name, peer);
    peer.isUp = true;
    if (this.#retired.delete(peer)) this.#unretire(peer);
    this.configure(session);
    return peer;
  }

  /** What it has told counts again, also against others that are retired. */
  #unretire(peer: Peer): void {
    peer.isRetired = false;
    peer.revisited.addAll(peer.ids);
    this.#workFor(peer);
  }

  /** Facts of a session that is up, or whose routes are kept. */
  configure(session: RibSession): void {
    const peer = this.#peers.get(session.name);
    if (!peer || peer.session === session) return;
    if (importsAlike(peer.session, session)) peer.session = session;
    else {
      peer.reimport(session);
      this.#workFor(peer);
    }
  }

  /** Routes of the families in `keep` stay and are stale (RFC 4724 section 4.2); those that were stale already go. */
  down(name: string, keep: readonly Family[]): void {
    const peer = this.#peers.get(name);
    if (!peer) return;
    peer.isUp = false;
    this.sweep(peer, peer.session.families);
    for (const family of peer.session.families) if (keep.includes(family)) this.markStale(peer, family);
    peer.doomed.addAll(peer.ids.without(peer.stale));
    this.#workFor(peer);
  }

  /**
   * The session is over by configuration, and what takes its place may have yet to tell its own: routes of the families in
   * `keep` stay, stale ones among them, each until another source has one that can be used.
   */
  retire(name: string, keep: readonly Family[]): void {
    const peer = this.#peers.get(name);
    if (!peer) return;
    peer.isUp = false;
    peer.isRetired = true;
    this.#retired.add(peer);
    // Of families that it spoke in an earlier session there may be some too.
    for (const family of BOTH) if (!keep.includes(family)) peer.doomed.addAll(this.#table.ofFamily(peer.ids, family));
    peer.stale.addAll(peer.ids);
    peer.stale.deleteAll(peer.doomed);
    peer.revisited.addAll(peer.ids);
    this.#workFor(peer);
  }

  /** Everything of the family must be told again before the next sweep (RFC 7313 section 4.2). */
  markStale(peer: Peer, family: Family): void {
    peer.stale.addAll(this.#table.ofFamily(peer.ids, family));
    peer.stale.deleteAll(peer.doomed);
  }

  /** What is stale goes. */
  sweep(peer: Peer, families: readonly Family[]): void {
    const isWhole = peer.session.families.every((family) => families.includes(family));
    for (const family of isWhole ? BOTH : families) peer.doomed.addAll(this.#table.ofFamily(peer.stale, family));
    peer.stale.deleteAll(peer.doomed);
    this.#workFor(peer);
  }

  update(name: string, update: Update): void {
    const peer = this.#peers.get(name);
    if (!peer?.isUp) return;
    for (const prefix of update.withdrawn) {
      const id = this.#table.idOf(prefix);
      if (id >= 0) this.#withdraw(peer, id);
    }
    const context = this.#contextOf(peer);
    for (const { attributes, prefixes } of update.announced) this.#announce(peer, prefixes, attributes, context);
    if (update.endOfRib) this.sweep(peer, [update.endOfRib]);
  }

  /** A prefix of our own; undefined: no more. */
  originate(prefix: PrefixCode, origination: Origination | undefined): void {
    if (!origination) {
      const id = this.#table.idOf(prefix);
      if (id >= 0) this.#set(id, undefined, undefined);
      return;
    }
    const id = this.#hold(prefix);
    const was = this.paths(id).find(({ peer }) => peer === undefined)?.origination;
    if (was && was.about === origination.about && was.device === origination.device) return;
    const received = this.#world.attributes.intern(ownAttributes(familyOfCode(prefix)));
    const path = new Path({ origination }, received, { attributes: received }, undefined);
    this.#set(id, undefined, path);
    this.#supersede(id, path);
  }

  /** A next hop whose answer is another now: what its peers told over it is looked at again, in slices. */
  hopChanged(address: IpAddress): void {
    const refreshed = this.hops.refresh(address);
    if (!refreshed) return;
    const { hop, isOther } = refreshed;
    for (const peer of hop.peers.keys()) {
      if (isOther === "own") peer.reimport(peer.session);
      peer.hopMoved(hop);
      this.#workFor(peer);
    }
  }

  /** Removes and revisits `limit` routes at most. */
  work(limit: number): void {
    let done = 0;
    for (const peer of this.#busy) {
      for (; done < limit && peer.doomed.size > 0; done++) this.#withdraw(peer, peer.doomed.shift());
      const context = this.#contextOf(peer);
      for (; done < limit && peer.revisited.size > 0; done++) this.#revisit(peer, peer.revisited.shift(), context);
      if (done >= limit) return;
      this.#rest(peer);
    }
  }

  #contextOf(peer: Peer): ImportContext {
    return {
      session: peer.session,
      routerId: this.#routerId,
      attributes: this.#world.attributes,
      isOwnAddress: (address) => this.#world.isOwnAddress(address),
    };
  }

  #announce(peer: Peer, prefixes: readonly PrefixCode[], received: AttributeSet, context: ImportContext): void {
    let common: Path | undefined;
    for (const prefix of prefixes) {
      const id = this.#hold(prefix);
      peer.ids.add(id);
      if (peer.stale.size > 0) peer.stale.delete(id);
      if (peer.doomed.size > 0) peer.doomed.delete(id);
      const path = common ?? peer.pathFor(prefix, received, context, this.hops);
      if (!peer.asksForPrefix) common = path;
      this.#set(id, peer, path);
      this.#supersede(id, path);
    }
  }

  /** What retired peers told of the prefix goes where there is a path that can be used in its place. */
  #supersede(id: number, { isEligible }: Path): void {
    if (this.#retired.size === 0 || !isEligible) return;
    for (const { peer } of this.paths(id)) {
      if (!peer?.isRetired) continue;
      this.#withdraw(peer, id);
      this.#workFor(peer);
    }
  }

  #withdraw(peer: Peer, id: number): void {
    if (!peer.ids.delete(id)) return;
    peer.stale.delete(id);
    peer.doomed.delete(id);
    peer.revisited.delete(id);
    this.#set(id, peer, undefined);
  }

  #revisit(peer: Peer, id: number, context: ImportContext): void {
    const was = this.paths(id).find((path) => path.peer === peer);
    if (!was) return;
    if (peer.isRetired && this.paths(id).some((path) => path.isEligible && !path.peer?.isRetired)) {
      this.#withdraw(peer, id);
      return;
    }
    const path = peer.pathFor(this.#table.prefixOf(id), was.received, context, this.hops);
    this.#set(id, peer, path);
    if (was.hop && peer.movedHops.has(was.hop)) this.#touched(id);
    if (!peer.isRetired) this.#supersede(id, path);
  }

  /** The id, held once for all candidates of it together: `#set` releases it with the last. */
  #hold(prefix: PrefixCode): number {
    const id = this.#table.hold(prefix);
    if (this.#paths.get(id) !== undefined) this.#table.release(id);
    return id;
  }

  #set(id: number, peer: Peer | undefined, path: Path | undefined): void {
    const was = this.#put(id, peer, path);
    if (was === path) return;
    if (path) path.uses++;
    if (was && --was.uses === 0) was.peer?.drop(was, this.hops);
    this.#touched(id);
    if (!path && this.#paths.get(id) === undefined) this.#table.release(id);
  }

  /** The path in whose place it is. */
  #put(id: number, peer: Peer | undefined, path: Path | undefined): Path | undefined {
    const there = this.#paths.get(id);
    if (there === undefined || (there instanceof Path && there.peer === peer)) {
      if (there !== path) this.#paths.set(id, path);
      return there;
    }
    const all = there instanceof Path ? [there] : there;
    const at = all.findIndex((one) => one.peer === peer);
    const was = all[at];
    const left = at < 0 ? all : all.toSpliced(at, 1);
    if (path) this.#paths.set(id, [...left, path]);
    else if (left !== all) this.#paths.set(id, left.length === 1 ? left[0] : left);
    return was;
  }

  #workFor(peer: Peer): void {
    if (peer.doomed.size > 0 || peer.revisited.size > 0) this.#busy.add(peer);
    else this.#rest(peer);
  }

  /** Nothing to do for it; one that is down and has no routes is forgotten. */
  #rest(peer: Peer): void {
    peer.movedHops.clear();
    this.#busy.delete(peer);
    if (peer.isUp || peer.ids.size > 0) return;
    this.#peers.delete(peer.session.name);
    this.#retired.delete(peer);
  }
}

/** Whether routes of the session are judged alike under both; whom they are sent to is another matter. */
const importsAlike = (a: RibSession, b: RibSession): boolean =>
  a.kind === b.kind &&
  a.localAs === b.localAs &&
  a.peerRouterId === b.peerRouterId &&
  a.peerAddress === b.peerAddress &&
  a.isReflectorClient === b.isReflectorClient &&
  a.clusterId === b.clusterId &&
  a.allowedOwnAs === b.allowedOwnAs &&
  a.importFilter === b.importFilter;
