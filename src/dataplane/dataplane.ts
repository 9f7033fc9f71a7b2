/**
 * The dataplane of one node: changes of the view go through compile and preference into what each driver shall hold,
 * and passes make it so.
 *
 *   change(view) ─▶ touched keys ─▶ compile ─▶ candidates ─▶ reconcilers ─▶ kernel
 *                                                   ▲              │ notifications mark keys
 *                                     last applied ─┘              ▼
 *                                                               repairs
 *
 * Nothing is written before `open`: every source has listed once, or the last applied state was read from disk.
 * One pass runs at a time: adds from links down to routes, removals the other way round (`order`). What is urgent, the
 * endpoints, is compiled and carried out ahead of the rest wherever a pass draws breath: somebody waits for it.
 */

import { CodedError } from "../base/errors.ts";
import type { Fragment } from "../compile/fragment.ts";
import type { Compiler } from "../compile/incremental.ts";
import { type ItemKind, type Items, order } from "../compile/items.ts";
import type { CompileKey } from "../compile/keys.ts";
import type { View } from "../compile/view.ts";
import type { TakenDevices } from "../kernel/taken-devices.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Failure } from "../reconcile/driver.ts";
import type { Candidate } from "../rib/candidates.ts";
import { type Drivers, ItemTables } from "./item-tables.ts";
import { PassMetrics } from "./pass-metrics.ts";
import type { ReconcilerStatus } from "./reconciler.ts";
import type { Repair } from "./repair.ts";
import { WaitingLine } from "./waiting-line.ts";

/** Compile keys per slice: at some microseconds each, well below the turn budget. */
const SLICE = 500;
/** A pass that threw is tried again after this. */
const FAILED_PASS_DELAY_MS = 1_000;

/** What a pass is at. One that failed to compile stays there: until it succeeds, nothing new comes out of compile. */
export type Phase = "idle" | "compile" | "apply";

/** Nothing is applied now, and nobody shall wait for it. */
export class NotOpenError extends CodedError<"notOpen", object> {}

export interface DataplaneDeps {
  readonly compiler: Compiler;
  readonly drivers: Drivers;
  readonly clock: Clock;
  readonly log: Log;
  /** Names and wraps work, to measure turns. */
  readonly turn: <T>(name: string, work: () => T) => T;
  readonly repaired: (repair: Repair) => void;
  /** Of the same kernel. */
  readonly taken: TakenDevices;
  readonly metrics: Pick<Metrics, "count" | "observe">;
  /** A pass has ended and nothing is marked: what is compiled is applied, failures apart. */
  readonly settled: () => void;
  /** A key was compiled: what it contributes beside items is for others. */
  readonly compiled?: (key: CompileKey, fragment: Fragment) => void;
  /**
   * Everything is compiled. Gives a question: whether others have contributed what they make of it, so that nothing is taken
   * away that one of them puts something else in the place of.
   */
  readonly contributed?: () => () => boolean;
  /** Why the dataplane was not opened yet, in words. */
  readonly whyNotOpen: () => string;
}

export class Dataplane {
  readonly #deps: DataplaneDeps;
  readonly #tables: ItemTables;
  #isOpen = false;
  #removes = false;
  #isClosed = false;
  #running: Promise<void> | undefined;
  #woken = false;
  /** Who waits for everything, and who for the endpoints alone. */
  readonly #all = new WaitingLine();
  readonly #urgent = new WaitingLine();
  readonly #metrics: PassMetrics;
  #phase: Phase = "idle";
  #progress: (phase: Phase) => void = () => undefined;

  constructor(deps: DataplaneDeps) {
    this.#deps = deps;
    this.#metrics = new PassMetrics(deps.metrics);
    const { failed } = this.#metrics;
    const progress = () => this.#progress("apply");
    this.#tables = new ItemTables({ ...deps, wake: () => this.#wake(), progress, failed });
  }

  /** Changes the view; what it touches is compiled and applied soon. Nothing touched, nothing done. */
  change(work: (view: View, touch: (key: CompileKey) => void) => void): void {
    const { compiler, turn } = this.#deps;
    turn("change", () => work(compiler.view, compiler.touch));
    if (compiler.pending > 0) this.#wake();
  }

  /**
   * From now on the kernel is written. Without `removes` nothing of ours is taken away: what is wanted may be less than
   * what runs, as long as nobody has vouched that it is all.
   */
  open({ removes }: { readonly removes: boolean }): void {
    if (removes && !this.#removes) this.#wake();
    this.#removes ||= removes;
    if (this.#isOpen) return;
    this.#isOpen = true;
    for (const reconciler of this.#tables.reconcilers) reconciler.start();
    this.#wake();
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Calls whenever a pass has got on: a slice is compiled, a driver has answered, a pass has ended. One listener. */
  onProgress(listener: (phase: Phase) => void): void {
    this.#progress = listener;
  }

  /** Reads the kernel again: the periodic refresh. */
  resync(reason: string, kinds: readonly ItemKind[] = order): void {
    for (const kind of kinds) this.#tables.reconciler(kind).resync(reason);
  }

  /** What comes of something other than a compile key, a learned route, in place of what came of it before. */
  contribute(source: string, fragment: Fragment): void {
    this.#tables.take(source, fragment);
  }

  /** What a source other than compile wants (the last applied state), in place of what it wanted before. */
  offer<K extends ItemKind>(kind: K, source: string, wanted: readonly Candidate<Items[K]>[]): void {
    this.#tables.offer(kind, source, wanted);
  }

  /**
   * Resolves when everything that was changed before the call is compiled and has been tried once. Rejects with
   * NotOpenError.
   */
  applied(): Promise<void> {
    return this.#wait(this.#all);
  }

  /** The same of endpoints alone, which need not wait for the rest. */
  endpointsApplied(): Promise<void> {
    return this.#wait(this.#urgent);
  }

  async #wait(line: WaitingLine): Promise<void> {
    if (this.#isClosed) throw ending();
    if (!this.#isOpen) throw new NotOpenError("notOpen", `the dataplane is not open: ${this.#deps.whyNotOpen()}`, {});
    const done = line.join();
    this.#wake();
    await done;
  }

  #wake(): void {
    this.#woken = true;
    if (!this.#isOpen || this.#isClosed || this.#running) return;
    const { turn, clock } = this.#deps;
    this.#running = turn("pass", () => clock.yield().then(() => this.#run()));
  }

  async #run(): Promise<void> {
    try {
      while (this.#woken && !this.#isClosed) {
        this.#woken = false;
        await this.#pass();
      }
    } catch (failure) {
      this.#deps.log.error("a pass of the dataplane ended early, all kinds are read again", {}, failure);
      this.#metrics.failed();
      this.resync("a pass failed");
      if (this.#phase === "apply") this.#phase = "idle";
    } finally {
      this.#running = undefined;
      this.#metrics.ended();
    }
    if (this.#woken && !this.#isClosed) this.#deps.clock.after(FAILED_PASS_DELAY_MS, () => this.#wake());
    else this.#deps.settled();
    if (this.#phase === "idle") this.#progress("idle");
  }

  async #pass(): Promise<void> {
    const { compiler, clock, turn, metrics } = this.#deps;
    const begun = clock.now();
    // Who waits stays in line until the pass is through: one that throws is followed by another.
    const served = this.#all.length;
    this.#phase = "compile";
    await this.#passUrgent();
    while (compiler.pending > 0) {
      turn("compile", () => compiler.flush(SLICE, this.#take));
      this.#progress("compile");
      if (compiler.pending === 0) break;
      await clock.yield();
      await this.#passUrgent();
    }
    const isContributed = this.#deps.contributed?.() ?? (() => true);
    while (!isContributed() && !this.#isClosed) {
      await clock.yield();
      await this.#passUrgent();
    }
    this.#metrics.compiled();
    this.#phase = "apply";
    await this.#refresh();
    const { reconcilers } = this.#tables;
    await this.#passUrgent();
    const between = () => this.#passUrgent();
    for (const reconciler of reconcilers) await reconciler.addsPass({ between });
    if (this.#removes) for (const reconciler of reconcilers.toReversed()) await reconciler.removalsPass({ between });
    this.#phase = "idle";
    this.#metrics.ended();
    metrics.observe("applySeconds", (clock.now() - begun) / 1_000);
    this.#all.release(served);
  }

  async #refresh(): Promise<void> {
    const { clock, metrics } = this.#deps;
    for (const kind of order) {
      const begun = clock.now();
      const wasRead = await this.#tables.reconciler(kind).refresh();
      if (wasRead && kind === "routes") metrics.observe("routeResyncSeconds", (clock.now() - begun) / 1_000);
    }
  }

  /**
   * Endpoints ahead of everything else. Not before what the kernel holds is known: after a start, lost notifications or a
   * pass that failed, the pass reads first.
   */
  async #passUrgent(): Promise<void> {
    const { compiler, turn } = this.#deps;
    const { reconcilers } = this.#tables;
    if (reconcilers.some(({ isStale }) => isStale)) return;
    const served = this.#urgent.length;
    const phase = this.#phase;
    if (compiler.pendingUrgent > 0) {
      this.#phase = "compile";
      turn("compile", () => compiler.flushUrgent(this.#take));
      this.#progress("compile");
    }
    this.#phase = "apply";
    for (const reconciler of reconcilers) await reconciler.addsPass({ urgentOnly: true });
    if (this.#removes) {
      for (const reconciler of reconcilers.toReversed()) await reconciler.removalsPass({ urgentOnly: true });
    }
    this.#phase = phase;
    this.#urgent.release(served);
  }

  readonly #take: ItemTables["take"] = (key, fragment) => {
    this.#metrics.taken(fragment);
    this.#tables.take(key, fragment);
    this.#deps.compiled?.(key, fragment);
  };

  /** How often an item that shall be has come, gone or become another: the same number, the same items. */
  get changes(): number {
    return this.#tables.changes;
  }

  /** What compile reports as missing or wrong, by compile key. */
  get reports(): ReadonlyMap<CompileKey, readonly string[]> {
    return this.#tables.reports;
  }

  /** Items that shall be, the winner of each key, with the source that wants it. */
  desired<K extends ItemKind>(kind: K): Iterable<{ key: string; value: Items[K]; source: string }> {
    return this.#tables.desired(kind);
  }

  /** The winner of one key; undefined where nothing shall be there. */
  wanted<K extends ItemKind>(kind: K, key: string): { readonly value: Items[K]; readonly source: string } | undefined {
    return this.#tables.wanted(kind, key);
  }

  /** Items of a kind that could not be set, with the kernel's reason. */
  failures(kind: ItemKind): readonly Failure[] {
    return this.#tables.failures(kind);
  }

  /** What keeps a source's items from being real: the failures of its keys. */
  failuresOf(source: string): readonly string[] {
    return this.#tables.failuresOf(source);
  }

  /** The same of all sources that have some, by one walk over the failures: for who asks of many. */
  failuresBySource(): ReadonlyMap<string, readonly string[]> {
    return this.#tables.failuresBySource();
  }

  status(): readonly (ReconcilerStatus & { readonly desired: number })[] {
    return this.#tables.status();
  }

  /** Ends the passes and the drivers; the kernel keeps everything. Who waits is told. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    for (const line of [this.#all, this.#urgent]) line.refuse(ending());
    for (const reconciler of this.#tables.reconcilers) reconciler.close();
  }
}

const ending = (): NotOpenError => new NotOpenError("notOpen", "the dataplane is not open: the agent ends", {});
