/**
 * What one node shall hold, kind by kind: who wants what (candidates), and what makes the winners real (a reconciler for
 * each kind). Knows no passes: `Dataplane` says when.
 */
import type { Fragment } from "../compile/fragment.ts";
import { describe, devicesOf, type ItemKind, type Items, keyOf, order } from "../compile/items.ts";
import { type CompileKey, isUrgent } from "../compile/keys.ts";
import { routeKey } from "../compile/node-state.ts";
import type { Driver, Failure } from "../reconcile/driver.ts";
import type { Desired } from "../reconcile/plan.ts";
import { type Candidate, Candidates } from "../rib/candidates.ts";
import { Reconciler, type ReconcilerDeps, type ReconcilerStatus } from "./reconciler.ts";

export type Drivers = { readonly [K in ItemKind]: Driver<Items[K]> };

interface Kind {
  readonly candidates: Candidates<unknown>;
  readonly reconciler: Reconciler<unknown>;
}

export type ItemTablesDeps = Omit<ReconcilerDeps<unknown>, "driver" | "desired" | "describe" | "devicesOf"> & {
  readonly drivers: Drivers;
};

export class ItemTables {
  readonly #kinds: ReadonlyMap<ItemKind, Kind>;
  readonly #reports = new Map<CompileKey, readonly string[]>();
  #changes = 0;

  constructor(deps: ItemTablesDeps) {
    this.#kinds = new Map(order.map((kind) => [kind, makeKind(kind, deps)]));
  }

  reconciler(kind: ItemKind): Reconciler<unknown> {
    return this.#of(kind).reconciler;
  }

  /** In the order in which items are added. */
  get reconcilers(): readonly Reconciler<unknown>[] {
    return order.map((kind) => this.#of(kind).reconciler);
  }

  /** What a source wants, in place of what it wanted before. */
  offer<K extends ItemKind>(kind: K, source: string, wanted: readonly Candidate<Items[K]>[]): void {
    const { candidates, reconciler } = this.#of(kind);
    const mark = isUrgent(source) ? reconciler.markUrgent : reconciler.mark;
    if (candidates.set(source, wanted, mark)) this.#changes++;
  }

  /** What a compile key contributes now. */
  take(key: CompileKey, fragment: Fragment): void {
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
    offer("tunnelSources", fragment.tunnelSources);
    const routes = fragment.routes ?? [];
    this.offer(
      "routes",
      key,
      routes.map(({ route, preference }) => ({ key: routeKey(route), value: route, preference })),
    );
    if (fragment.reports) this.#reports.set(key, fragment.reports);
    else this.#reports.delete(key);
  }

  get changes(): number {
    return this.#changes;
  }

  get reports(): ReadonlyMap<CompileKey, readonly string[]> {
    return this.#reports;
  }

  *desired<K extends ItemKind>(kind: K): Iterable<{ key: string; value: Items[K]; source: string }> {
    const { candidates } = this.#of(kind);
    for (const key of candidates.keys()) {
      const value = candidates.get(key) as Items[K];
      yield { key, value, source: candidates.sourceOf(key) ?? "" };
    }
  }

  wanted<K extends ItemKind>(kind: K, key: string): { readonly value: Items[K]; readonly source: string } | undefined {
    const { candidates } = this.#of(kind);
    const value = candidates.get(key);
    return value === undefined ? undefined : { value: value as Items[K], source: candidates.sourceOf(key) ?? "" };
  }

  failures(kind: ItemKind): readonly Failure[] {
    return this.#of(kind).reconciler.status().failed;
  }

  failuresOf(source: string): readonly string[] {
    return order.flatMap((kind) => {
      const { candidates, reconciler } = this.#of(kind);
      return candidates.keysOf(source).flatMap((key) => {
        const error = candidates.sourceOf(key) === source ? reconciler.failure(key) : undefined;
        return error ? [failureText(kind, { key, error })] : [];
      });
    });
  }

  failuresBySource(): ReadonlyMap<string, readonly string[]> {
    const bySource = new Map<string, string[]>();
    for (const kind of order) {
      const { candidates, reconciler } = this.#of(kind);
      for (const failure of reconciler.status().failed) {
        const source = candidates.sourceOf(failure.key) ?? "";
        const failures = bySource.get(source) ?? [];
        failures.push(failureText(kind, failure));
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

  #of(kind: ItemKind): Kind {
    const found = this.#kinds.get(kind);
    if (!found) throw new Error(`no such kind of item: ${kind}`);
    return found;
  }
}

function makeKind(kind: ItemKind, { drivers, ...deps }: ItemTablesDeps): Kind {
  const candidates = new Candidates<unknown>();
  const desired: Desired<unknown> = { get: (key) => candidates.get(key), keys: () => candidates.keys() };
  const driver = drivers[kind] as Driver<unknown>;
  const words = describe[kind] as (item: unknown) => string;
  const devices = devicesOf[kind] as (item: unknown) => readonly string[];
  const reconciler = new Reconciler({ ...deps, driver, desired, describe: words, devicesOf: devices });
  return { candidates, reconciler };
}

const failureText = (kind: ItemKind, { key, error }: Failure): string => `${kind} ${key}: ${error.message}`;
