/**
 * The tables of a speaker (RFC 4271 section 3.2): Adj-RIBs-In, the decision process, Loc-RIB and Adj-RIBs-Out.
 *
 *     update, originate, … ─▶ AdjRibIn ─▶ LocRib ─┬─▶ takeChanges (the routes to use)
 *                                                 └─▶ AdjRibOut ─▶ next (what a session is sent)
 *
 * Calls that take something in only note what they touch; `work` carries it on in slices of the caller's choice, so that no
 * event loop turn is long. Where it stops, everything handed out is right as far as it goes.
 */
import type { Family, IpAddress, Ipv4 } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { Origination } from "../config.ts";
import type { Update } from "../message/types.ts";
import { AdjRibIn } from "./adj-rib-in.ts";
import { AdjRibOut } from "./adj-rib-out.ts";
import { LocRib } from "./loc-rib.ts";
import { PrefixTable } from "./prefix-table.ts";
import type { Batch, BestChange, RibCounts, RibOptions, RibSession, RibWorld } from "./types.ts";
import { type ExportReport, type PrefixReport, reportOf } from "./why.ts";

/** What a peer misses that is this far behind is taken in at once, some milliseconds. */
const QUEUE_BATCHES = 32;

export class Rib {
  readonly #table = new PrefixTable();
  readonly #adjRibIn: AdjRibIn;
  readonly #locRib: LocRib;
  readonly #adjRibOut: AdjRibOut;

  constructor(world: RibWorld, { routerId, maxPaths, queueBatches = QUEUE_BATCHES }: RibOptions) {
    const locRib = new LocRib(this.#table, maxPaths);
    this.#locRib = locRib;
    this.#adjRibIn = new AdjRibIn(this.#table, world, routerId, (id) => locRib.touch(id));
    const { attributes } = world;
    this.#adjRibOut = new AdjRibOut({ table: this.#table, locRib, attributes, queueBatches });
  }

  /** The session is established. Stale routes of before stay until `sweep`, or the peer's End-of-RIB. */
  sessionUp(session: RibSession): void {
    this.#adjRibOut.up(this.#adjRibIn.up(session));
  }

  /** Other filters or another role, without a new session. Its routes are judged again, and it hears what is different. */
  configure(session: RibSession): void {
    this.#adjRibIn.configure(session);
    this.#adjRibOut.configure(session);
  }

  /** What is known of a session that is up, or whose routes are kept. */
  sessionOf(name: string): RibSession | undefined {
    return this.#adjRibIn.peer(name)?.session;
  }

  /** Its routes go, save those of families in `keep`, which are stale from now on (RFC 4724 section 4.2). */
  sessionDown(name: string, keep: readonly Family[]): void {
    this.#adjRibOut.down(name);
    this.#adjRibIn.down(name, keep);
  }

  /** Its session is configured no longer, or otherwise: families in `keep` stay until others tell them, or until `sweep`. */
  sessionRetired(name: string, keep: readonly Family[]): void {
    this.#adjRibOut.down(name);
    this.#adjRibIn.retire(name, keep);
  }

  /** Another BGP Identifier. No session may be up. */
  setRouterId(routerId: Ipv4): void {
    this.#adjRibIn.setRouterId(routerId);
  }

  /** What the peer says; its End-of-RIB takes out what is stale. Ignored where the session is not up. */
  update(name: string, update: Update): void {
    this.#adjRibIn.update(name, update);
  }

  /** The peer begins to tell all of the family again (RFC 7313 section 4.2): what it leaves out goes with the next `sweep`. */
  markStale(name: string, family: Family): void {
    const peer = this.#adjRibIn.peer(name);
    if (peer) this.#adjRibIn.markStale(peer, family);
  }

  /** Stale routes go: their time is over, or the peer has told everything again. */
  sweep(name: string, families: readonly Family[]): void {
    const peer = this.#adjRibIn.peer(name);
    if (peer) this.#adjRibIn.sweep(peer, families);
  }

  /** The peer asks to hear everything of the family again (RFC 2918 section 4); the mark `refreshed` ends it. */
  refresh(name: string, family: Family): void {
    this.#adjRibOut.refresh(name, family);
  }

  /** A prefix of our own; undefined: no more. */
  originate(prefix: PrefixCode, origination: Origination | undefined): void {
    this.#adjRibIn.originate(prefix, origination);
  }

  /** The world may answer otherwise for this next hop. */
  nextHopChanged(address: IpAddress): void {
    this.#adjRibIn.hopChanged(address);
  }

  /** Prefixes that a session has told, stale ones included, those on their way out not: what a limit counts. */
  receivedCount(name: string): number {
    const peer = this.#adjRibIn.peer(name);
    return peer ? peer.ids.size - peer.doomed.size : 0;
  }

  /** Of those, the stale ones. */
  staleCount(name: string): number {
    return this.#adjRibIn.peer(name)?.stale.size ?? 0;
  }

  /** Whether its session was retired and has not come up since. */
  isRetired(name: string): boolean {
    return this.#adjRibIn.peer(name)?.isRetired ?? false;
  }

  /** Prefixes that the session's update group is told; those that came from the session itself are among them. */
  toldCount(name: string): number {
    return this.#adjRibOut.groupOf(name)?.toldCount ?? 0;
  }

  /** How much the tables hold, for metrics. */
  counts(): RibCounts {
    return {
      prefixes: this.#table.size,
      routed: this.#locRib.size,
      sessions: this.#adjRibIn.peerCount,
      nextHops: this.#adjRibIn.hops.size,
      updateGroups: this.#adjRibOut.groupCount,
    };
  }

  get hasWork(): boolean {
    return this.#adjRibIn.hasWork || this.#locRib.hasWork || this.#adjRibOut.hasWork;
  }

  /** Carries each stage on with `limit` prefixes at most; whether there is more to do. */
  work(limit: number): boolean {
    this.#adjRibIn.work(limit);
    this.#locRib.work(limit, this.#adjRibIn, (id, best) => this.#adjRibOut.touch(id, best));
    this.#adjRibOut.work(limit);
    return this.hasWork;
  }

  /** Somebody uses the routes: changes are kept for `takeChanges` from now on, all that is chosen already at first. */
  keepChanges(): void {
    this.#locRib.keepChanges();
  }

  /** Routes to use that have changed since they were last taken, `limit` prefixes at most. */
  takeChanges(limit: number): readonly BestChange[] {
    return this.#locRib.takeChanges(limit);
  }

  /** What the session shall be sent next, some `limit` prefixes; undefined: nothing before there is more work done. */
  next(name: string, limit: number): Batch | undefined {
    return this.#adjRibOut.next(name, limit, !this.#adjRibIn.hasWork && !this.#locRib.hasWork);
  }

  /** Every prefix that somebody has told or that is ours, in no order; may be taken in slices while the tables change. */
  *prefixes(): IterableIterator<PrefixCode> {
    for (let id = 0; id < this.#table.bound; id++)
      if (this.#adjRibIn.paths(id).length > 0) yield this.#table.prefixOf(id);
  }

  /** What became of each candidate of the prefix; undefined: nobody has told of it. */
  why(prefix: PrefixCode): PrefixReport | undefined {
    const id = this.#table.idOf(prefix);
    const candidates = id < 0 ? [] : this.#adjRibIn.paths(id);
    if (candidates.length === 0) return undefined;
    return reportOf(prefix, candidates, this.#locRib.chosen(id), ({ peer }) => peer?.stale.has(id) ?? false);
  }

  /** Whether the session is told of the prefix, and why not. */
  whyTold(prefix: PrefixCode, name: string): ExportReport {
    const peer = this.#adjRibIn.peer(name);
    const exporter = this.#adjRibOut.groupOf(name)?.exporter;
    if (!peer || !exporter) return { outcome: "notUp" };
    const id = this.#table.idOf(prefix);
    const best = id < 0 ? undefined : this.#locRib.best(id);
    if (!best) return { outcome: "noRoute" };
    return exporter.report(best, prefix, peer);
  }
}
