/**
 * Routes between the sessions and the tables, in one loop that works in slices, so that neither a full table nor a slow peer
 * keeps the event loop, or other peers, waiting:
 *
 *     streams ─▶ read ─▶ Rib ─▶ work ─▶ onBest
 *                                └────▶ next ─▶ encode once ─▶ streams that have room
 *
 * A turn takes in first and tells afterwards, so that what came together leaves together.
 *
 * Also what RFC 4724 asks of both ends of a restart: whose routes stay for how long, and when routes are chosen. Routes of a
 * session that the configuration ends stay a while too, so that what takes its place can tell them first.
 */
import type { SessionConfig } from "../bgp/config.ts";
import { AttributeTable } from "../bgp/message/attribute-table.ts";
import { CeaseReason } from "../bgp/message/iana.ts";
import { cease } from "../bgp/message/notification-text.ts";
import type { RouteRefresh, Update } from "../bgp/message/types.ts";
import { Rib } from "../bgp/rib/rib.ts";
import type { BestChange } from "../bgp/rib/types.ts";
import { droppedAtReturn, isRetiredByPeer, keptAfterLoss, RETIRED_SECONDS } from "../bgp/session/graceful.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import type { Ending } from "../bgp/session/types.ts";
import type { Family, IpAddress, Ipv4 } from "../ip/address.ts";
import { TurnBudget } from "../kernel/turn-budget.ts";
import type { Clock, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import { BatchEncoder } from "./batch-encoder.ts";
import { Deferral } from "./deferral.ts";
import { FirstTables } from "./first-tables.ts";
import { policyOf, ribSessionOf } from "./rib-session.ts";
import type { Session, SessionHooks } from "./session.ts";
import { Timers } from "./timers.ts";
import type { RetiredStatus, Surroundings } from "./types.ts";

export interface ExchangeDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly surroundings: Surroundings;
  /** Routes to one prefix that are used beside each other. */
  readonly maxPaths: number;
}

/** What is done between two looks at the clock: one message of a thousand prefixes, or twenty of ten. */
const OCTETS = 2048;
const PREFIXES = 512;
/** Read before they are decided: as many as make a batch for those who are told, where ten prefixes come in a message. */
const OCTETS_TOGETHER = 8192;
/** Of a turn, for taking in and for telling each. */
const STRETCH_MS = 3;
/** A peer that has so much to read is given no more for now. */
const MOST_WAITING_OCTETS = 1 << 18;
/** RFC 4724 section 4.2: how long a peer that is back may take to tell everything again. */
const STALE_MS = 360_000;

export class Exchange implements SessionHooks {
  readonly attributes = new AttributeTable();
  /** Told once: what was learned until now is told whole, and what an earlier run left may go. */
  settled: () => void = () => undefined;
  readonly rib: Rib;
  readonly #deps: ExchangeDeps;
  #sink: ((changes: readonly BestChange[]) => void) | undefined;
  #routerId: Ipv4;
  readonly #encoder = new BatchEncoder();
  readonly #established = new Map<Session, Negotiated>();
  readonly #readable = new Set<Session>();
  readonly #stale: Timers<string>;
  readonly #firstTables = new FirstTables();
  #deferral: Deferral | undefined;
  #deferralTimer: Timer | undefined;
  #isSettled = false;
  #isWorking = false;
  #isClosed = false;

  constructor(deps: ExchangeDeps, routerId: Ipv4) {
    this.#deps = deps;
    this.#routerId = routerId;
    this.#stale = new Timers(deps.clock, (name) => {
      this.rib.sweep(name, [4, 6]);
      this.wake();
    });
    const { surroundings, maxPaths } = deps;
    const world = {
      attributes: this.attributes,
      costOf: (nextHop: IpAddress) => surroundings.costOf(nextHop),
      nextHopUnused: (nextHop: IpAddress) => surroundings.nextHopUnused?.(nextHop),
      isOwnAddress: (address: IpAddress) => surroundings.isOwnAddress(address),
    };
    this.rib = new Rib(world, { routerId, maxPaths });
  }

  /** Told of the routes to use as they change; not while a restart is deferred. */
  set sink(sink: (changes: readonly BestChange[]) => void) {
    this.#sink = sink;
    this.rib.keepChanges();
  }

  /** No session may be up. */
  setRouterId(routerId: Ipv4): void {
    this.#routerId = routerId;
    this.rib.setRouterId(routerId);
  }

  negotiatedOf(session: Session): Negotiated | undefined {
    return this.#established.get(session);
  }

  get hasPeers(): boolean {
    return this.#established.size > 0;
  }

  get waitsFor(): readonly string[] {
    return this.#deferral?.waitsFor ?? [];
  }

  /** RFC 4724 section 4.1: routes are chosen when these have told theirs, or the time is over. */
  defer(sessions: Iterable<SessionConfig>, seconds: number, over: () => void): void {
    const deferral = new Deferral(sessions);
    this.#deferral = deferral;
    deferral.over = () => {
      this.#deferral = undefined;
      this.#deferralTimer?.cancel();
      this.#deps.log.info("routes are chosen again after the restart");
      over();
      this.wake();
    };
    this.#deferralTimer = this.#deps.clock.after(seconds * 1000, () => deferral.giveUp());
  }

  /** The session's configuration is another one, in a way that a session survives. */
  reconfigure(session: Session): void {
    const negotiated = this.#established.get(session);
    const kept = this.rib.sessionOf(session.name);
    if (negotiated) this.rib.configure(this.#ribSession(session, negotiated));
    else if (kept) this.rib.configure({ ...kept, ...policyOf(session.config, this.#routerId) });
    this.#limit(session);
    this.wake();
  }

  /** The configuration has ended the session: what it told stays for `RETIRED_SECONDS`, or until others tell it. */
  retire(session: Session): void {
    const { name } = session;
    this.#readable.delete(session);
    this.#established.delete(session);
    this.#retire(name, [4, 6], RETIRED_SECONDS);
    this.#deferral?.removed(name);
    this.wake();
  }

  /** No sooner than a time that was set before: a session that is ended time and again keeps nothing alive. */
  #retire(name: string, families: readonly Family[], seconds: number): void {
    this.rib.sessionRetired(name, families);
    const routes = this.rib.staleCount(name);
    if (routes === 0) return;
    const afterMs = Math.min(this.#stale.left(name) ?? Number.POSITIVE_INFINITY, seconds * 1000);
    this.#stale.set(name, afterMs);
    const fields = { session: name, routes, seconds: Math.ceil(afterMs / 1000) };
    this.#deps.log.info("routes of a session that is configured no longer stay until others tell them", fields);
  }

  /** Routes of a session whose peer is gone: nobody will tell them again. */
  letGo(name: string): void {
    this.#stale.cancel(name);
    this.rib.sweep(name, [4, 6]);
    this.wake();
  }

  /** How long stale routes of the session are kept at most; undefined: there are none. */
  keptSeconds(name: string): number | undefined {
    const leftMs = this.#stale.left(name);
    return leftMs === undefined ? undefined : Math.ceil(leftMs / 1000);
  }

  /** Sessions that the configuration has ended and of which something is kept. */
  get retired(): readonly RetiredStatus[] {
    return [...this.#stale.names].flatMap((session) => {
      if (!this.rib.isRetired(session)) return [];
      return [{ session, prefixes: this.rib.staleCount(session), seconds: this.keptSeconds(session) ?? 0 }];
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#deferralTimer?.cancel();
    this.#stale.cancelAll();
  }

  established(session: Session, negotiated: Negotiated): void {
    const { name } = session;
    this.#established.set(session, negotiated);
    // A peer that the configuration has parted from us has not restarted: it forwards as before, and its time goes on.
    const hasRestarted = !this.rib.isRetired(name);
    this.rib.sessionUp(this.#ribSession(session, negotiated));
    if (hasRestarted) this.#stale.cancel(name);
    if (hasRestarted && this.rib.staleCount(name) > 0) {
      this.rib.sweep(name, droppedAtReturn([4, 6], negotiated));
      this.#stale.set(name, STALE_MS);
    }
    this.#firstTables.begin(name, negotiated);
    this.#deferral?.established(name, negotiated);
    this.wake();
  }

  lost(session: Session, ending: Ending, negotiated: Negotiated): void {
    const { name } = session;
    this.#established.delete(session);
    this.#firstTables.forget(name);
    // Whoever stops a session says what becomes of its routes.
    if (ending.cause === "stopped") return;
    const kept = keptAfterLoss(ending, negotiated);
    const { restartTimeSeconds = 0 } = negotiated.gracefulRestart ?? {};
    if (kept.length > 0 && isRetiredByPeer(ending)) {
      this.#retire(name, kept, Math.min(RETIRED_SECONDS, restartTimeSeconds));
    } else {
      this.rib.sessionDown(name, kept);
      if (kept.length > 0) this.#stale.set(name, restartTimeSeconds * 1000);
    }
    this.wake();
  }

  update(session: Session, update: Update): void {
    const { name } = session;
    this.rib.update(name, update);
    if (update.endOfRib) {
      this.#deferral?.ended(name, update.endOfRib);
      this.#firstTables.end(name, update.endOfRib);
      if (this.rib.staleCount(name) === 0) this.#stale.cancel(name);
    }
    this.#limit(session);
  }

  #limit(session: Session): void {
    const { name, config } = session;
    const { maxPrefixes } = config;
    if (maxPrefixes === undefined || this.rib.receivedCount(name) <= maxPrefixes) return;
    session.fail(cease(CeaseReason.maximumPrefixes), `the peer told more than ${maxPrefixes} prefixes`);
  }

  refresh({ name }: Session, { family, subtype }: RouteRefresh): void {
    if (subtype === "request") this.rib.refresh(name, family);
    else if (this.#firstTables.isUnended(name, family)) return;
    else if (subtype === "begin") this.rib.markStale(name, family);
    else this.rib.sweep(name, [family]);
  }

  readable(session: Session): void {
    this.#readable.add(session);
    this.wake();
  }

  writable(): void {
    this.wake();
  }

  /** Begins the loop in a later turn, so that what comes together is worked on together. */
  wake(): void {
    if (this.#isWorking || this.#isClosed) return;
    this.#isWorking = true;
    void this.#work();
  }

  async #work(): Promise<void> {
    const { clock } = this.#deps;
    do await clock.yield();
    while (!this.#isClosed && this.#turn());
    this.#isWorking = false;
  }

  /** Whether there is more to do. */
  #turn(): boolean {
    const { clock } = this.#deps;
    let isMore = this.#takeIn(new TurnBudget(clock, STRETCH_MS));
    if (this.#deferral) return isMore;
    const budget = new TurnBudget(clock, STRETCH_MS);
    while (this.#send(budget)) {
      isMore = true;
      if (budget.isSpent) break;
      this.rib.work(PREFIXES);
    }
    // What no session is told made room as well.
    return isMore || this.rib.hasWork;
  }

  /** Reads and decides until the budget is spent, or nothing is left to do; whether there is more, or nobody knows. */
  #takeIn(budget: TurnBudget): boolean {
    for (;;) {
      let isMore = this.#read(budget);
      if (!this.#deferral && this.#decide(!isMore)) isMore = true;
      if (!isMore) return false;
      if (budget.isSpent) return true;
    }
  }

  /** Whether something was decided, and there may be more. */
  #decide(isAllRead: boolean): boolean {
    const isMore = this.rib.work(PREFIXES);
    const changes = this.rib.takeChanges(PREFIXES);
    if (changes.length > 0) {
      this.#sink?.(changes);
      return true;
    }
    if (isAllRead && !isMore && !this.#isSettled) {
      this.#isSettled = true;
      this.settled();
    }
    return isMore;
  }

  /** Each session with something to read has its turn; those that are left out come first the next time. */
  #read(budget: TurnBudget): boolean {
    let read = 0;
    for (const session of this.#readable) {
      if (read >= OCTETS_TOGETHER || budget.isSpent) break;
      this.#readable.delete(session);
      if (session.read(OCTETS)) this.#readable.add(session);
      read += OCTETS;
    }
    return this.#readable.size > 0;
  }

  /** The same for those that are to be told something; whether somebody was, or is still to be asked. */
  #send(budget: TurnBudget): boolean {
    let isMore = false;
    for (const [session, negotiated] of [...this.#established]) {
      if (budget.isSpent) return true;
      this.#established.delete(session);
      this.#established.set(session, negotiated);
      if (this.#sendTo(session, negotiated)) isMore = true;
    }
    return isMore;
  }

  #sendTo(session: Session, negotiated: Negotiated): boolean {
    const waiting = session.stream?.pendingOctets;
    if (waiting === undefined || waiting > MOST_WAITING_OCTETS) return false;
    const batch = this.rib.next(session.name, PREFIXES);
    if (!batch) return false;
    const { octets, messages, unsendable } = this.#encoder.encode(batch, negotiated);
    session.record.counters.unsendable += unsendable;
    session.send(octets, messages);
    return true;
  }

  #ribSession(session: Session, negotiated: Negotiated) {
    const { surroundings } = this.#deps;
    return ribSessionOf(session.config, negotiated, {
      routerId: this.#routerId,
      local: session.stream?.local.address,
      ownAddress: (family: Family) => surroundings.ownAddress(family),
    });
  }
}
