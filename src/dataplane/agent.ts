/**
 * The agent of one node: store events go through the intent into the dataplane, what was applied goes to disk.
 *
 *   store ─ follower ─▶ intent ─▶ view ─▶ dataplane ─▶ kernel
 *                          └─▶ settings (small kinds)       └─▶ last applied, on disk ─┐
 *   next run: dataplane ◀──────────────────────────────────────────────────────────────┘
 *
 * Absence proves nothing (DESIGN 2): until the store has listed everything and continues what the disk knows, the last
 * applied state is wanted beside whatever is compiled, so nothing that runs is taken away. Of that, what hangs on an
 * object that is there and cannot be read goes on being wanted until somebody mends or deletes the object.
 */
import { messageOf } from "../base/errors.ts";
import type { Fragment } from "../compile/fragment.ts";
import { Compiler } from "../compile/incremental.ts";
import { type CompileKey, keys } from "../compile/keys.ts";
import { describeOrigin } from "../compile/project.ts";
import type { Encapsulation } from "../compile/tunnels/encapsulation.ts";
import { IPIP_DEVICE } from "../compile/tunnels/ipip.ts";
import type { Local } from "../compile/view.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { LinkTable } from "../kernel/link-table.ts";
import type { TakenDevices } from "../kernel/taken-devices.ts";
import type { Clock, Millis } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { StateFile } from "../port/state-file.ts";
import type { Continuity, Cursor, Listing, Store, Stored, StoreError, WatchEvent } from "../port/store.ts";
import { Changeover } from "./changeover.ts";
import { Dataplane } from "./dataplane.ts";
import { compiledKinds, Intent } from "./intent.ts";
import type { Drivers } from "./item-tables.ts";
import { Keeper, type Kept } from "./keeper.ts";
import { describeRepair, type Repair } from "./repair.ts";
import { Settings, settingKinds } from "./settings.ts";
import { StoreFollower } from "./store-follower.ts";
import { UnreadableObjects } from "./unreadable.ts";

export type StoreState =
  | { readonly state: "listing" }
  | { readonly state: "inSync"; readonly cursor: Cursor }
  | { readonly state: "away"; readonly error: string }
  | { readonly state: "refused"; readonly continuity: Exclude<Continuity, "continues"> };

export interface AgentDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly drivers: Drivers;
  /** Of the same kernel. */
  readonly links: Pick<LinkTable, "byName" | "listen">;
  /** Of the same kernel: what its drivers, and the plugin's side, take away. */
  readonly taken: TakenDevices;
  readonly stateFile: StateFile;
  /** Take the store as it is, even when it does not continue what this node's disk knows. */
  readonly acceptStore: boolean;
  readonly turn: <T>(name: string, work: () => T) => T;
  readonly metrics: Pick<Metrics, "count" | "observe" | "set">;
  /**
   * Settings changed: pools, configurations, the own Node, or how far a change of modes has come. Called once per burst, and
   * after the first lists.
   */
  readonly settingsChanged: (settings: Settings) => void;
  /** Who else follows objects of the store, by the same watch. */
  readonly follower?: KindFollower;
  /** Who speaks BGP; left out, nothing is learned. */
  readonly bgp?: BgpSide;
}

/** Objects of some kinds, as the store tells them. */
export interface KindFollower {
  readonly kinds: readonly string[];
  /** A whole list of one of the kinds. */
  listed(listing: Listing): void;
  /** Of every kind that the agent follows. */
  events(events: readonly WatchEvent[]): void;
}

/** What is compiled for a BGP speaker, as it is compiled. The routes that it learns come by `dataplane.contribute`. */
export interface BgpSide {
  compiled(key: CompileKey, fragment: Fragment): void;
  /** Begins to contribute what follows from what was compiled before the call; whether it is done is asked for. */
  contributed(): () => boolean;
  /** All that the store has is compiled, as far as it goes. */
  settled(): void;
  /** The store is away, or another one, since this agent began: what the node did last goes on. May be told again. */
  goesOn(): void;
}

export class Agent {
  readonly dataplane: Dataplane;
  readonly settings: Settings;
  readonly #deps: AgentDeps;
  readonly #compiler: Compiler;
  readonly #changeover: Changeover;
  readonly #intent: Intent;
  readonly #unreadable: UnreadableObjects;
  readonly #follower: StoreFollower;
  readonly #keeper: Keeper;
  readonly #stopListening: () => void;
  readonly #repairs: (Repair & { readonly at: number })[] = [];
  #store: StoreState = { state: "listing" };
  #cursor: Cursor | undefined;
  /** When this agent was made, until a pass has settled in sync with the store. */
  #begun: Millis | undefined;

  constructor(local: Local, deps: AgentDeps) {
    this.#deps = deps;
    this.#begun = deps.clock.now();
    this.#compiler = new Compiler(local);
    this.dataplane = new Dataplane({
      compiler: this.#compiler,
      drivers: deps.drivers,
      clock: deps.clock,
      log: deps.log,
      turn: deps.turn,
      metrics: deps.metrics,
      taken: deps.taken,
      repaired: (repair) => this.#repaired(repair),
      settled: () => this.#settled(),
      compiled: (key, fragment) => deps.bgp?.compiled(key, fragment),
      contributed: () => deps.bgp?.contributed() ?? (() => true),
      whyNotOpen: () => this.#whyNotOpen(),
    });
    this.#noteIpip();
    this.#stopListening = deps.links.listen({ changed: () => this.#noteIpip(), lost: () => undefined });
    this.#changeover = new Changeover(deps.clock, (name, pool) => {
      this.#change(() => this.#intent.setPool(name, pool));
      deps.settingsChanged(this.settings);
    });
    this.#intent = new Intent(this.#compiler.view, this.#compiler.touch, {
      stage: this.#changeover.stage,
      log: deps.log,
    });
    this.#unreadable = new UnreadableObjects(deps.log);
    this.settings = new Settings(local.node, deps.clock, deps.settingsChanged);
    const { store, clock, log, stateFile } = deps;
    this.#keeper = new Keeper({ node: local.node, stateFile, clock, log });
    this.#keeper.offer(this.dataplane);
    const known = deps.acceptStore ? undefined : this.#keeper.cursor;
    const also = deps.follower;
    const kinds = [...new Set([...compiledKinds, ...settingKinds, ...(also?.kinds ?? [])])];
    this.#follower = new StoreFollower(
      { store, clock, kinds, ...(known === undefined ? {} : { known }) },
      {
        listed: (kind, listing) => {
          this.#unreadable.listed(kind, listing);
          this.#takeIn(() => this.#intent.listed(kind, listing));
          this.settings.listed(kind, listing);
          if (also?.kinds.includes(kind)) also.listed(listing);
        },
        events: (events, cursor) => {
          for (const { type } of events) deps.metrics.count("updatesProcessed", 1, { type });
          this.#cursor = cursor;
          this.#store = { state: "inSync", cursor };
          this.#takeIn(() => {
            for (const event of events) {
              this.#unreadable.event(event);
              this.#intent.event(event);
            }
          });
          this.settings.events(events);
          also?.events(events);
        },
        synced: (cursor) => this.#synced(cursor),
        lost: (error) => this.#lost(error),
        recovered: () => this.#recovered(),
        refused: (continuity) => this.#refused(continuity),
      },
    );
  }

  get view() {
    return this.#compiler.view;
  }

  get store(): StoreState {
    return this.#store;
  }

  /** Whether everything was listed once: what readiness turns on. */
  get isInSync(): boolean {
    return this.#cursor !== undefined;
  }

  /** Whether a pass has settled since everything was listed: what is wanted is in the kernel, failures apart. */
  get isApplied(): boolean {
    return this.#begun === undefined;
  }

  /** Compile keys that wait. */
  get waiting(): number {
    return this.#compiler.pending;
  }

  /** Workload endpoints in the cluster; exact within one or two in 100,000. */
  get clusterEndpoints(): number {
    return this.#intent.endpoints;
  }

  /** The newest repairs of what foreign hands changed, oldest first. */
  get repairs(): readonly (Repair & { readonly at: number })[] {
    return this.#repairs;
  }

  /** Objects of the store that cannot be read, or a field of which cannot; one line for each. */
  get unreadable(): readonly string[] {
    return [...this.#unreadable.reasons, ...this.#intent.unreadable.map(messageOf)];
  }

  /** CIDRs that hold routes of ours: of now and of the last apply. */
  ownPrefixes(): readonly Prefix[] {
    return [...this.view.ownRanges(), ...this.#keeper.pools];
  }

  /**
   * Before anything is written to the store: whether it is the one that this node knows. When it is not, or does not
   * answer, the node goes on with what it last applied. Resolves to false where it must not be worked with.
   */
  async isStoreKnown(): Promise<boolean> {
    const known = this.#keeper.cursor;
    if (known === undefined || this.#deps.acceptStore) return true;
    const { store } = this.#deps;
    const { cursor } = await store.list({ kind: "ClusterInformation" });
    const continuity = store.continuity(known, cursor);
    if (continuity === "continues") return true;
    this.#refused(continuity);
    return false;
  }

  /** The store does not answer yet: the kernel is repaired from what was last applied. */
  storeAway(error: StoreError): void {
    this.#lost(error);
  }

  /** Follows the store from now on. */
  start(): void {
    this.#deps.turn("store", () => this.#follower.start());
  }

  /** Whether others may still send so to this node, by any pool. */
  receives(by: Encapsulation): boolean {
    return this.#changeover.receives(by);
  }

  /** Changes of modes that are not carried out to their end, in words. */
  get changesUnderWay(): readonly string[] {
    return this.#changeover.underWay();
  }

  /** Whether routes that an earlier run learned are there still. */
  get hasLearned(): boolean {
    return this.#keeper.hasLearned;
  }

  /** Whatever is to be learned by BGP has been: what an earlier run learned beside it goes. */
  routesLearned(): void {
    this.#keeper.letGoLearned(this.dataplane);
  }

  setLocal(local: Local): void {
    this.dataplane.change((view, touch) => view.setLocal(local, touch));
  }

  #noteIpip(): void {
    const isUp = this.#deps.links.byName(IPIP_DEVICE)?.up ?? false;
    this.dataplane.change((view, touch) => view.setIpipUp(isUp, touch));
  }

  /**
   * An endpoint that the plugin has just stored: taken in at once, ahead of the watch and of all other work. Resolves
   * when its routes and settings are tried, with what failed. Rejects with NotOpenError.
   */
  async endpointChanged(endpoint: Stored): Promise<readonly string[]> {
    const key = keys.endpoint(describeOrigin(endpoint.key));
    this.#change(() => {
      this.#intent.event({ type: "changed", object: endpoint });
      // As it was, too: its device may be a new one, and what failed is tried again now.
      this.#compiler.touch(key);
    });
    await this.dataplane.endpointsApplied();
    return this.dataplane.failuresOf(key);
  }

  /** An endpoint that the plugin has just deleted. Resolves when its routes are gone. Rejects with NotOpenError. */
  async endpointRemoved(endpoint: Stored["key"]): Promise<void> {
    this.#change(() => this.#intent.event({ type: "removed", key: endpoint }));
    await this.dataplane.endpointsApplied();
  }

  #change(work: () => void): void {
    this.dataplane.change(work);
    if (this.#keeper.isHolding) this.#keeper.hold(this.dataplane, this.#intent.unknownKeys);
  }

  #whyNotOpen(): string {
    const store = this.#store;
    if (store.state === "away") return `${store.error}, and this node has no last applied state to work from`;
    if (store.state === "refused") return "the store is not the one this node knows";
    return "the store is not listed yet";
  }

  /** Takes in a batch from the store. */
  #takeIn(work: () => void): void {
    const { clock, metrics } = this.#deps;
    const begun = clock.now();
    this.#change(work);
    metrics.observe("updateSeconds", (clock.now() - begun) / 1_000);
  }

  #synced(cursor: Cursor): void {
    this.#deps.metrics.count("resyncsStarted", 1);
    this.#cursor = cursor;
    this.#store = { state: "inSync", cursor };
    this.#keeper.hold(this.dataplane, this.#intent.unknownKeys);
    this.#keeper.renew();
    if (!this.#deps.bgp) this.routesLearned();
    this.dataplane.open({ removes: true });
    this.#deps.log.info("in sync with the store", {
      cursor,
      nodes: this.view.nodes.size,
      blocks: this.view.blocks.size,
    });
  }

  #lost(error: StoreError): void {
    if (this.#store.state !== "away") {
      this.#deps.metrics.count("storeInterruptions", 1);
      this.#deps.log.warn("the store is away: forwarding goes on as last applied, nothing new is opened", {}, error);
    }
    this.#store = { state: "away", error: error.message };
    this.#goOn();
  }

  /** Not before the store has vouched for anything: as last applied, and nothing is taken away. */
  #goOn(): void {
    if (this.#keeper.cursor === undefined || this.isInSync) return;
    this.dataplane.open({ removes: false });
    this.#deps.bgp?.goesOn();
  }

  #recovered(): void {
    this.#deps.log.info("the store is back");
    this.#store = this.#cursor === undefined ? { state: "listing" } : { state: "inSync", cursor: this.#cursor };
  }

  #refused(continuity: Exclude<Continuity, "continues">): void {
    this.#store = { state: "refused", continuity };
    const why = continuity === "rolledBack" ? "went back in time" : "is not the one this node last worked with";
    this.#deps.log.error(
      `the store ${why}: forwarding goes on as last applied and nothing new is opened; if the store is right, restart with --accept-store`,
      { file: this.#keeper.path },
    );
    this.#goOn();
  }

  #repaired(repair: Repair): void {
    this.#deps.log.warn(`a foreign hand was here: ${describeRepair(repair)}`);
    this.#repairs.push({ ...repair, at: this.#deps.clock.now() });
    if (this.#repairs.length > 100) this.#repairs.shift();
    this.#deps.metrics.count("repairs", 1, { kind: repair.kind });
  }

  #settled(): void {
    if (this.#begun !== undefined && this.isInSync) {
      this.#deps.metrics.set("initialResyncSeconds", (this.#deps.clock.now() - this.#begun) / 1_000);
      this.#begun = undefined;
    }
    if (this.isInSync) this.#deps.bgp?.settled();
    // Only what the store has vouched for is kept: a state that was repaired from disk is there already.
    const cursor = this.#cursor;
    if (cursor !== undefined && this.#store.state === "inSync")
      this.#keeper.keepSoon(() => this.#kept(this.#cursor ?? cursor));
  }

  #kept(cursor: Cursor): Kept {
    return { dataplane: this.dataplane, cursor, pools: this.view.ownRanges() };
  }

  /** Ends; the kernel keeps everything. */
  async close(): Promise<void> {
    this.#follower.close();
    this.#stopListening();
    this.#changeover.close();
    this.settings.close();
    await this.dataplane.close();
    const isVouched = this.#store.state === "inSync" && this.#cursor !== undefined;
    await this.#keeper.close(isVouched ? this.#kept(this.#cursor ?? "") : undefined);
  }
}
