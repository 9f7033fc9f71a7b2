/**
 * A BGP speaker: sessions, tables and listeners under one configuration, which may change at any time. All work on routes is
 * done in one loop, in slices, so that neither a full table nor a slow peer keeps the event loop, or other peers, waiting:
 *
 *     streams ─▶ read ─▶ Rib ─▶ work ─▶ onBest
 *                                └────▶ next ─▶ encode once ─▶ streams that have room
 */
import type { SessionConfig, SpeakerConfig } from "../bgp/config.ts";
import { AttributeTable } from "../bgp/message/attribute-table.ts";
import { CeaseReason } from "../bgp/message/iana.ts";
import { encodeMessage } from "../bgp/message/message-codec.ts";
import type { RouteRefresh, Update } from "../bgp/message/types.ts";
import { Rib } from "../bgp/rib/rib.ts";
import type { BestChange, RibSession } from "../bgp/rib/types.ts";
import { droppedAtReturn, keptAfterLoss } from "../bgp/session/graceful.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import { cease } from "../bgp/session/notification.ts";
import type { Ending } from "../bgp/session/types.ts";
import { type Family, formatAddress, type IpAddress, type Ipv4, ipv4Of } from "../ip/address.ts";
import { TurnBudget } from "../kernel/turn-budget.ts";
import type { BgpStream, BgpTransport } from "../port/bgp-transport.ts";
import type { Clock, Timer, WallClock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Random } from "../port/random.ts";
import { BatchEncoder } from "./batch-encoder.ts";
import { Deferral } from "./deferral.ts";
import { differenceOf } from "./difference.ts";
import { Listeners } from "./listeners.ts";
import { problemsOf } from "./problems.ts";
import { ribSessionOf } from "./rib-session.ts";
import { Session, type SessionHooks } from "./session.ts";
import { Timers } from "./timers.ts";
import type { SessionStatus, SpeakerStatus } from "./types.ts";

/** What the speaker asks of the host that it runs on. */
export interface Surroundings {
  /** RFC 4271 section 9.1.2.1: cost to a next hop; undefined: it cannot be reached. */
  costOf(nextHop: IpAddress): number | undefined;
  isOwnAddress(address: IpAddress): boolean;
  /** Next hop for routes of a family that the session itself does not run over. */
  ownAddress(family: Family): IpAddress | undefined;
}

export interface SpeakerDeps {
  readonly transport: BgpTransport;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Pick<Random, "fraction">;
  readonly log: Log;
  readonly surroundings: Surroundings;
  /** Routes to one prefix that are used beside each other. */
  readonly maxPaths: number;
  /**
   * RFC 4724: families whose routes the kernel keeps while this process is away, and, when it was away just now, how long to
   * wait at most for the peers before routes are chosen.
   */
  readonly forwarding: readonly Family[];
  readonly deferralSeconds?: number;
}

/** Of each slice, so that every stage has its turn. */
const MESSAGES = 64;
const PREFIXES = 512;
/** A peer that has so much to read is given no more for now. */
const MOST_WAITING_OCTETS = 1 << 18;
/** RFC 4724 section 4.2: how long a peer that is back may take to tell everything again. */
const STALE_MS = 360_000;

export class Speaker {
  readonly #deps: SpeakerDeps;
  readonly #attributes = new AttributeTable();
  readonly #encoder = new BatchEncoder();
  readonly #listeners: Listeners;
  readonly #sessions = new Map<string, Session>();
  readonly #stale: Timers<string>;
  readonly #readable = new Set<Session>();
  readonly #established = new Map<Session, { negotiated: Negotiated; rib: RibSession }>();
  readonly #hooks: SessionHooks;
  #config: SpeakerConfig = { localAs: 0, routerId: ipv4Of(0), sessions: new Map(), originated: new Map() };
  #rib: Rib;
  #sink: (changes: readonly BestChange[]) => void = () => undefined;
  #deferral: Deferral | undefined;
  #deferralTimer: Timer | undefined;
  #isRestarting: boolean;
  #isWorking = false;
  #isClosed = false;
  #strangers = 0;
  #lastStranger: IpAddress | undefined;

  constructor(deps: SpeakerDeps) {
    this.#deps = deps;
    this.#isRestarting = deps.deferralSeconds !== undefined;
    this.#listeners = new Listeners(deps, (stream) => this.#incoming(stream));
    this.#stale = new Timers(deps.clock, (name) => this.#sweep(name));
    this.#rib = this.#newRib(ipv4Of(0));
    this.#hooks = {
      established: (session, negotiated) => this.#onEstablished(session, negotiated),
      lost: (session, ending, negotiated) => this.#onLost(session, ending, negotiated),
      update: (session, update) => this.#onUpdate(session, update),
      refresh: (session, message) => this.#onRefresh(session, message),
      readable: (session) => {
        this.#readable.add(session);
        this.#wake();
      },
      writable: () => this.#wake(),
    };
  }

  /** Learned routes to use, as they change, all of them at first. Nothing is told while a restart is deferred. */
  onBest(sink: (changes: readonly BestChange[]) => void): void {
    this.#sink = sink;
  }

  /** Idempotent. Sessions that did not change stay up; another filter is applied to what is known. */
  configure(config: SpeakerConfig): void {
    const before = this.#config;
    const isFirst = before.localAs === 0;
    if (config.routerId !== before.routerId) this.#renew(config.routerId);
    const originated = config.routerId === before.routerId ? before.originated : new Map();
    this.#config = config;
    this.#originate(originated, config.originated);
    this.#remove(config.sessions);
    for (const session of config.sessions.values()) this.#configureSession(session);
    this.#listeners.configure(config.listen, config.sessions.values());
    if (isFirst && this.#isRestarting) this.#defer(config);
    this.#wake();
  }

  /** RFC 2918: asks the peer to tell everything again; false: it is not established or does not know how. */
  refresh(name: string): boolean {
    const session = this.#sessions.get(name);
    const state = session && this.#established.get(session);
    if (!session || !state?.negotiated.routeRefresh) return false;
    for (const family of state.negotiated.families) {
      session.sendRefresh({ type: "routeRefresh", family, subtype: "request" });
    }
    return true;
  }

  /** RFC 9003: ends the session with a text for the people on the other side; it comes again after a rest. */
  reset(name: string, text: string): void {
    this.#sessions.get(name)?.fail(cease(CeaseReason.administrativeReset, text), `reset: ${text}`);
  }

  /** The way to a next hop has changed. */
  nextHopChanged(address: IpAddress): void {
    this.#rib.nextHopChanged(address);
    this.#wake();
  }

  status(): SpeakerStatus {
    const problems = problemsOf(
      [...this.#sessions.values()].map((session) => ({
        config: session.config,
        negotiated: this.#established.get(session)?.negotiated,
      })),
    );
    return {
      sessions: [...this.#sessions.values()].map((session) =>
        this.#statusOf(session, problems.get(session.name) ?? []),
      ),
      listeners: this.#listeners.status,
      strangers: {
        count: this.#strangers,
        ...(this.#lastStranger === undefined ? {} : { last: this.#lastStranger }),
      },
      waitsFor: this.#deferral?.waitsFor ?? [],
    };
  }

  /**
   * Ends every session. `restart`: peers that agreed on graceful restart are told nothing and keep our routes; the others, and
   * with `shutdown` all, are told that we go.
   */
  close(how: "restart" | "shutdown"): void {
    this.#isClosed = true;
    this.#listeners.close();
    this.#deferralTimer?.cancel();
    for (const session of this.#sessions.values()) {
      const isKept = how === "restart" && this.#established.get(session)?.negotiated.gracefulRestart !== undefined;
      session.stop("this speaker ends", isKept ? undefined : cease(CeaseReason.administrativeShutdown, "speaker ends"));
    }
    this.#stale.cancelAll();
    this.#sessions.clear();
  }

  #newRib(routerId: Ipv4): Rib {
    const { surroundings, maxPaths } = this.#deps;
    const world = {
      attributes: this.#attributes,
      costOf: (nextHop: IpAddress) => surroundings.costOf(nextHop),
      isOwnAddress: (address: IpAddress) => surroundings.isOwnAddress(address),
    };
    return new Rib(world, { routerId, maxPaths });
  }

  /** Another router id: all sessions and tables are of the one before. */
  #renew(routerId: Ipv4): void {
    this.#remove(new Map());
    this.#rib = this.#newRib(routerId);
  }

  #originate(before: SpeakerConfig["originated"], after: SpeakerConfig["originated"]): void {
    for (const prefix of before.keys()) if (!after.has(prefix)) this.#rib.originate(prefix, undefined);
    for (const [prefix, origination] of after) {
      if (before.get(prefix) !== origination) this.#rib.originate(prefix, origination);
    }
  }

  #remove(wanted: ReadonlyMap<string, SessionConfig>): void {
    for (const session of [...this.#sessions.values()]) {
      if (wanted.has(session.name)) continue;
      this.#drop(session, "it is configured no longer", CeaseReason.peerDeconfigured);
      this.#deferral?.removed(session.name);
    }
  }

  #drop(session: Session, why: string, reason: number): void {
    session.stop(why, cease(reason));
    this.#stale.cancel(session.name);
    this.#rib.sessionDown(session.name, []);
    this.#readable.delete(session);
    this.#sessions.delete(session.name);
  }

  #configureSession(config: SessionConfig): void {
    const session = this.#sessions.get(config.name);
    const difference = session ? differenceOf(session.config, config) : "reopen";
    if (difference === "same") return;
    if (session && difference === "soft") {
      session.config = config;
      const state = this.#established.get(session);
      if (!state) return;
      state.rib = this.#ribSession(session, state.negotiated);
      this.#rib.configure(state.rib);
      return;
    }
    if (session) this.#drop(session, "its configuration has changed", CeaseReason.otherConfigurationChange);
    const { transport, clock, wallClock, log, random, forwarding } = this.#deps;
    const deps = {
      ...{ transport, clock, wallClock, log, attributes: this.#attributes },
      chance: () => random.fraction(),
      facts: () => ({
        routerId: this.#config.routerId,
        restart: { isRestarting: this.#isRestarting, forwarding },
      }),
    };
    const opened = new Session(config, deps, this.#hooks);
    this.#sessions.set(config.name, opened);
    opened.start();
  }

  #defer({ sessions }: SpeakerConfig): void {
    this.#deferral = new Deferral(sessions.values());
    const { clock, deferralSeconds = 0 } = this.#deps;
    this.#deferralTimer = clock.after(deferralSeconds * 1000, () => {
      this.#deferral?.giveUp();
      this.#wake();
    });
  }

  #incoming(stream: BgpStream): void {
    const session = this.#sessionFor(stream);
    if (session) {
      session.accept(stream);
      return;
    }
    const from = stream.remote.address;
    if (this.#lastStranger !== from) {
      const fields = { address: formatAddress(from), local: formatAddress(stream.local.address) };
      this.#deps.log.info("a BGP connection from an address that is no peer's was refused", fields);
    }
    this.#strangers++;
    this.#lastStranger = from;
    stream.start({ data: () => undefined, drained: () => undefined, closed: () => undefined });
    stream.write(encodeMessage(cease(CeaseReason.connectionRejected)));
    stream.end();
  }

  #sessionFor({ remote, local }: BgpStream): Session | undefined {
    for (const session of this.#sessions.values()) {
      const { peer, localAddress } = session.config;
      if (peer.address === remote.address && (localAddress ?? local.address) === local.address) return session;
    }
    return undefined;
  }

  #ribSession(session: Session, negotiated: Negotiated): RibSession {
    const local = session.stream?.local.address;
    return ribSessionOf(session.config, negotiated, {
      routerId: this.#config.routerId,
      local,
      ownAddress: (family) => this.#deps.surroundings.ownAddress(family),
    });
  }

  #onEstablished(session: Session, negotiated: Negotiated): void {
    const { name } = session;
    const rib = this.#ribSession(session, negotiated);
    this.#established.set(session, { negotiated, rib });
    this.#rib.sessionUp(rib);
    this.#deferral?.established(name, negotiated);
    const stale = this.#rib.staleCount(name) > 0 ? session.config.families : [];
    this.#stale.cancel(name);
    if (stale.length === 0) return;
    this.#rib.sweep(name, droppedAtReturn(stale, negotiated));
    this.#stale.set(name, STALE_MS);
  }

  #onLost(session: Session, ending: Ending, negotiated: Negotiated): void {
    this.#established.delete(session);
    const kept = keptAfterLoss(ending, negotiated);
    this.#rib.sessionDown(session.name, kept);
    const { restartTimeSeconds = 0 } = negotiated.gracefulRestart ?? {};
    if (kept.length > 0) this.#stale.set(session.name, restartTimeSeconds * 1000);
    this.#wake();
  }

  #sweep(name: string): void {
    this.#rib.sweep(name, [4, 6]);
    this.#wake();
  }

  #onUpdate(session: Session, update: Update): void {
    const { name, config } = session;
    this.#rib.update(name, update);
    if (update.endOfRib) this.#deferral?.ended(name, update.endOfRib);
    const { maxPrefixes } = config;
    if (maxPrefixes === undefined || this.#rib.receivedCount(name) <= maxPrefixes) return;
    session.fail(cease(CeaseReason.maximumPrefixes), `the peer told more than ${maxPrefixes} prefixes`);
  }

  #onRefresh(session: Session, { family, subtype }: RouteRefresh): void {
    const state = this.#established.get(session);
    if (!state) return;
    if (subtype === "begin") this.#rib.markStale(session.name, family);
    else if (subtype === "end") this.#rib.sweep(session.name, [family]);
    else {
      if (state.negotiated.enhancedRouteRefresh)
        session.sendRefresh({ type: "routeRefresh", family, subtype: "begin" });
      this.#rib.refresh(session.name, family);
    }
    this.#wake();
  }

  /** Begins the loop in a later turn, so that what comes together is worked on together. */
  #wake(): void {
    if (this.#isWorking || this.#isClosed) return;
    this.#isWorking = true;
    void this.#work();
  }

  async #work(): Promise<void> {
    const budget = new TurnBudget(this.#deps.clock);
    await budget.rest();
    while (!this.#isClosed && this.#slice()) if (budget.isSpent) await budget.rest();
    this.#isWorking = false;
  }

  /** One piece of every stage; whether there is more to do. */
  #slice(): boolean {
    let isMore = false;
    for (const session of [...this.#readable]) {
      if (session.read(MESSAGES)) isMore = true;
      else this.#readable.delete(session);
    }
    if (this.#isDeferred) return isMore;
    if (this.#rib.work(PREFIXES)) isMore = true;
    const changes = this.#rib.takeChanges(PREFIXES);
    if (changes.length > 0) {
      this.#sink(changes);
      isMore = true;
    }
    for (const [session, { negotiated }] of this.#established) if (this.#send(session, negotiated)) isMore = true;
    return isMore;
  }

  get #isDeferred(): boolean {
    if (!this.#deferral) return false;
    if (!this.#deferral.isOver) return true;
    this.#deferral = undefined;
    this.#deferralTimer?.cancel();
    this.#isRestarting = false;
    this.#deps.log.info("routes are chosen again after the restart");
    return false;
  }

  #send(session: Session, negotiated: Negotiated): boolean {
    const waiting = session.stream?.pendingOctets;
    if (waiting === undefined || waiting > MOST_WAITING_OCTETS) return false;
    const batch = this.#rib.next(session.name, PREFIXES);
    if (!batch) return false;
    const { octets, messages, unsendable } = this.#encoder.encode(batch, negotiated);
    session.record.counters.unsendable += unsendable;
    session.send(octets, messages);
    return true;
  }

  #statusOf(session: Session, problems: readonly string[]): SessionStatus {
    const { name, config, state, stream } = session;
    return {
      name,
      peer: config.peer,
      state: state.name,
      ...(stream ? { local: stream.local } : {}),
      ...("negotiated" in state ? { negotiated: state.negotiated } : {}),
      ...session.record.status,
      receivedPrefixes: this.#rib.receivedCount(name),
      stalePrefixes: this.#rib.staleCount(name),
      waitingOctets: stream?.pendingOctets ?? 0,
      problems,
    };
  }
}
