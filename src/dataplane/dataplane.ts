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
 * One pass runs at a time: adds from links down to routes, removals the other way round (`order`).
 */

import type { Fragment } from "../compile/fragment.ts";
import type { Compiler } from "../compile/incremental.ts";
import { describe, type ItemKind, type Items, keyOf, order } from "../compile/items.ts";
import { routeKey } from "../compile/node-state.ts";
import type { CompileKey, View } from "../compile/view.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Driver, Failure } from "../reconcile/driver.ts";
import { type Candidate, Candidates } from "../rib/candidates.ts";
import { type Desired, Reconciler, type ReconcilerStatus, type Repair } from "./reconciler.ts";

/** Compile keys per slice: at some microseconds each, well below the turn budget. */
const SLICE = 500;
/** A pass that threw is tried again after this. */
const FAILED_PASS_DELAY_MS = 1_000;

export type Drivers = { readonly [K in ItemKind]: Driver<Items[K]> };

interface Kind {
  readonly candidates: Candidates<unknown>;
  readonly reconciler: Reconciler<unknown>;
}

export interface DataplaneDeps {
  readonly compiler: Compiler;
  readonly drivers: Drivers;
  readonly clock: Clock;
  readonly log: Log;
  /** Wraps each stretch of synchronous work, to measure turns. */
  readonly turn: <T>(name: string, work: () => T) => T;
  readonly repaired: (repair: Repair) => void;
  readonly metrics: Pick<Metrics, "observe">;
  /** A pass has ended and nothing is marked: what is compiled is applied, failures apart. */
  readonly settled: () => void;
}

export class Dataplane {
  readonly #deps: DataplaneDeps;
  readonly #kinds: ReadonlyMap<ItemKind, Kind>;
  readonly #reports = new Map<CompileKey, readonly string[]>();
  #changes = 0;
  #isOpen = false;
  #removes = false;
  #isClosed = false;
  #running: Promise<void> | undefined;
  #woken = false;
  readonly #waiters: (() => void)[] = [];

  constructor(deps: DataplaneDeps) {
    this.#deps = deps;
    this.#kinds = new Map(order.map((kind) => [kind, this.#kind(kind)]));
  }

  #kind(kind: ItemKind): Kind {
    const { drivers, clock, log, repaired } = this.#deps;
    const candidates = new Candidates<unknown>();
    const desired: Desired<unknown> = { get: (key) => candidates.get(key), keys: () => candidates.keys() };
    const driver = drivers[kind] as Driver<unknown>;
    const words = describe[kind] as (item: unknown) => string;
    const wake = () => this.#wake();
    const deps = { driver, desired, describe: words, clock, log, repaired, wake };
    return { candidates, reconciler: new Reconciler(deps) };
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
    for (const { reconciler } of this.#kinds.values()) reconciler.start();
    this.#wake();
  }

  /** Reads the kernel again: the periodic refresh. */
  resync(reason: string, kinds: readonly ItemKind[] = order): void {
    for (const kind of kinds) this.#of(kind).reconciler.resync(reason);
  }

  /** What a source other than compile wants (the last applied state, learned routes), in place of what it wanted before. */
  offer<K extends ItemKind>(kind: K, source: string, wanted: readonly Candidate<Items[K]>[]): void {
    const { candidates, reconciler } = this.#of(kind);
    if (candidates.set(source, wanted, (key) => reconciler.mark(key))) this.#changes++;
  }

  /** Resolves when everything that was changed before the call is compiled and has been tried once. */
  applied(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#wake();
    });
  }

  #of(kind: ItemKind): Kind {
    const found = this.#kinds.get(kind);
    if (!found) throw new Error(`no such kind of item: ${kind}`);
    return found;
  }

  #wake(): void {
    this.#woken = true;
    if (!this.#isOpen || this.#isClosed || this.#running) return;
    this.#running = this.#deps.clock.yield().then(() => this.#run());
  }

  async #run(): Promise<void> {
    try {
      while (this.#woken && !this.#isClosed) {
        this.#woken = false;
        await this.#pass();
      }
    } catch (failure) {
      this.#deps.log.error("a pass of the dataplane ended early, all kinds are read again", {}, failure);
      this.resync("a pass failed");
    } finally {
      this.#running = undefined;
    }
    if (this.#woken && !this.#isClosed) this.#deps.clock.after(FAILED_PASS_DELAY_MS, () => this.#wake());
    else this.#deps.settled();
  }

  async #pass(): Promise<void> {
    const { compiler, clock, turn, metrics } = this.#deps;
    const begun = clock.now();
    // Who waits stays in line until the pass is through: one that throws is followed by another.
    const waiting = this.#waiters.length;
    while (compiler.pending > 0) {
      turn("compile", () => compiler.flush(SLICE, (key, fragment) => this.#take(key, fragment)));
      if (compiler.pending > 0) await clock.yield();
    }
    for (const kind of order) await this.#of(kind).reconciler.refresh();
    for (const kind of order) await this.#of(kind).reconciler.addsPass();
    if (this.#removes) for (const kind of [...order].reverse()) await this.#of(kind).reconciler.removalsPass();
    metrics.observe("applySeconds", (clock.now() - begun) / 1_000);
    for (const done of this.#waiters.splice(0, waiting)) done();
  }

  #take(key: CompileKey, fragment: Fragment): void {
    const offer = <K extends ItemKind>(kind: K, items: readonly Items[K][] = []) =>
      this.offer(
        kind,
        key,
        items.map((value) => ({ key: keyOf[kind](value), value, preference: 0 })),
      );
    offer("links", fragment.links);
    offer("addresses", fragment.addresses);
    offer("sysctls", fragment.sysctls);
    offer("tables", fragment.tables);
    offer("neighbours", fragment.neighbours);
    offer("fdb", fragment.fdb);
    const routes = fragment.routes ?? [];
    this.offer(
      "routes",
      key,
      routes.map(({ route, preference }) => ({ key: routeKey(route), value: route, preference })),
    );
    if (fragment.reports) this.#reports.set(key, fragment.reports);
    else this.#reports.delete(key);
  }

  /** How often an item that shall be has come, gone or become another: the same number, the same items. */
  get changes(): number {
    return this.#changes;
  }

  /** What compile reports as missing or wrong, by compile key. */
  get reports(): ReadonlyMap<CompileKey, readonly string[]> {
    return this.#reports;
  }

  /** Items that shall be, the winner of each key, with the source that wants it. */
  *desired<K extends ItemKind>(kind: K): Iterable<{ key: string; value: Items[K]; source: string }> {
    const { candidates } = this.#of(kind);
    for (const key of candidates.keys()) {
      const value = candidates.get(key) as Items[K];
      yield { key, value, source: candidates.sourceOf(key) ?? "" };
    }
  }

  /** Items of a kind that could not be set, with the kernel's reason. */
  failures(kind: ItemKind): readonly Failure[] {
    return this.#of(kind).reconciler.status().failed;
  }

  /** What keeps a source's items from being real: the failures of its keys. */
  failuresOf(source: string): readonly string[] {
    return order.flatMap((kind) => {
      const { candidates, reconciler } = this.#of(kind);
      return candidates.keysOf(source).flatMap((key) => {
        const error = candidates.sourceOf(key) === source ? reconciler.failure(key) : undefined;
        return error ? [`${kind} ${key}: ${error.message}`] : [];
      });
    });
  }

  /** The same of all sources that have some, by one walk over the failures: for who asks of many. */
  failuresBySource(): ReadonlyMap<string, readonly string[]> {
    const bySource = new Map<string, string[]>();
    for (const kind of order) {
      const { candidates, reconciler } = this.#of(kind);
      for (const { key, error } of reconciler.status().failed) {
        const source = candidates.sourceOf(key) ?? "";
        const failures = bySource.get(source) ?? [];
        failures.push(`${kind} ${key}: ${error.message}`);
        bySource.set(source, failures);
      }
    }
    return bySource;
  }

  status(): readonly (ReconcilerStatus & { readonly desired: number })[] {
    return order.map((kind) => {
      const { candidates, reconciler } = this.#of(kind);
      return { ...reconciler.status(), desired: candidates.size };
    });
  }

  /** Ends the passes and the drivers; the kernel keeps everything. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    for (const { reconciler } of this.#kinds.values()) reconciler.close();
  }
}
