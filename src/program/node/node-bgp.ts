/**
 * BGP in an agent:
 *
 *   compile ─▶ SpeakerPieces ─▶ Speaker ─▶ best routes ─▶ LearnedRoutes ─▶ dataplane, under `learned PREFIX`
 *   secrets on disk ──┘            ▲                          ▲
 *   host's routes ─────────────────┴── where next hops lead ──┘
 *
 * The speaker is configured when a pass has settled: what the store has is compiled then as far as it goes. While the store
 * has vouched for nothing it is what it was last, from this node's disk. What is heard then is in no pool that is known, so
 * nothing new comes of it, and what was learned before stays until there is something to decide by.
 */

import type { SpeakerConfig } from "../../bgp/config.ts";
import { isEndDeleted } from "../../compile/bgp/deleted-end.ts";
import type { SessionPiece } from "../../compile/bgp/pieces.ts";
import { isWorkloadSession, speakingPodDevice } from "../../compile/bgp/workload-sessions.ts";
import type { Fragment } from "../../compile/fragment.ts";
import { type CompileKey, keys } from "../../compile/keys.ts";
import type { RouteItem } from "../../compile/node-state.ts";
import { isIgnored } from "../../compile/routing/ignored-interfaces.ts";
import type { LearnedDecision } from "../../compile/routing/learned.ts";
import { NextHops } from "../../compile/routing/next-hops.ts";
import type { Agent, BgpSide } from "../../dataplane/agent.ts";
import { HostRoutes } from "../../dataplane/host-routes.ts";
import type { IpAddress } from "../../ip/address.ts";
import type { PrefixCode } from "../../ip/prefix-code.ts";
import type { LinkTable } from "../../kernel/link-table.ts";
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import type { BgpTransport } from "../../port/bgp-transport.ts";
import type { Clock, Timer, WallClock } from "../../port/clock.ts";
import type { Log } from "../../port/log.ts";
import type { Random } from "../../port/random.ts";
import { LearnedRoutes } from "../../rib/learned-routes.ts";
import { type Passwords, SpeakerPieces } from "../../rib/speaker-pieces.ts";
import { Speaker } from "../../speaker/speaker.ts";
import type { SpeakerStatus } from "../../speaker/types.ts";
import type { BgpKeeper } from "./bgp-keeper.ts";
import { BgpNotes } from "./bgp-notes.ts";

export interface NodeBgpDeps {
  readonly rtnetlink: Rtnetlink;
  readonly links: LinkTable;
  /** Whether a route of the main table is ours. */
  readonly ownsRoute: (route: RouteItem) => boolean;
  readonly transport: BgpTransport;
  readonly password: Passwords;
  readonly keeper: BgpKeeper;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Pick<Random, "fraction">;
  readonly log: Log;
  readonly turn: <T>(name: string, work: () => T) => T;
  /** Whether an interface of this host has the address. */
  readonly isOwnAddress: (address: IpAddress) => boolean;
}

/** BIRD's `merge paths`, as Calico has it. */
const MAX_PATHS = 16;
/** RFC 4724: as long as peers keep our routes, in Calico's configuration of BIRD. */
const DEFERRAL_SECONDS = 120;
/** Prefixes that are decided in one slice. */
const SLICE = 500;
/** A secret that is missing is looked for again after this. */
const SECRETS_MS = 5_000;

export class NodeBgp implements BgpSide {
  readonly #deps: NodeBgpDeps;
  /** As compiled, and what the speaker is made of: the same once the store has vouched for it. */
  readonly #pieces = new SpeakerPieces();
  #source = this.#pieces;
  readonly #reach: NextHops;
  #agent: Agent | undefined;
  #speaker: Speaker | undefined;
  #learned: LearnedRoutes | undefined;
  #hostRoutes: HostRoutes | undefined;
  /** Prefixes that were decided, since ever. */
  #decided = 0;
  /** What each configured session is made of. */
  #opened: ReadonlyMap<string, SessionPiece> = new Map();
  #isStale = false;
  /** Whether it was looked for what the last run left. */
  #hasGoneOn = false;
  /** The speaker has told all that there was to be learned after a restart. */
  #hasLearned = false;
  #flushing: Promise<void> | undefined;
  #secrets: Timer | undefined;
  readonly #notes: BgpNotes;
  #since: Date | undefined;
  #configured: { readonly at: Date; readonly config: SpeakerConfig } | undefined;
  #isClosed = false;

  constructor(deps: NodeBgpDeps) {
    this.#deps = deps;
    this.#notes = new BgpNotes(deps.log);
    this.#reach = new NextHops({ leavesOut: (route) => this.#saysNothing(route) });
  }

  /** Works for this agent from now on. Resolves when the host's routes are known. Throws KernelError. */
  async start(agent: Agent): Promise<void> {
    const { rtnetlink, links, clock, log, ownsRoute } = this.#deps;
    this.#agent = agent;
    this.#learned = new LearnedRoutes({ view: agent.view, owns: ownsRoute });
    this.#speaker = this.#newSpeaker(agent);
    this.#since = this.#deps.wallClock.now();
    this.#hostRoutes = new HostRoutes(
      { rtnetlink, links, clock, log },
      {
        set: (route) => this.#routeSet(route),
        gone: (route) => this.#routeGone(route),
      },
    );
    await this.#hostRoutes.start();
  }

  #newSpeaker(agent: Agent): Speaker {
    const { transport, clock, wallClock, random, log, isOwnAddress } = this.#deps;
    const speaker = new Speaker({
      transport,
      clock,
      wallClock,
      random,
      log,
      maxPaths: MAX_PATHS,
      surroundings: {
        costOf: (nextHop) => this.#costOf(nextHop),
        nextHopUnused: (nextHop) => this.#reach.release(nextHop),
        isOwnAddress,
        ownAddress: (family) => (family === 4 ? agent.view.ownNode?.ipv4 : agent.view.ownNode?.ipv6)?.address,
      },
      forwarding: [4, 6],
      ...(agent.hasLearned ? { deferralSeconds: DEFERRAL_SECONDS } : {}),
    });
    speaker.onBest((changes) => {
      for (const { prefix, routes } of changes) {
        this.#learned?.best(
          prefix,
          routes.map(({ attributes }) => attributes.nextHop),
        );
      }
      this.#wake();
    });
    speaker.onSettled(() => {
      this.#hasLearned = true;
      this.#letGoLearned();
    });
    return speaker;
  }

  /** What was learned last comes to the dataplane first: nothing is let go that is about to be wanted. */
  #letGoLearned(): void {
    const agent = this.#agent;
    if (this.#hasLearned && agent?.isInSync) void this.#flushed().then(() => agent.routesLearned());
  }

  /** Speaks as the last run did, while the store is away. */
  goesOn(): void {
    if (this.#hasGoneOn || this.#isClosed) return;
    this.#hasGoneOn = true;
    const kept = this.#deps.keeper.read();
    if (!kept) return;
    this.#source = new SpeakerPieces();
    for (const [key, pieces] of kept) this.#source.set(key, pieces);
    this.#deps.log.info("the store is away: BGP sessions are opened as they were last");
    this.#configure();
    this.#notes.settled();
  }

  compiled(key: CompileKey, fragment: Fragment): void {
    if (this.#pieces.set(key, fragment.bgp)) this.#isStale = true;
    this.#notes.compiled(key, fragment.reports);
    this.#learned?.compiled(key);
    // Whatever decides over which routes count touches what this node exports too.
    if (key === keys.bgpExport) this.#moved(this.#reach.reconsider());
    this.#wake();
  }

  /** `isOwnAddress` may answer otherwise. */
  ownAddressesChanged(): void {
    this.#moved(this.nextHopsInUse);
  }

  /** What waits now; what comes meanwhile, as from a peer that tells a full table, waits for another pass. */
  contributed(): () => boolean {
    const goal = this.#decided + (this.#learned?.pending ?? 0);
    this.#wake();
    return () => this.#isClosed || this.#decided >= goal || !this.#learned?.pending;
  }

  settled(): void {
    if (this.#isClosed) return;
    this.#source = this.#pieces;
    if (this.#isStale && this.#configure()) this.#deps.keeper.keepSoon(this.#pieces);
    this.#isStale = false;
    this.#notes.settled();
    this.#letGoLearned();
  }

  /** Whether there is something to be. */
  #configure(): boolean {
    const { config, pieces, reports } = this.#source.wish(this.#deps.password);
    this.#notes.configured(reports);
    if (config) {
      this.#deps.turn("bgp configure", () => this.#speaker?.configure(config));
      this.#letGoDeleted(pieces);
      this.#configured = { at: this.#deps.wallClock.now(), config };
    }
    if (reports.length > 0) this.#lookAgain();
    return config !== undefined;
  }

  /** A secret that was missing may be there by then. */
  #lookAgain(): void {
    this.#secrets ??= this.#deps.clock.after(SECRETS_MS, () => {
      this.#secrets = undefined;
      if (this.#isClosed) return;
      this.#configure();
      this.#notes.settled();
    });
  }

  /** What a session that is removed has told stays for a while, unless the node or pod at its other end is no more. */
  #letGoDeleted(opened: ReadonlyMap<string, SessionPiece>): void {
    const { view, isInSync } = this.#agent ?? {};
    const gone = view && isInSync ? [...this.#opened].filter(([, piece]) => isEndDeleted(piece, view)) : [];
    this.#speaker?.letGo(gone.map(([session]) => session));
    this.#opened = opened;
  }

  /** Where next hops are is said by others' routes, save for interfaces that are ignored. */
  #saysNothing(route: RouteItem): boolean {
    return this.#deps.ownsRoute(route) || (this.#agent !== undefined && isIgnored(route, this.#agent.view));
  }

  /** Next hops that routes of peers lead over, where the kernel's routes say where they are. */
  get nextHopsInUse(): readonly IpAddress[] {
    return this.#reach.inUse;
  }

  #costOf(nextHop: IpAddress): number | undefined {
    if (this.#agent && speakingPodDevice(nextHop, this.#agent.view) !== undefined) return 0;
    if (!this.#agent?.isInSync && this.#isOpenedToPod(nextHop)) return 0;
    const reach = this.#reach;
    const resolution = reach.isInUse(nextHop) ? reach.resolve(nextHop) : reach.use(nextHop);
    return "hops" in resolution ? 0 : undefined;
  }

  /** While nobody has said which pods there are, those that were peers count as there. */
  #isOpenedToPod(address: IpAddress): boolean {
    for (const { session } of this.#opened.values())
      if (session.peer.address === address && isWorkloadSession(session)) return true;
    return false;
  }

  #routeSet(route: RouteItem): void {
    this.#learned?.kernelRoute(route);
    this.#moved(this.#reach.set(route));
  }

  #routeGone(route: RouteItem): void {
    this.#learned?.kernelRouteGone(route);
    this.#moved(this.#reach.remove(route));
  }

  #moved(nextHops: readonly IpAddress[]): void {
    for (const nextHop of nextHops) this.#speaker?.nextHopChanged(nextHop);
    this.#wake();
  }

  #wake(): void {
    if (this.#flushing || !this.#learned?.pending) return;
    const { clock, turn } = this.#deps;
    this.#flushing = turn("learned routes", () => clock.yield().then(() => this.#flush())).finally(() => {
      this.#flushing = undefined;
      this.#wake();
    });
  }

  async #flush(): Promise<void> {
    const { clock, turn } = this.#deps;
    while (this.#learned && this.#learned.pending > 0 && !this.#isClosed) {
      turn("learned routes", () =>
        this.#learned?.flush(SLICE, (key, fragment) => {
          this.#decided++;
          this.#agent?.dataplane.contribute(key, fragment);
        }),
      );
      await clock.yield();
    }
  }

  async #flushed(): Promise<void> {
    this.#wake();
    while (this.#flushing) await this.#flushing;
  }

  get status(): SpeakerStatus | undefined {
    return this.#speaker?.status();
  }

  /** For people who look at the tables, or listen to the sessions; undefined before `start`. */
  get speaker(): Pick<Speaker, "tables" | "messages" | "unanswered" | "keptSeconds"> | undefined {
    return this.#speaker;
  }

  /** What becomes of the best routes to the prefix; undefined where none was heard. */
  whyLearned(prefix: PrefixCode): LearnedDecision | undefined {
    const decision = this.#learned?.why(prefix);
    if (!decision || this.#agent?.isInSync) return decision;
    return { rejected: "the store is away since this agent began: what was last applied stays, and nothing is added" };
  }

  /** When it began to speak; undefined: not yet. */
  get since(): Date | undefined {
    return this.#since;
  }

  /** What it was told to be last; undefined: nothing yet. */
  get configured(): { readonly at: Date; readonly config: SpeakerConfig } | undefined {
    return this.#configured;
  }

  /** What keeps sessions from being, in words for people. */
  get reports(): readonly string[] {
    return this.#notes.lines;
  }

  /** Peers that know graceful restart keep this node's routes meanwhile. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#secrets?.cancel();
    this.#hostRoutes?.close();
    this.#speaker?.close("restart");
    await this.#deps.keeper.close();
    await this.#flushing;
  }
}
