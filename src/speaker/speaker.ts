/**
 * A BGP speaker: sessions and listeners under one configuration, which may change at any time. What is configured is compared
 * with what runs, and only the difference is carried out. Routes are the business of `Exchange`.
 */
import type { SessionConfig, SpeakerConfig } from "../bgp/config.ts";
import { CeaseReason } from "../bgp/message/iana.ts";
import { cease } from "../bgp/message/notification-text.ts";
import type { Rib } from "../bgp/rib/rib.ts";
import type { BestChange } from "../bgp/rib/types.ts";
import type { Negotiated } from "../bgp/session/negotiate.ts";
import { type Family, formatAddress, type IpAddress, ipv4Of } from "../ip/address.ts";
import type { BgpStream, BgpTransport } from "../port/bgp-transport.ts";
import type { WallClock } from "../port/clock.ts";
import type { Random } from "../port/random.ts";
import { differenceOf } from "./difference.ts";
import { Exchange, type ExchangeDeps } from "./exchange.ts";
import { Listeners } from "./listeners.ts";
import { MessageTap } from "./message-tap.ts";
import { identityOf, problemsOf } from "./problems.ts";
import { refuseStream } from "./refuse-stream.ts";
import { Session, type SessionDeps } from "./session.ts";
import { addTotals, noTotals } from "./session-record.ts";
import type { SessionStatus, SpeakerStatus } from "./types.ts";
import { unanswered } from "./unanswered.ts";

export interface SpeakerDeps extends ExchangeDeps {
  readonly transport: BgpTransport;
  readonly wallClock: WallClock;
  readonly random: Pick<Random, "fraction">;
  /** RFC 4724: families whose routes the kernel goes on using while this process is away. */
  readonly forwarding: readonly Family[];
  /** It was away just now: how long at most its peers are waited for before routes are chosen. Left out: a first start. */
  readonly deferralSeconds?: number;
}

const nothing: SpeakerConfig = { localAs: 0, routerId: ipv4Of(0), sessions: new Map(), originated: new Map() };

export class Speaker {
  readonly messages = new MessageTap();
  readonly #deps: SpeakerDeps;
  readonly #sessionDeps: SessionDeps;
  readonly #listeners: Listeners;
  readonly #exchange: Exchange;
  readonly #sessions = new Map<string, Session>();
  #config = nothing;
  #isRestarting: boolean;
  /** Of sessions that are configured no longer. */
  #past = noTotals;
  #strangers = 0;
  #lastStranger: IpAddress | undefined;

  constructor(deps: SpeakerDeps) {
    const { transport, clock, wallClock, log, random, forwarding } = deps;
    this.#deps = deps;
    this.#isRestarting = deps.deferralSeconds !== undefined;
    this.#exchange = new Exchange(deps, nothing.routerId);
    this.#listeners = new Listeners(deps, (stream) => this.#incoming(stream));
    this.#sessionDeps = {
      ...{ transport, clock, wallClock, log, attributes: this.#exchange.attributes, tap: this.messages },
      chance: () => random.fraction(),
      cameUp: (session, negotiated) => this.#warnOfTwins(session, negotiated),
      facts: () => ({
        routerId: this.#config.routerId,
        restart: { isRestarting: this.#isRestarting, forwarding },
      }),
    };
  }

  /** Learned routes to use, as they change, all of them at first. Nothing is told while a restart is deferred. */
  onBest(sink: (changes: readonly BestChange[]) => void): void {
    this.#exchange.sink = sink;
  }

  /**
   * Told once: after a restart, all that the peers told is told on by now; routes that an earlier run left in the kernel and
   * that were not among it may go.
   */
  onSettled(sink: () => void): void {
    this.#exchange.settled = sink;
  }

  /**
   * Idempotent. Sessions that did not change stay up; another filter is applied to what is known. What the others told goes on
   * being used for a while, or until it is told again.
   */
  configure(config: SpeakerConfig): void {
    const before = this.#config;
    const isSame = before.routerId === config.routerId;
    this.#remove(isSame ? config.sessions : nothing.sessions);
    if (!isSame) this.#exchange.setRouterId(config.routerId);
    this.#config = config;
    if (before === nothing && this.#isRestarting) this.#defer(config);
    this.#originate(before.originated, config.originated);
    for (const session of config.sessions.values()) this.#configureSession(session);
    this.#listeners.configure(config.listen, config.sessions.values());
    this.#exchange.wake();
  }

  /** Routes of sessions that are configured no longer go at once: their peers are no more. */
  letGo(names: Iterable<string>): void {
    for (const name of names) if (!this.#sessions.has(name)) this.#exchange.letGo(name);
  }

  /** How long routes are kept at most that a session has told before it was lost or removed; undefined: there are none. */
  keptSeconds(name: string): number | undefined {
    return this.#exchange.keptSeconds(name);
  }

  /** RFC 2918: asks the peer to tell everything again; false: it is not established, or does not know how. */
  refresh(name: string): boolean {
    const session = this.#sessions.get(name);
    const negotiated = session && this.#exchange.negotiatedOf(session);
    if (!session || !negotiated?.routeRefresh) return false;
    for (const family of negotiated.families) {
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
    this.#exchange.rib.nextHopChanged(address);
    this.#exchange.wake();
  }

  /** Whether any session is established. */
  get hasPeers(): boolean {
    return this.#exchange.hasPeers;
  }

  /** What the tables know, for people; may be asked in slices while routes come and go. */
  get tables(): Pick<Rib, "prefixes" | "why" | "whyTold"> {
    return this.#exchange.rib;
  }

  /** Names of the established sessions whose peers' hosts answer nothing at this moment. */
  unanswered(): Promise<readonly string[]> {
    return unanswered([...this.#sessions.values()], this.#deps.clock);
  }

  status(): SpeakerStatus {
    const all = [...this.#sessions.values()];
    const problems = problemsOf(
      all.map((session) => ({ config: session.config, negotiated: this.#exchange.negotiatedOf(session) })),
      (address) => this.#deps.surroundings.isOwnAddress(address),
    );
    const last = this.#lastStranger;
    return {
      sessions: all.map((session) => this.#statusOf(session, problems.get(session.name) ?? [])),
      totals: all.reduce((sum, { record }) => addTotals(sum, record.totals), this.#past),
      listeners: this.#listeners.status,
      strangers: { count: this.#strangers, ...(last === undefined ? {} : { last }) },
      waitsFor: this.#exchange.waitsFor,
      retired: this.#exchange.retired,
    };
  }

  /**
   * Ends every session. With `restart`, peers that agreed on graceful restart are told nothing and keep our routes; the others,
   * and with `shutdown` all, are told that we go.
   */
  close(how: "restart" | "shutdown"): void {
    this.#listeners.close();
    for (const session of this.#sessions.values()) {
      const isKept = how === "restart" && this.#exchange.negotiatedOf(session)?.gracefulRestart !== undefined;
      session.stop(
        "the speaker ends",
        isKept ? undefined : cease(CeaseReason.administrativeShutdown, "the speaker ends"),
      );
    }
    this.#sessions.clear();
    this.#exchange.close();
  }

  #defer({ sessions }: SpeakerConfig): void {
    this.#exchange.defer(sessions.values(), this.#deps.deferralSeconds ?? 0, () => {
      this.#isRestarting = false;
    });
  }

  #originate(before: SpeakerConfig["originated"], after: SpeakerConfig["originated"]): void {
    const { rib } = this.#exchange;
    for (const prefix of before.keys()) if (!after.has(prefix)) rib.originate(prefix, undefined);
    for (const [prefix, origination] of after) {
      if (before.get(prefix) !== origination) rib.originate(prefix, origination);
    }
  }

  #remove(wanted: SpeakerConfig["sessions"]): void {
    for (const session of [...this.#sessions.values()]) {
      if (!wanted.has(session.name)) this.#drop(session, "it is configured no longer", CeaseReason.peerDeconfigured);
    }
  }

  #drop(session: Session, why: string, reason: number): void {
    session.stop(why, cease(reason));
    this.#exchange.retire(session);
    this.#past = addTotals(this.#past, session.record.totals);
    this.#sessions.delete(session.name);
  }

  #configureSession(config: SessionConfig): void {
    const session = this.#sessions.get(config.name);
    const difference = session ? differenceOf(session.config, config) : "reopen";
    if (session && difference === "soft") {
      session.config = config;
      this.#exchange.reconfigure(session);
    }
    if (difference !== "reopen") return;
    if (session) this.#drop(session, "its configuration has changed", CeaseReason.otherConfigurationChange);
    const opened = new Session(config, this.#sessionDeps, this.#exchange);
    this.#sessions.set(config.name, opened);
    opened.start();
  }

  #incoming(stream: BgpStream): void {
    const session = this.#sessionFor(stream);
    if (session) session.accept(stream);
    else this.#refuse(stream);
  }

  /** Peers of one router id take each other's routes for loops, and may not even have a session that would tell them. */
  #warnOfTwins(session: Session, negotiated: Negotiated): void {
    const known = { config: session.config, negotiated };
    for (const other of this.#sessions.values()) {
      const its = this.#exchange.negotiatedOf(other);
      // Of a thousand sessions nearly all differ here.
      if (other === session || its?.peerRouterId !== negotiated.peerRouterId) continue;
      if (identityOf({ config: other.config, negotiated: its }) !== identityOf(known)) continue;
      const fields = { sessions: [session.name, other.name], routerId: formatAddress(negotiated.peerRouterId) };
      this.#deps.log.warn("two peers have one router id", fields);
    }
  }

  #refuse(stream: BgpStream): void {
    const from = stream.remote.address;
    if (this.#lastStranger !== from) {
      const fields = { address: formatAddress(from), local: formatAddress(stream.local.address) };
      this.#deps.log.info("a BGP connection from an address that is no peer's was refused", fields);
    }
    this.#strangers++;
    this.#lastStranger = from;
    refuseStream(stream);
  }

  #sessionFor({ remote, local }: BgpStream): Session | undefined {
    for (const session of this.#sessions.values()) {
      const { peer, localAddress = local.address } = session.config;
      if (peer.address === remote.address && localAddress === local.address) return session;
    }
    return undefined;
  }

  #statusOf(session: Session, problems: readonly string[]): SessionStatus {
    const { name, config, state, stream } = session;
    const { rib } = this.#exchange;
    return {
      name,
      peer: config.peer,
      localAs: config.localAs,
      passive: config.passive,
      state: state.name,
      ...(stream ? { local: stream.local } : {}),
      ...("negotiated" in state ? { negotiated: state.negotiated } : {}),
      ...session.record.status,
      receivedPrefixes: rib.receivedCount(name),
      stalePrefixes: rib.staleCount(name),
      toldPrefixes: rib.toldCount(name),
      waitingOctets: stream?.pendingOctets ?? 0,
      problems,
    };
  }
}
